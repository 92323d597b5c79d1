"""Second factors of accounts: an authenticator app, and a clock that stands still."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pyotp

from tests.support.accounts import API, Account

_START = 1_800_000_000.0


@dataclass
class Clock:
    """The time by which codes are checked. It moves only when told to."""

    seconds: float = _START

    def step(self, count: int = 1) -> None:
        """Let the time of so many codes pass."""
        self.seconds += 30 * count


@dataclass
class App:
    """An authenticator app with one account, and the recovery codes that came with it."""

    clock: Clock
    factor_id: str
    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, *, offset: int = 0) -> str:
        """The code of now, or of so many steps later."""
        return str(pyotp.TOTP(self.secret).at(self.clock.seconds, counter_offset=offset))

    def next_code(self) -> str:
        """A code that was not used yet: the time of one passes."""
        self.clock.step()
        return self.code()

    def wrong_code(self) -> str:
        """Six digits that are the code of no time near."""
        near = {self.code(offset=offset) for offset in range(-5, 6)}
        return next(code for code in map("{:06d}".format, range(100)) if code not in near)


async def enroll(account: Account, clock: Clock, name: str = "Phone") -> App:
    """An app that is not confirmed yet."""
    answer = await account.post("/users/me/factors", {"type": "totp", "name": name})
    assert answer.status_code == 201, answer.text
    return App(clock, answer.json()["id"], answer.json()["secret"])


async def confirm(account: Account, app: App) -> httpx.Response:
    path = f"/users/me/factors/{app.factor_id}/confirm"
    return await account.post(path, {"code": app.code()})


async def add_app(account: Account, clock: Clock, name: str = "Phone") -> App:
    """An app that counts."""
    app = await enroll(account, clock, name)
    answer = await confirm(account, app)
    assert answer.status_code == 200, answer.text
    app.recovery_codes = answer.json()["recovery_codes"] or []
    return app


async def sign_in(account: Account, password: str | None = None) -> httpx.Response:
    """The first step: the password."""
    body = {"email": account.email, "password": password or account.password}
    return await account.client.post(f"{API}/auth/login", json=body)


async def challenge_of(account: Account) -> str:
    """What the right password gets."""
    answer = await sign_in(account)
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"]["code"] == "SECOND_FACTOR_REQUIRED"
    return str(answer.json()["error"]["details"]["challenge"])


async def send_factor(account: Account, challenge: str, **factor: Any) -> httpx.Response:
    """The second step."""
    return await account.client.post(f"{API}/auth/factor", json={"challenge": challenge, **factor})
