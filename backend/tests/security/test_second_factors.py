"""Second factors hold: no forged challenge, no secret in the database or in the log."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from fastapi import FastAPI

from duly.core import one_time_codes
from duly.core.config import Settings
from duly.core.secret_box import UnreadableSecret, seal, unseal
from duly.core.tokens import Keyring
from duly.utils.identifiers import new_id
from tests.support.accounts import API, Account, register
from tests.support.counting import counting, seen, work_of
from tests.support.direct_sql import execute
from tests.support.forgery import decode, encode
from tests.support.instances import captured_logs, client_at, running
from tests.support.second_factors import (
    Clock,
    add_app,
    challenge_of,
    enroll,
    send_factor,
    sign_in,
)

SECRET = "the key of these tests: 0a1b2c3d4e5f6071"


@pytest.fixture
async def counted(settings: Settings) -> AsyncIterator[FastAPI]:
    async with counting(settings) as app:
        yield app


@pytest.fixture
async def dora(counted: FastAPI, address: str) -> AsyncIterator[Account]:
    async with client_at(counted, address) as client:
        yield await register(client)


# Challenges


def flip(token: str, position: int) -> str:
    raw = bytearray(decode(token))
    raw[position] ^= 1
    return encode(bytes(raw))


SPOILT: list[Callable[[str], str]] = [
    *(lambda token, n=n: flip(token, n) for n in (0, 15, 16, 31, 32, -1)),
    lambda token: token[:-1],
    lambda token: token + "A",
    lambda token: token + "=",
    lambda token: " " + token,
    lambda token: token.swapcase(),
    lambda token: encode(b"\0" * len(decode(token))),
    lambda _: "x",
    lambda _: "\u00e9",
    lambda _: "A" * 4_000,
]


@pytest.mark.parametrize("spoil", SPOILT)
async def test_forged_challenge_is_refused_before_any_query(
    counted: FastAPI,
    dora: Account,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[str], str],
) -> None:
    app = await add_app(dora, clock)
    challenge = await challenge_of(dora)

    with work_of(counted, monkeypatch) as work:
        answer = await send_factor(dora, spoil(challenge), code=app.next_code())

    assert answer.status_code == 401
    assert work.statements == []
    assert (await send_factor(dora, challenge, code=app.code())).status_code == 200


async def test_every_refusal_is_in_the_same_words(alice: Account, clock: Clock, dsn: str) -> None:
    app = await add_app(alice, clock)
    used, wrong, expired = [await challenge_of(alice) for _ in range(3)]
    code = app.next_code()
    assert (await send_factor(alice, used, code=code)).status_code == 200
    answers = [
        await send_factor(alice, "forged", code="123456"),
        await send_factor(alice, used, code=app.next_code()),
        await send_factor(alice, wrong, code=code),
        await send_factor(alice, wrong, code=app.wrong_code()),
        await send_factor(alice, wrong, code=app.recovery_codes[0][:-1]),
    ]
    await execute(
        dsn, "UPDATE sign_in_challenges SET expires_at = now() WHERE user_id = %s", alice.id
    )
    answers.append(await send_factor(alice, expired, code=app.next_code()))

    assert all(seen(answer) == seen(answers[0]) for answer in answers)
    assert answers[0].status_code == 401


async def test_other_tokens_are_no_challenges(app: FastAPI, alice: Account, clock: Clock) -> None:
    phone = await add_app(alice, clock)
    keyring: Keyring = app.state.context.keyring
    user_id = UUID(alice.id)

    for token in (
        keyring.issue_link(user_id, new_id()).token,
        alice.session["access_token"],
        alice.session["refresh_token"],
    ):
        assert (await send_factor(alice, token, code=phone.next_code())).status_code == 401
    challenge = await challenge_of(alice)
    for path, body in {
        "/auth/refresh": {"refresh_token": challenge},
        "/auth/password/reset": {"token": challenge, "new_password": "a brand-new passphrase"},
        "/auth/email/verify": {"token": challenge},
    }.items():
        assert (await alice.client.post(API + path, json=body)).status_code in {400, 401}
    bearer = {"Authorization": f"Bearer {challenge}"}
    assert (await alice.client.get(f"{API}/users/me", headers=bearer)).status_code == 401


async def test_challenge_that_was_never_stored_does_not_work(
    app: FastAPI, alice: Account, clock: Clock
) -> None:
    phone = await add_app(alice, clock)
    keyring: Keyring = app.state.context.keyring
    challenge = keyring.issue_challenge(UUID(alice.id), new_id())

    assert (await send_factor(alice, challenge.token, code=phone.next_code())).status_code == 401


async def test_challenge_outlives_a_change_of_the_key(
    alice: Account, clock: Clock, settings: Settings, address: str
) -> None:
    app = await add_app(alice, clock)
    challenge = await challenge_of(alice)
    assert settings.secret_key is not None
    new = type(settings.secret_key)(SECRET)

    async with running(
        settings, address, secret_key=new, previous_secret_keys=(settings.secret_key,)
    ) as client:
        there = Account(client, alice.email, alice.password, alice.session)
        assert (await send_factor(there, challenge, code=app.next_code())).status_code == 200


# What is stored


async def test_nothing_is_stored_in_clear(alice: Account, clock: Clock, dsn: str) -> None:
    pending, app = await enroll(alice, clock), await add_app(alice, clock)
    challenge = await challenge_of(alice)
    rows = [
        *await execute(
            dsn, "SELECT to_jsonb(f)::text FROM factors f WHERE user_id = %s", alice.id
        ),
        *await execute(dsn, "SELECT to_jsonb(u)::text FROM users u WHERE id = %s", alice.id),
        *await execute(
            dsn, "SELECT to_jsonb(c)::text FROM sign_in_challenges c WHERE user_id = %s", alice.id
        ),
    ]
    text = str(rows)

    for secret in (pending.secret, app.secret, challenge, *app.recovery_codes):
        for form in (secret, secret.replace("-", "")):
            assert form not in text
            assert form.encode().hex() not in text
    [(stored,)] = await execute(dsn, "SELECT password_hash FROM users WHERE id = %s", alice.id)
    assert stored not in str(rows[-1])


async def test_secret_is_not_readable_with_another_key() -> None:
    sealed = seal(Keyring(SECRET), "JBSWY3DPEHPK3PXP")

    assert unseal(Keyring("another", [SECRET]), sealed) == "JBSWY3DPEHPK3PXP"
    for keyring in (Keyring("another"), Keyring(SECRET.upper())):
        with pytest.raises(UnreadableSecret):
            unseal(keyring, sealed)
    with pytest.raises(UnreadableSecret):
        unseal(Keyring(SECRET), sealed[:-1])


async def test_equal_secrets_are_stored_differently() -> None:
    keyring = Keyring(SECRET)

    assert seal(keyring, "JBSWY3DPEHPK3PXP") != seal(keyring, "JBSWY3DPEHPK3PXP")


async def test_app_whose_secret_is_unreadable_is_refused_and_recovery_codes_work(
    alice: Account, clock: Clock, dsn: str
) -> None:
    app = await add_app(alice, clock)
    await execute(dsn, "UPDATE factors SET secret = 'x' WHERE user_id = %s", alice.id)
    challenge = await challenge_of(alice)

    assert (await send_factor(alice, challenge, code=app.next_code())).status_code == 401
    code = app.recovery_codes[0]
    assert (await send_factor(alice, challenge, code=code)).status_code == 200


def test_recovery_codes_have_80_bits_and_differ() -> None:
    codes = {code for _ in range(200) for code in one_time_codes.new_recovery_codes()}

    assert len(codes) == 2000
    assert {len(code.replace("-", "")) for code in codes} == {16}
    assert len({sign for code in codes for sign in code.replace("-", "")}) == 32


# What is logged


async def test_nothing_secret_is_logged(settings: Settings, address: str, clock: Clock) -> None:
    with captured_logs(settings) as log:
        async with running(settings, address, log_level="debug") as client:
            account = await register(client)
            app = await add_app(account, clock)
            challenge = await challenge_of(account)
            sent = [app.wrong_code(), "not-a-code-at-all", app.next_code()]
            for code in sent:
                await send_factor(account, challenge, code=code)
            await sign_in(account, "not the password")
            new = (await account.post("/users/me/factors/recovery-codes")).json()
    text = log.getvalue()

    assert '"event":"factor.failed"' in text
    codes = [*app.recovery_codes, *new["recovery_codes"]]
    for secret in (app.secret, challenge, account.email, *sent[1:], *codes):
        assert secret not in text, secret
