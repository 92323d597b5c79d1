"""Signing in with a second factor: codes of an app and recovery codes."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import execute
from tests.support.instances import captured_logs, client_at, running, sweep_all
from tests.support.second_factors import (
    App,
    Clock,
    add_app,
    challenge_of,
    send_factor,
    sign_in,
)


def refused(answer: httpx.Response) -> bool:
    """Whether an answer is the one error of second factors, in the same words whatever the reason."""
    assert answer.status_code == 401, answer.text
    assert error_code(answer) == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"] == "Bearer"
    message = "The challenge or the second factor is invalid, expired or already used."
    return bool(answer.json()["error"]["message"] == message)


async def statuses(*calls: Awaitable[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in await asyncio.gather(*calls))


# The challenge


async def test_right_password_gets_a_challenge(alice: Account, clock: Clock) -> None:
    await add_app(alice, clock)

    answer = await sign_in(alice)

    assert answer.status_code == 401
    assert error_code(answer) == "SECOND_FACTOR_REQUIRED"
    details = answer.json()["error"]["details"]
    assert set(details) == {"challenge", "factors"}
    assert details["factors"] == ["totp"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert len((await alice.get("/auth/sessions")).json()["items"]) == 1


async def test_form_gets_a_challenge_too(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    form = {"username": alice.email, "password": alice.password}

    answer = await alice.client.post(f"{API}/auth/token", data=form)

    assert error_code(answer) == "SECOND_FACTOR_REQUIRED"
    challenge = answer.json()["error"]["details"]["challenge"]
    assert (await send_factor(alice, challenge, code=app.next_code())).status_code == 200


async def test_wrong_password_gets_no_challenge(alice: Account, clock: Clock) -> None:
    await add_app(alice, clock)

    answer = await sign_in(alice, "not the password")

    assert error_code(answer) == "UNAUTHENTICATED"
    assert answer.json()["error"]["details"] == {}


async def test_password_alone_does_not_make_an_address_known(
    alice: Account, clock: Clock, app: FastAPI, dsn: str
) -> None:
    phone = await add_app(alice, clock)
    known = "SELECT cardinality(known_addresses) FROM users WHERE id = %s"
    async with client_at(app, "203.0.113.7") as elsewhere:
        there = Account(elsewhere, alice.email, alice.password, alice.session)
        challenge = await challenge_of(there)
        assert await execute(dsn, known, alice.id) == [(1,)]

        assert (await send_factor(there, challenge, code=phone.next_code())).status_code == 200
        assert await execute(dsn, known, alice.id) == [(2,)]


# Codes of an app


async def test_code_opens_a_session(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)

    answer = await send_factor(alice, await challenge_of(alice), code=app.next_code())

    assert answer.status_code == 200
    again = Account(alice.client, alice.email, alice.password, answer.json())
    assert (await again.get("/users/me")).json() == answer.json()["user"]
    [factor] = (await again.get("/users/me/factors")).json()["items"]
    assert factor["last_used_at"] is not None


@pytest.mark.parametrize("offset", [-1, 0, 1])
async def test_clock_of_the_device_may_be_one_step_off(
    alice: Account, clock: Clock, offset: int
) -> None:
    app = await add_app(alice, clock)
    clock.step(2)

    answer = await send_factor(alice, await challenge_of(alice), code=app.code(offset=offset))

    assert answer.status_code == 200


@pytest.mark.parametrize("offset", [-2, 2])
async def test_code_of_another_time_is_refused(alice: Account, clock: Clock, offset: int) -> None:
    app = await add_app(alice, clock)
    clock.step(5)

    assert refused(
        await send_factor(alice, await challenge_of(alice), code=app.code(offset=offset))
    )


async def test_code_works_once(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    code = app.next_code()

    assert (await send_factor(alice, await challenge_of(alice), code=code)).status_code == 200
    assert refused(await send_factor(alice, await challenge_of(alice), code=code))


async def test_code_that_confirmed_the_factor_does_not_sign_in(
    alice: Account, clock: Clock
) -> None:
    app = await add_app(alice, clock)

    assert refused(await send_factor(alice, await challenge_of(alice), code=app.code()))


async def test_code_older_than_the_last_one_is_refused(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    clock.step(3)
    older, newer = app.code(offset=-1), app.code()

    assert (await send_factor(alice, await challenge_of(alice), code=newer)).status_code == 200
    assert refused(await send_factor(alice, await challenge_of(alice), code=older))


async def test_code_may_have_spaces(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    code = app.next_code()

    answer = await send_factor(alice, await challenge_of(alice), code=f" {code[:3]} {code[3:]} ")

    assert answer.status_code == 200


@pytest.mark.parametrize("code", ["", "x" * 65, 123456, None, ["123456"]])
async def test_code_of_another_form_is_invalid(alice: Account, clock: Clock, code: object) -> None:
    await add_app(alice, clock)

    answer = await send_factor(alice, await challenge_of(alice), code=code)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "code", ["\u0661\u0662\u0663\u0664\u0665\u0666", "000", "\U0001f511", "\0"]
)
async def test_code_of_other_characters_is_wrong(alice: Account, clock: Clock, code: str) -> None:
    await add_app(alice, clock)

    assert refused(await send_factor(alice, await challenge_of(alice), code=code))


async def test_any_of_several_apps_signs_in(alice: Account, clock: Clock) -> None:
    for app in [await add_app(alice, clock, name) for name in ("Phone", "Tablet")]:
        answer = await send_factor(alice, await challenge_of(alice), code=app.next_code())
        assert answer.status_code == 200


# Recovery codes


def as_shown(code: str) -> str:
    return code


def in_capitals_without_dashes(code: str) -> str:
    return code.upper().replace("-", "")


def with_spaces(code: str) -> str:
    return f"  {code.replace('-', ' ')} "


def with_letters_that_look_alike(code: str) -> str:
    return code.replace("0", "O").replace("1", "l")


@pytest.mark.parametrize(
    "typed", [as_shown, in_capitals_without_dashes, with_spaces, with_letters_that_look_alike]
)
async def test_recovery_code_signs_in_however_it_is_typed(
    alice: Account, clock: Clock, typed: Callable[[str], str]
) -> None:
    app = await add_app(alice, clock)

    for left, code in enumerate(reversed(app.recovery_codes)):
        answer = await send_factor(alice, await challenge_of(alice), code=typed(code))
        assert answer.status_code == 200, left
    assert (await alice.get("/users/me/factors")).json()["recovery_codes_left"] == 0


async def test_recovery_code_works_once(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    code = app.recovery_codes[3]

    assert (await send_factor(alice, await challenge_of(alice), code=code)).status_code == 200
    assert refused(await send_factor(alice, await challenge_of(alice), code=code))


async def test_recovery_code_of_another_user_is_wrong(
    alice: Account, bob: Account, clock: Clock
) -> None:
    await add_app(alice, clock)
    other = await add_app(bob, clock)

    answer = await send_factor(alice, await challenge_of(alice), code=other.recovery_codes[0])

    assert refused(answer)
    assert (await bob.get("/users/me/factors")).json()["recovery_codes_left"] == 10


# How long a challenge works


async def test_challenge_works_once(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)

    assert (await send_factor(alice, challenge, code=app.next_code())).status_code == 200
    assert refused(await send_factor(alice, challenge, code=app.next_code()))


async def test_challenge_survives_four_wrong_codes(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)

    for _ in range(4):
        assert refused(await send_factor(alice, challenge, code=app.wrong_code()))

    assert (await send_factor(alice, challenge, code=app.next_code())).status_code == 200


async def test_challenge_ends_after_five_wrong_codes(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)

    for _ in range(5):
        assert refused(await send_factor(alice, challenge, code=app.wrong_code()))

    code = app.next_code()
    assert refused(await send_factor(alice, challenge, code=code))
    assert (await send_factor(alice, await challenge_of(alice), code=code)).status_code == 200


async def test_challenge_expires_after_five_minutes(
    app: FastAPI, alice: Account, clock: Clock, dsn: str
) -> None:
    phone = await add_app(alice, clock)
    challenge = await challenge_of(alice)
    lifetime = "SELECT expires_at - now() <= interval '5 minutes' FROM sign_in_challenges WHERE user_id = %s"
    assert await execute(dsn, lifetime, alice.id) == [(True,)]
    await execute(
        dsn, "UPDATE sign_in_challenges SET expires_at = now() WHERE user_id = %s", alice.id
    )

    assert refused(await send_factor(alice, challenge, code=phone.next_code()))
    await sweep_all(app)
    count = "SELECT count(*) FROM sign_in_challenges WHERE user_id = %s"
    assert await execute(dsn, count, alice.id) == [(0,)]


async def test_challenge_ends_with_the_password(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)
    body = {"current_password": alice.password, "new_password": "a brand-new passphrase"}
    assert (await alice.put("/users/me/password", body)).status_code == 204

    assert refused(await send_factor(alice, challenge, code=app.next_code()))


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_challenge_ends_with_the_account(
    app: FastAPI, alice: Account, clock: Clock, how: str
) -> None:
    phone = await add_app(alice, clock)
    challenge = await challenge_of(alice)
    if how == "disabled":
        await operators.disable_user(app.state.context, alice.email)
    else:
        await alice.delete("/users/me", json={"current_password": alice.password})

    assert refused(await send_factor(alice, challenge, code=phone.next_code()))


async def test_challenge_of_another_user_takes_no_code_of_ones_own(
    alice: Account, bob: Account, clock: Clock
) -> None:
    await add_app(alice, clock)
    own = await add_app(bob, clock)

    assert refused(await send_factor(bob, await challenge_of(alice), code=own.next_code()))


# Limits


async def test_wrong_codes_count_like_wrong_passwords(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    for _ in range(5):
        assert (await sign_in(alice, "not the password")).status_code == 401
    challenge = await challenge_of(alice)
    for _ in range(5):
        assert refused(await send_factor(alice, challenge, code=app.wrong_code()))

    answer = await sign_in(alice)
    assert answer.status_code == 429
    answer = await send_factor(alice, challenge, code=app.next_code())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_new_challenges_give_no_more_tries(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenges = [await challenge_of(alice) for _ in range(4)]
    answers = [
        await send_factor(alice, challenge, code=app.wrong_code())
        for challenge in challenges
        for _ in range(3)
    ]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2


async def test_right_codes_count_against_no_limit(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)

    for _ in range(12):
        answer = await send_factor(alice, await challenge_of(alice), code=app.next_code())
        assert answer.status_code == 200


async def test_burst_of_wrong_codes_gets_five_tries(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)
    wrong = [send_factor(alice, challenge, code=app.wrong_code()) for _ in range(8)]

    await asyncio.gather(*wrong)

    assert refused(await send_factor(alice, challenge, code=app.next_code()))


# Races on two instances

Pair = tuple[Account, Account]


async def test_one_of_two_uses_of_a_code_wins(pair: Pair, clock: Clock) -> None:
    here, there = pair
    app = await add_app(here, clock)
    for _ in range(5):
        challenges = [await challenge_of(here), await challenge_of(there)]
        code = app.next_code()

        assert await statuses(
            send_factor(here, challenges[0], code=code),
            send_factor(there, challenges[1], code=code),
        ) == [200, 401]


async def test_one_of_two_uses_of_a_recovery_code_wins(pair: Pair, clock: Clock) -> None:
    here, there = pair
    app = await add_app(here, clock)
    for code in app.recovery_codes[:5]:
        challenges = [await challenge_of(here), await challenge_of(there)]

        assert await statuses(
            send_factor(here, challenges[0], code=code),
            send_factor(there, challenges[1], code=code),
        ) == [200, 401]


async def test_one_of_two_uses_of_a_challenge_wins_and_the_other_code_stays(
    pair: Pair, clock: Clock
) -> None:
    here, there = pair
    app = await add_app(here, clock)
    for left in range(9, 4, -1):
        challenge = await challenge_of(here)
        codes = app.recovery_codes[:2]

        answers = await asyncio.gather(
            send_factor(here, challenge, code=codes[0]),
            send_factor(there, challenge, code=codes[1]),
        )

        assert sorted(answer.status_code for answer in answers) == [200, 401]
        used = codes[0] if answers[0].status_code == 200 else codes[1]
        app.recovery_codes.remove(used)
        assert (await here.get("/users/me/factors")).json()["recovery_codes_left"] == left


async def test_user_gets_ten_codes_when_two_factors_are_confirmed_at_once(
    pair: Pair, clock: Clock
) -> None:
    here, there = pair
    answer = await here.post("/users/me/factors", {"type": "totp", "name": "Phone"})
    app = App(clock, answer.json()["id"], answer.json()["secret"])
    path = f"/users/me/factors/{app.factor_id}/confirm"
    body = {"code": app.code()}

    assert await statuses(here.post(path, body), there.post(path, body)) == [200, 404]
    assert (await here.get("/users/me/factors")).json()["recovery_codes_left"] == 10


async def test_challenge_of_one_instance_works_on_another(pair: Pair, clock: Clock) -> None:
    here, there = pair
    app = await add_app(here, clock)

    answer = await send_factor(there, await challenge_of(here), code=app.next_code())

    assert answer.status_code == 200


# The log


async def test_sign_ins_say_how_they_came_about(
    settings: Settings, address: str, clock: Clock
) -> None:
    with captured_logs(settings) as log:
        async with running(settings, address) as client:
            account = await register(client)
            await account.sign_in_again()
            app = await add_app(account, clock)
            await send_factor(account, await challenge_of(account), code=app.wrong_code())
            await send_factor(account, await challenge_of(account), code=app.next_code())
            code = app.recovery_codes[0]
            await send_factor(account, await challenge_of(account), code=code)
            await account.delete(f"/users/me/factors/{app.factor_id}")
    text = log.getvalue()

    for how in ("password", "password and totp", "password and recovery_code"):
        assert text.count(f'"how":"{how}","event":"session.opened"') == 1, how
    for event in ("factor.added", "factor.failed", "factor.removed"):
        assert text.count(f'"event":"{event}"') == 1, event
    assert app.secret not in text
    assert not any(code in text for code in app.recovery_codes)
