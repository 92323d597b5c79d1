"""Passkeys as a second factor and alone, with authenticators that do what no browser allows."""

import asyncio
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fido2.cose import ES256, CoseKey
from fido2.webauthn import AuthenticatorData

from duly.core.config import Settings
from duly.core.passkeys import relying_party_of
from duly.services import factor_sign_in, operators
from tests.support.accounts import API, Account, error_code
from tests.support.authenticators import (
    ORIGIN,
    Passkey,
    add_passkey,
    begin,
    confirm,
    details_of,
    enroll,
    send,
)
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.second_factors import Clock, add_app, send_factor

FACTORS = "/users/me/factors"
PRESENT_ONLY = AuthenticatorData.FLAG.UP

WRONG: list[dict[str, Any]] = [
    {"origin": "http://localhost:8001"},
    {"origin": "https://localhost:8000"},
    {"origin": "http://evil.localhost:8000"},
    {"origin": "http://localhost:8000.evil.example"},
    {"rp_id": "evil.example"},
    {"flags": PRESENT_ONLY},
    {"flags": AuthenticatorData.FLAG.UV},
    {"challenge": b"x" * 32},
    {"cross_origin": True},
]


# Adding


async def test_options_ask_for_a_discoverable_passkey_that_verifies_its_user(
    alice: Account,
) -> None:
    enrolled = await enroll(alice)

    options = enrolled["options"]
    assert (enrolled["secret"], enrolled["uri"]) == (None, None)
    assert options["rp"]["id"] == "localhost"
    assert options["user"]["name"] == alice.email
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"


@pytest.mark.parametrize("changes", [*WRONG, {"type": "webauthn.get"}])
async def test_wrong_registration_is_refused(alice: Account, changes: dict[str, Any]) -> None:
    enrolled, passkey = await enroll(alice), Passkey()

    answer = await confirm(alice, enrolled, passkey.register(enrolled["options"], **changes))

    assert answer.status_code == 400
    [field] = answer.json()["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.credential", "invalid_credential")
    assert (
        await confirm(alice, enrolled, passkey.register(enrolled["options"]))
    ).status_code == 200


@pytest.mark.parametrize("algorithm", [-65535, -1000, 1])
async def test_key_of_an_unknown_algorithm_is_refused(alice: Account, algorithm: int) -> None:
    enrolled, passkey = await enroll(alice), Passkey()
    cose = CoseKey({1: 2, 3: algorithm, -1: 1, -2: b"x" * 32, -3: b"y" * 32})

    credential = passkey.register(enrolled["options"], cose=cose)

    assert (await confirm(alice, enrolled, credential)).status_code == 400


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"rawId": "x"},
        {"id": "YQ", "rawId": "YQ", "type": "public-key", "response": {}},
        {"id": 1, "rawId": None, "response": []},
        {"rawId": {"a": {"b": {}}}, "response": "\u00e9"},
    ],
)
async def test_malformed_passkey_is_refused(alice: Account, credential: dict[str, Any]) -> None:
    await add_passkey(alice)
    enrolled = await enroll(alice)
    begun, details = await begin(alice), await details_of(alice)

    assert (await confirm(alice, enrolled, credential)).status_code == 400
    for challenge in (begun, details):
        assert (await send(alice, challenge, credential)).status_code == 400


@pytest.mark.parametrize("garbage", ["", "e30", "W10", "/", "YQ", "\u00e9", "n2s", "_" * 8192])
async def test_meaningless_passkey_is_refused(alice: Account, garbage: str) -> None:
    await add_passkey(alice)
    enrolled = await enroll(alice)
    begun, details = await begin(alice), await details_of(alice)
    names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]
    response = dict.fromkeys(names, garbage)
    credential = {"id": "YQ", "rawId": garbage, "type": "public-key", "response": response}

    assert (await confirm(alice, enrolled, credential)).status_code == 400
    for challenge in (begun, details):
        assert (await send(alice, challenge, credential)).status_code == 401


