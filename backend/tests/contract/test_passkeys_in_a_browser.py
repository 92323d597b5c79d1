"""Passkeys in Chromium, with its virtual authenticator: as a second factor, and alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from tests.support.accounts import API, Account, error_code, register
from tests.support.browsers import chromium
from tests.support.databases import migrated_database
from tests.support.servers import Server, serving

pytestmark = pytest.mark.slow

_CREATE = """
const [options, done] = arguments;
navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
  .then(credential => done(credential.toJSON()), error => done({error: error.name}));
"""
_GET = """
const [options, done] = arguments;
navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})
  .then(credential => done(credential.toJSON()), error => done({error: error.name}));
"""


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    with migrated_database(dsn) as own, serving(own, 1, DULY_LOG_LEVEL="info") as server:
        yield server


@pytest.fixture
def browser(tmp_path: Path, server: Server) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        options = VirtualAuthenticatorOptions(
            protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
            has_resident_key=True,
            has_user_verification=True,
            is_user_verified=True,
        )
        browser.add_virtual_authenticator(options)
        browser.get(server.url.replace("127.0.0.1", "localhost"))
        yield browser


@pytest.fixture
async def ada(server: Server) -> Any:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield await register(client)


def create(browser: Chrome, options: dict[str, Any]) -> dict[str, Any]:
    """What the browser returns for the options of a new passkey."""
    return dict(browser.execute_async_script(_CREATE, options))


def sign(browser: Chrome, options: dict[str, Any]) -> dict[str, Any]:
    """What the browser returns for a challenge."""
    return dict(browser.execute_async_script(_GET, options))


async def add_passkey(account: Account, browser: Chrome, name: str = "Laptop") -> dict[str, Any]:
    body = {"type": "passkey", "name": name}
    enrolled = (await account.post("/users/me/factors", body)).json()
    path = f"/users/me/factors/{enrolled['id']}/confirm"
    answer = await account.post(path, {"credential": create(browser, enrolled["options"])})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def password_of(account: Account) -> dict[str, Any]:
    """The details of the error that the right password gets."""
    body = {"email": account.email, "password": account.password}
    answer = await account.client.post(f"{API}/auth/login", json=body)
    assert error_code(answer) == "SECOND_FACTOR_REQUIRED"
    return dict(answer.json()["error"]["details"])


async def send(account: Account, challenge: str, assertion: dict[str, Any]) -> httpx.Response:
    body = {"challenge": challenge, "assertion": assertion}
    return await account.client.post(f"{API}/auth/factor", json=body)


async def begin(account: Account) -> dict[str, Any]:
    answer = await account.client.post(f"{API}/auth/passkey")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_passkey_is_a_second_factor(ada: Account, browser: Chrome) -> None:
    added = await add_passkey(ada, browser)
    assert added["factor"]["type"] == "passkey"
    assert len(added["recovery_codes"]) == 10

    details = await password_of(ada)
    assert details["factors"] == ["passkey"]
    assertion = sign(browser, details["options"])
    answer = await send(ada, details["challenge"], assertion)

    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["id"] == ada.id
    [factor] = (await ada.get("/users/me/factors")).json()["items"]
    assert factor["last_used_at"] is not None
    assert (await send(ada, details["challenge"], assertion)).status_code == 401


async def test_passkey_alone_signs_in(ada: Account, browser: Chrome, server: Server) -> None:
    await add_passkey(ada, browser)

    begun = await begin(ada)
    answer = await send(ada, begun["challenge"], sign(browser, begun["options"]))

    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["id"] == ada.id
    again = Account(ada.client, ada.email, ada.password, answer.json())
    assert (await again.get("/users/me")).status_code == 200
    assert '"how":"passkey","event":"session.opened"' in server.log.read_text()


async def test_assertion_works_once_and_for_its_challenge_only(
    ada: Account, browser: Chrome
) -> None:
    await add_passkey(ada, browser)
    begun, other, details = await begin(ada), await begin(ada), await password_of(ada)
    assertion = sign(browser, begun["options"])

    for challenge in (other["challenge"], details["challenge"]):
        assert (await send(ada, challenge, assertion)).status_code == 401
    assert (await send(ada, begun["challenge"], assertion)).status_code == 200
    assert (await send(ada, begun["challenge"], assertion)).status_code == 401
    of_password = sign(browser, details["options"])
    assert (await send(ada, other["challenge"], of_password)).status_code == 401
    assert (await send(ada, details["challenge"], of_password)).status_code == 200


async def test_recovery_code_signs_in_without_the_passkey(ada: Account, browser: Chrome) -> None:
    codes = (await add_passkey(ada, browser))["recovery_codes"]
    details = await password_of(ada)

    body = {"challenge": details["challenge"], "code": codes[0]}

    assert (await ada.client.post(f"{API}/auth/factor", json=body)).status_code == 200


async def test_removed_passkey_does_not_sign_in(ada: Account, browser: Chrome) -> None:
    factor = (await add_passkey(ada, browser))["factor"]
    begun = await begin(ada)
    assertion = sign(browser, begun["options"])

    assert (await ada.delete(f"/users/me/factors/{factor['id']}")).status_code == 204

    assert (await send(ada, begun["challenge"], assertion)).status_code == 401
    await ada.sign_in_again()


async def test_passkey_of_another_user_is_refused(
    ada: Account, browser: Chrome, server: Server
) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        bob = await register(client)
        added = await add_passkey(bob, browser, "Phone of Bob")
        body = {"type": "passkey", "name": "Laptop"}
        mine = (await ada.post("/users/me/factors", body)).json()
        credential = create(browser, mine["options"])
        path = f"/users/me/factors/{mine['id']}/confirm"

        assert (await bob.post(path, {"credential": credential})).status_code == 404
        assert (await ada.post(path, {"credential": credential})).status_code == 200
        details = await password_of(ada)
        for allowed in details["options"]["allowCredentials"]:
            assert allowed["id"] == credential["id"]
        options = {**details["options"], "allowCredentials": []}
        chosen = sign(browser, options)
        # The browser chose either passkey: each signs in its own user, and nobody else.
        answer = await send(ada, details["challenge"], chosen)
        assert (answer.status_code == 200) == (chosen["id"] == credential["id"])
        assert added["factor"]["name"] == "Phone of Bob"


async def test_browser_creates_no_second_passkey_of_an_account(
    ada: Account, browser: Chrome
) -> None:
    await add_passkey(ada, browser)
    body = {"type": "passkey", "name": "Again"}
    enrolled = (await ada.post("/users/me/factors", body)).json()

    assert create(browser, enrolled["options"]) == {"error": "InvalidStateError"}


async def test_passkey_without_verification_of_the_user_is_refused(
    ada: Account, browser: Chrome
) -> None:
    await add_passkey(ada, browser)
    begun = await begin(ada)

    careless = {**begun["options"], "userVerification": "discouraged"}
    browser.set_user_verified(verified=False)
    assertion = sign(browser, careless)

    assert "error" not in assertion
    assert (await send(ada, begun["challenge"], assertion)).status_code == 401
