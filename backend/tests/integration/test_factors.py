"""Second factors: authenticator apps and recovery codes, as their owners manage them."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pyotp
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.secret_box import key_id_of, unseal
from duly.core.tokens import Keyring
from duly.runtime.resealing import reseal
from duly.services import operators
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import earlier, execute
from tests.support.instances import running, sweep_all
from tests.support.second_factors import (
    App,
    Clock,
    add_app,
    challenge_of,
    confirm,
    enroll,
    send_factor,
    sign_in,
)

FACTORS = "/users/me/factors"
CODES = f"{FACTORS}/recovery-codes"


async def listed(account: Account) -> list[dict[str, object]]:
    answer = await account.get(FACTORS)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def codes_left(account: Account) -> int:
    return int((await account.get(FACTORS)).json()["recovery_codes_left"])


_EARLIER = earlier("created_at", "make_interval(secs => %s)")


async def age_session(dsn: str, account: Account, minutes: float) -> None:
    past = f"UPDATE sessions SET created_at = {_EARLIER} WHERE user_id = %s"
    await execute(dsn, past, 60 * minutes, account.id)


async def age_factors(dsn: str, account: Account, minutes: float) -> None:
    past = f"UPDATE factors SET created_at = {_EARLIER} WHERE user_id = %s"
    await execute(dsn, past, 60 * minutes, account.id)


# Adding


async def test_enrolment_shows_the_secret_once(alice: Account) -> None:
    answer = await alice.post(FACTORS, {"type": "totp", "name": "  Phone "})

    assert answer.status_code == 201
    factor = answer.json()
    assert set(factor) == {"id", "type", "name", "secret", "uri", "options"}
    assert (factor["type"], factor["name"]) == ("totp", "Phone")
    parsed = pyotp.parse_uri(factor["uri"])
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.issuer, parsed.name) == (factor["secret"], "Duly", alice.email)
    assert (parsed.digits, parsed.interval) == (6, 30)
    assert factor["secret"] not in (await alice.get(FACTORS)).text


async def test_factor_has_no_effect_until_it_is_confirmed(alice: Account, clock: Clock) -> None:
    await enroll(alice, clock)

    assert (await sign_in(alice)).status_code == 200
    [factor] = await listed(alice)
    assert factor["confirmed_at"] is None


async def test_confirming_the_first_factor_returns_ten_recovery_codes(
    alice: Account, clock: Clock
) -> None:
    app = await enroll(alice, clock)

    answer = await confirm(alice, app)

    assert answer.status_code == 200
    [factor] = await listed(alice)
    assert answer.json()["factor"] == factor
    assert factor["confirmed_at"] is not None
    assert len(set(answer.json()["recovery_codes"])) == 10
    assert await codes_left(alice) == 10


async def test_confirming_another_factor_returns_no_codes(alice: Account, clock: Clock) -> None:
    await add_app(alice, clock)
    tablet = await enroll(alice, clock, "Tablet")

    assert (await confirm(alice, tablet)).json()["recovery_codes"] is None
    assert [factor["name"] for factor in await listed(alice)] == ["Phone", "Tablet"]


async def test_wrong_code_does_not_confirm(alice: Account, clock: Clock) -> None:
    app = await enroll(alice, clock)

    answer = await alice.post(f"{FACTORS}/{app.factor_id}/confirm", {"code": app.wrong_code()})

    assert answer.status_code == 400
    [field] = answer.json()["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.code", "wrong_code")
    assert (await confirm(alice, app)).status_code == 200


async def test_wrong_codes_are_limited_like_wrong_passwords(alice: Account, clock: Clock) -> None:
    app = await enroll(alice, clock)
    path, body = f"{FACTORS}/{app.factor_id}/confirm", {"code": app.wrong_code()}

    statuses = [(await alice.post(path, body)).status_code for _ in range(11)]

    assert statuses == [400] * 10 + [429]
    assert error_code(await confirm(alice, app)) == "RATE_LIMITED"


async def test_factor_whose_secret_is_unreadable_must_be_added_again(
    alice: Account, clock: Clock, dsn: str
) -> None:
    app = await enroll(alice, clock)
    await execute(dsn, "UPDATE factors SET secret = 'x' WHERE user_id = %s", alice.id)

    assert error_code(await confirm(alice, app)) == "NOT_FOUND"
    assert (await confirm(alice, await enroll(alice, clock))).status_code == 200


async def test_session_that_cannot_have_added_a_factor_does_not_confirm_it(
    alice: Account, clock: Clock, dsn: str
) -> None:
    stolen = await alice.sign_in_again()
    await age_session(dsn, alice, 25)
    alice = await alice.sign_in_again()
    app = await enroll(alice, clock)

    assert error_code(await confirm(stolen, app)) == "RECENT_SIGN_IN_REQUIRED"
    await age_session(dsn, alice, 14)
    assert (await confirm(alice, app)).status_code == 200


async def test_factor_is_confirmed_once(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    clock.step()

    assert (await confirm(alice, app)).status_code == 404


async def test_new_enrolment_replaces_one_that_is_not_confirmed(
    alice: Account, clock: Clock
) -> None:
    first = await enroll(alice, clock, "First")
    await enroll(alice, clock, "Second")

    assert [factor["name"] for factor in await listed(alice)] == ["Second"]
    assert (await confirm(alice, first)).status_code == 404


async def test_enrolment_expires_after_15_minutes(
    app: FastAPI, alice: Account, clock: Clock, dsn: str
) -> None:
    kept, lapsed = await add_app(alice, clock), await enroll(alice, clock, "Tablet")
    await age_factors(dsn, alice, 15)

    assert (await confirm(alice, lapsed)).status_code == 404
    assert [factor["id"] for factor in await listed(alice)] == [kept.factor_id]
    await sweep_all(app)
    [(count,)] = await execute(dsn, "SELECT count(*) FROM factors WHERE user_id = %s", alice.id)
    assert count == 1


async def test_user_has_at_most_ten_factors(alice: Account, clock: Clock) -> None:
    for number in range(10):
        await add_app(alice, clock, f"Phone {number}")

    answer = await alice.post(FACTORS, {"type": "totp", "name": "One more"})

    assert answer.status_code == 403
    assert answer.json()["error"]["details"] == {"limit": 10, "what": "factors"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "totp"},
        {"type": "sms", "name": "Phone"},
        {"type": "totp", "name": " "},
        {"type": "totp", "name": "x" * 121},
        {"type": "totp", "name": "Phone", "secret": "JBSWY3DPEHPK3PXP"},
    ],
)
async def test_invalid_enrolment_is_rejected(alice: Account, body: dict[str, str]) -> None:
    assert (await alice.post(FACTORS, body)).status_code == 400


# Removing


async def test_removed_factor_is_no_longer_needed(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)

    assert (await alice.delete(f"{FACTORS}/{app.factor_id}")).status_code == 204

    assert await listed(alice) == []
    assert (await sign_in(alice)).status_code == 200
    assert (await alice.delete(f"{FACTORS}/{app.factor_id}")).status_code == 404


async def test_recovery_codes_are_deleted_with_the_last_factor(
    alice: Account, clock: Clock
) -> None:
    apps = [await add_app(alice, clock, name) for name in ("Phone", "Tablet")]

    await alice.delete(f"{FACTORS}/{apps[0].factor_id}")
    assert await codes_left(alice) == 10
    await alice.delete(f"{FACTORS}/{apps[1].factor_id}")
    assert await codes_left(alice) == 0

    new = await add_app(alice, clock)
    answer = await send_factor(alice, await challenge_of(alice), code=apps[0].recovery_codes[0])
    assert answer.status_code == 401
    assert new.recovery_codes


async def test_challenge_from_before_a_removal_takes_no_code_of_that_factor(
    alice: Account, clock: Clock
) -> None:
    phone, _ = await add_app(alice, clock), await add_app(alice, clock, "Tablet")
    challenge = await challenge_of(alice)

    await alice.delete(f"{FACTORS}/{phone.factor_id}")

    assert (await send_factor(alice, challenge, code=phone.next_code())).status_code == 401


# Recovery codes


async def test_new_recovery_codes_replace_the_old_ones(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)

    answer = await alice.post(CODES)

    assert answer.status_code == 200
    new = answer.json()["recovery_codes"]
    assert len(set(new)) == 10
    challenge = await challenge_of(alice)
    old = app.recovery_codes[0]
    assert (await send_factor(alice, challenge, code=old)).status_code == 401
    assert (await send_factor(alice, challenge, code=new[0])).status_code == 200


async def test_there_are_no_recovery_codes_without_a_factor(alice: Account, clock: Clock) -> None:
    await enroll(alice, clock)

    assert (await alice.post(CODES)).status_code == 404


# A recent sign-in

Call = Callable[[Account, App], Awaitable[httpx.Response]]


async def enrolling(account: Account, _: App) -> httpx.Response:
    return await account.post(FACTORS, {"type": "totp", "name": "Another"})


async def removing(account: Account, app: App) -> httpx.Response:
    return await account.delete(f"{FACTORS}/{app.factor_id}")


async def replacing_codes(account: Account, _: App) -> httpx.Response:
    return await account.post(CODES)


sensitive = pytest.mark.parametrize("call", [enrolling, removing, replacing_codes])


@sensitive
async def test_sign_in_must_be_recent(alice: Account, clock: Clock, dsn: str, call: Call) -> None:
    app = await add_app(alice, clock)
    await age_session(dsn, alice, 10)

    answer = await call(alice, app)

    assert answer.status_code == 403
    assert error_code(answer) == "RECENT_SIGN_IN_REQUIRED"
    assert len(await listed(alice)) == 1
    challenge = await challenge_of(alice)
    session = await send_factor(alice, challenge, code=app.recovery_codes[0])
    again = Account(alice.client, alice.email, alice.password, session.json())
    assert (await call(again, app)).is_success


@sensitive
async def test_sign_in_of_nine_minutes_ago_is_recent(
    alice: Account, clock: Clock, dsn: str, call: Call
) -> None:
    app = await add_app(alice, clock)
    await age_session(dsn, alice, 9)

    assert (await call(alice, app)).is_success


async def test_refresh_is_not_a_sign_in(alice: Account, clock: Clock, dsn: str) -> None:
    app = await add_app(alice, clock)
    await age_session(dsn, alice, 10)
    token = {"refresh_token": alice.session["refresh_token"]}
    alice.session = (await alice.post("/auth/refresh", token)).json()

    assert (await removing(alice, app)).status_code == 403


# Other users, the export, the account


async def test_factor_of_another_user_is_not_found(
    alice: Account, bob: Account, clock: Clock
) -> None:
    app = await add_app(alice, clock)
    pending = await enroll(alice, clock)
    path = f"{FACTORS}/{pending.factor_id}/confirm"

    answers = [
        await bob.delete(f"{FACTORS}/{app.factor_id}"),
        await bob.post(path, {"code": pending.code()}),
        await bob.delete(f"{FACTORS}/{uuid4()}"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert await listed(bob) == []
    assert len(await listed(alice)) == 2


async def test_export_contains_factors_without_secrets(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)

    export = await alice.get("/users/me/export")

    assert export.json()["factors"] == await listed(alice)
    assert app.secret not in export.text


async def test_password_reset_keeps_the_factors_of_a_verified_account(
    app: FastAPI, alice: Account, clock: Clock, dsn: str
) -> None:
    await add_app(alice, clock)
    await execute(dsn, "UPDATE users SET email_verified_at = now() WHERE id = %s", alice.id)
    link = await operators.reset_link(app.state.context, alice.email)
    alice.password = "a brand-new passphrase"
    body = {"token": link.partition("#token=")[2], "new_password": alice.password}

    assert (await alice.post("/auth/password/reset", body)).status_code == 204

    assert await challenge_of(alice)


async def test_operator_removes_the_factors_of_a_user_who_lost_them(
    app: FastAPI, alice: Account, clock: Clock
) -> None:
    await add_app(alice, clock)

    assert await operators.remove_factors(app.state.context, alice.email) == 1

    assert (await sign_in(alice)).status_code == 200
    assert await codes_left(alice) == 0


async def test_refresh_needs_no_factor(alice: Account, clock: Clock) -> None:
    await add_app(alice, clock)

    token = {"refresh_token": alice.session["refresh_token"]}

    assert (await alice.post("/auth/refresh", token)).status_code == 200


async def test_secret_survives_a_change_of_the_signing_key(
    alice: Account, clock: Clock, settings: Settings, address: str
) -> None:
    app = await add_app(alice, clock)
    assert settings.secret_key is not None
    new = type(settings.secret_key)("0f" * 8 + "e1d2c3b4a5968778" * 3)

    async with running(
        settings, address, secret_key=new, previous_secret_keys=(settings.secret_key,)
    ) as client:
        there = Account(client, alice.email, alice.password, alice.session)
        challenge = await challenge_of(there)
        assert (await send_factor(there, challenge, code=app.next_code())).status_code == 200
    # A sign-in has encrypted it with the new key.
    async with running(settings, address, secret_key=new) as client:
        there = Account(client, alice.email, alice.password, alice.session)
        challenge = await challenge_of(there)
        assert (await send_factor(there, challenge, code=app.next_code())).status_code == 200


async def test_maintenance_encrypts_secrets_with_the_current_key(
    app: FastAPI, alice: Account, clock: Clock, settings: Settings, dsn: str
) -> None:
    phone = await add_app(alice, clock)
    assert settings.secret_key is not None
    old = settings.secret_key.get_secret_value()
    new = Keyring("0f1e2d3c4b5a69788796a5b4c3d2e1f0", [old])

    # Backwards again in the end: other tests use the same database.
    for keyring in (new, Keyring(old, ["0f1e2d3c4b5a69788796a5b4c3d2e1f0"])):
        await reseal(app.state.context.across_users, keyring)
        statement = "SELECT secret FROM factors WHERE user_id = %s"
        [(sealed,)] = await execute(dsn, statement, alice.id)
        assert sealed.startswith(key_id_of(keyring))
        assert unseal(keyring, sealed) == phone.secret