async def test_members_of_a_passkey_are_not_long(alice: Account) -> None:
    passkey = await add_passkey(alice)
    enrolled, details = await enroll(alice), await details_of(alice)
    new, used = Passkey().register(enrolled["options"]), passkey.sign(details["options"])

    for whole, members in (
        (new, ["clientDataJSON", "attestationObject"]),
        (used, ["clientDataJSON", "authenticatorData", "signature", "userHandle"]),
    ):
        for name in members:
            long = {**whole, "response": {**whole["response"], name: "A" * 8193}}
            answer = await (
                confirm(alice, enrolled, long) if whole is new else send(alice, details, long)
            )
            assert answer.status_code == 400
            [field] = answer.json()["error"]["details"]["fields"]
            assert field["path"].endswith(f".response.{name}")
            assert field["type"] == "string_too_long"


async def test_unknown_members_of_a_passkey_are_ignored(alice: Account) -> None:
    enrolled, passkey = await enroll(alice), Passkey()
    new = passkey.register(enrolled["options"])
    more = {"authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {}}}
    response = {**new["response"], "transports": ["internal"], "publicKeyAlgorithm": -7}

    answer = await confirm(alice, enrolled, {**new, **more, "response": response})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "cose",
    [
        {1: 2, 3: -7, -1: 1},
        {1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32},
        {1: 3, 3: -257, -1: b"\x03", -2: b"\x01"},
        {1: 3, 3: -257, -1: b"\xff" * (2048 // 8 - 1), -2: b"\x01\x00\x01"},
        {1: 3, 3: -257, -1: b"\xff" * (8192 // 8 + 1), -2: b"\x01\x00\x01"},
        {1: 4, 3: -7, -1: b"secret"},
        {1: "x", 3: -7},
    ],
)
async def test_key_that_can_verify_nothing_is_refused(
    alice: Account, cose: dict[int, Any]
) -> None:
    enrolled = await enroll(alice)

    answer = await confirm(alice, enrolled, Passkey().register(enrolled["options"], cose=cose))

    assert answer.status_code == 400


async def test_long_public_key_is_refused(alice: Account) -> None:
    enrolled, passkey = await enroll(alice), Passkey()
    key = ES256.from_cryptography_key(passkey.key.public_key())  # type: ignore[no-untyped-call]  # fido2
    cose = {**key, 99: b"x" * 4096}

    answer = await confirm(alice, enrolled, passkey.register(enrolled["options"], cose=cose))

    assert answer.status_code == 400


async def test_passkey_is_of_one_user_only(alice: Account, bob: Account) -> None:
    passkey = await add_passkey(alice)
    enrolled = await enroll(bob)

    credential = passkey.register(enrolled["options"])

    assert (await confirm(bob, enrolled, credential)).status_code == 400
    assert (await bob.get(FACTORS)).json()["items"][0]["confirmed_at"] is None


async def test_options_of_another_enrolment_do_not_confirm(alice: Account, bob: Account) -> None:
    other, enrolled = await enroll(bob), await enroll(alice)

    credential = Passkey().register(other["options"])

    assert (await confirm(alice, enrolled, credential)).status_code == 400


async def test_each_type_is_confirmed_in_its_own_way(alice: Account) -> None:
    enrolled = await enroll(alice)
    path = f"{FACTORS}/{enrolled['id']}/confirm"
    by_code = await alice.post(path, {"code": "123456"})
    body = {"type": "totp", "name": "Phone"}
    path = f"{FACTORS}/{(await alice.post(FACTORS, body)).json()['id']}/confirm"
    credential = Passkey().register(enrolled["options"])
    by_credential = await alice.post(path, {"credential": credential})

    for answer, name in ((by_code, "credential"), (by_credential, "code")):
        [field] = answer.json()["error"]["details"]["fields"]
        assert (field["path"], field["type"]) == (f"body.{name}", "missing")


# As a second factor and alone


@pytest.mark.parametrize("challenge_of", [begin, details_of])
async def test_passkey_signs_in(alice: Account, challenge_of: Any) -> None:
    passkey = await add_passkey(alice)
    challenge = await challenge_of(alice)

    answer = await send(alice, challenge, passkey.sign(challenge["options"]))

    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == alice.id


@pytest.mark.parametrize("challenge_of", [begin, details_of])
@pytest.mark.parametrize(
    "changes",
    [
        *WRONG,
        {"type": "webauthn.create"},
        {"user_handle": b"somebody else"},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
)
async def test_wrong_assertion_is_refused(
    alice: Account, challenge_of: Any, changes: dict[str, Any]
) -> None:
    passkey = await add_passkey(alice)
    challenge = await challenge_of(alice)

    answer = await send(alice, challenge, passkey.sign(challenge["options"], **changes))

    assert answer.status_code == 401
    assert error_code(answer) == "UNAUTHENTICATED"
    message = "The challenge or the second factor is invalid, expired or already used."
    assert answer.json()["error"]["message"] == message
    # A wrong one does not use the challenge up.
    answer = await send(alice, challenge, passkey.sign(challenge["options"]))
    assert answer.status_code == 200


@pytest.mark.parametrize("challenge_of", [begin, details_of])
async def test_unknown_passkey_is_refused(alice: Account, challenge_of: Any) -> None:
    await add_passkey(alice)
    challenge = await challenge_of(alice)

    assert (await send(alice, challenge, Passkey().sign(challenge["options"]))).status_code == 401


async def test_passkey_that_is_not_confirmed_does_not_sign_in(alice: Account) -> None:
    enrolled, passkey = await enroll(alice), Passkey()
    passkey.register(enrolled["options"])
    begun = await begin(alice)

    assert (await send(alice, begun, passkey.sign(begun["options"]))).status_code == 401


async def test_passkey_of_another_user_is_no_second_factor(alice: Account, bob: Account) -> None:
    await add_passkey(alice)
    other = await add_passkey(bob)
    details = await details_of(alice)

    assert (await send(alice, details, other.sign(details["options"]))).status_code == 401


async def test_challenge_for_passkeys_takes_no_code(alice: Account, clock: Clock) -> None:
    app = await add_app(alice, clock)
    begun = await begin(alice)

    answer = await send_factor(alice, begun["challenge"], code=app.next_code())

    assert answer.status_code == 401


async def test_challenge_for_a_passkey_alone_expires(
    alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    passkey = await add_passkey(alice)
    begun = await begin(alice)
    later = time.time() + factor_sign_in.LIFETIME.total_seconds()
    monkeypatch.setattr(time, "time", lambda: later)

    assert (await send(alice, begun, passkey.sign(begun["options"]))).status_code == 401


@pytest.mark.parametrize("challenge_of", [begin, details_of])
@pytest.mark.parametrize("how", ["disabled", "deleted", "removed", "removed by the operator"])
async def test_passkey_ends_with_the_account_or_the_factor(
    app: FastAPI, alice: Account, challenge_of: Any, how: str
) -> None:
    passkey = await add_passkey(alice)
    challenge = await challenge_of(alice)
    match how:
        case "disabled":
            await operators.disable_user(app.state.context, alice.email)
        case "deleted":
            await alice.delete("/users/me", json={"current_password": alice.password})
        case "removed":
            [factor] = (await alice.get(FACTORS)).json()["items"]
            await alice.delete(f"{FACTORS}/{factor['id']}")
        case _:
            await operators.remove_factors(app.state.context, alice.email)

    answer = await send(alice, challenge, passkey.sign(challenge["options"]))

    assert answer.status_code == 401


@pytest.mark.parametrize("how", ["deleted", "removed", "removed by the operator"])
async def test_removed_passkey_can_be_added_again(
    app: FastAPI, alice: Account, bob: Account, how: str
) -> None:
    passkey = await add_passkey(alice)
    match how:
        case "deleted":
            await alice.delete("/users/me", json={"current_password": alice.password})
        case "removed":
            [factor] = (await alice.get(FACTORS)).json()["items"]
            await alice.delete(f"{FACTORS}/{factor['id']}")
        case _:
            await operators.remove_factors(app.state.context, alice.email)

    await add_passkey(bob, passkey)


@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": "1", "assertion": {}}])
async def test_sign_in_takes_exactly_one_factor(alice: Account, body: dict[str, Any]) -> None:
    body["challenge"] = (await begin(alice))["challenge"]

    answer = await alice.client.post(f"{API}/auth/factor", json=body)

    assert answer.status_code == 400


# The count of signatures


async def test_count_of_signatures_must_grow(alice: Account) -> None:
    passkey = await add_passkey(alice, Passkey(count=7))
    for count, status in ((9, 200), (9, 401), (8, 401), (0, 401), (10, 200)):
        begun = await begin(alice)
        answer = await send(alice, begun, passkey.sign(begun["options"], count=count))
        assert answer.status_code == status, count


# Limits and races


async def test_wrong_passkeys_count_like_wrong_passwords(alice: Account) -> None:
    passkey = await add_passkey(alice)
    for _ in range(10):
        begun = await begin(alice)
        wrong = passkey.sign(begun["options"], origin="http://evil.example")
        assert (await send(alice, begun, wrong)).status_code == 401

    begun = await begin(alice)
    answer = await send(alice, begun, passkey.sign(begun["options"]))

    assert answer.status_code == 429


async def test_unknown_passkeys_count_for_the_address(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, login_address_limit="3/hour") as client:
        there = Account(client, alice.email, alice.password, alice.session)
        begun = await begin(there)
        for _ in range(3):
            answer = await send(there, begun, Passkey().sign(begun["options"]))
            assert answer.status_code == 401
        assert (await client.post(f"{API}/auth/passkey")).status_code == 429
        assert (await send(there, begun, Passkey().sign(begun["options"]))).status_code == 429


@pytest.mark.parametrize("challenge_of", [begin, details_of])
async def test_one_of_two_uses_of_an_assertion_wins(
    pair: tuple[Account, Account], challenge_of: Any
) -> None:
    here, there = pair
    passkey = await add_passkey(here)
    for _ in range(5):
        challenge = await challenge_of(here)
        assertion = passkey.sign(challenge["options"])

        answers = await asyncio.gather(
            send(here, challenge, assertion), send(there, challenge, assertion)
        )

        assert sorted(answer.status_code for answer in answers) == [200, 401]
    assert (await send(here, challenge, assertion)).status_code == 401


async def test_beginning_with_a_passkey_writes_nothing(alice: Account, dsn: str) -> None:
    count = "SELECT count(*) FROM sign_in_challenges WHERE user_id = %s"
    nobody = "00000000-0000-0000-0000-000000000000"

    await begin(alice)

    assert await execute(dsn, count, nobody) == [(0,)]


# The relying party


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("localhost", {ORIGIN})),
        ({"host": "0.0.0.0"}, None),  # it is not listened on
        ({"public_url": "http://127.0.0.1:8000"}, None),
        ({"public_url": "http://[::1]:8000"}, None),
        (
            {"host": "0.0.0.0", "public_url": "https://Duly.example.org:443/app"},
            ("duly.example.org", {"https://duly.example.org"}),
        ),
        (
            {
                "public_url": "https://example.org",
                "cors_origins": (
                    "https://app.example.org",
                    "https://badexample.org",
                    "https://example.org.evil.net",
                    "http://localhost:5173",
                ),
            },
            ("example.org", {"https://example.org", "https://app.example.org"}),
        ),
    ],
)
def test_relying_party_is_the_host_of_the_public_url(
    settings: Settings, changes: dict[str, Any], expected: tuple[str, set[str]] | None
) -> None:
    party = relying_party_of(settings.model_copy(update=changes))

    assert (None if party is None else (party.id, set(party.origins))) == expected


async def test_passkeys_need_a_public_url(
    settings: Settings, address: str, alice: Account
) -> None:
    await add_passkey(alice)
    async with running(settings, address, host="0.0.0.0") as client:
        there = Account(client, alice.email, alice.password, alice.session)
        answers = [
            await there.post(FACTORS, {"type": "passkey", "name": "Laptop"}),
            await client.post(f"{API}/auth/passkey"),
        ]
        details = await details_of(there)

    assert [error_code(answer) for answer in answers] == ["PASSKEYS_NOT_CONFIGURED"] * 2
    assert [answer.status_code for answer in answers] == [503] * 2
    assert "options" not in details
