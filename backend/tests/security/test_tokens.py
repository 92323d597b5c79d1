"""Forged, foreign and expired tokens: whatever is wrong with one, the answer is the same 401."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.tokens import InvalidToken, Keyring
from tests.support.accounts import API, Account, error_code
from tests.support.forgery import ABSENT, Forger, assert_refused, decode, present
from tests.support.instances import running


@pytest.fixture
def forger(app: FastAPI, alice: Account) -> Forger:
    return Forger(app.state.context.keyring, alice)


async def test_the_forger_can_make_a_token_that_is_accepted(
    alice: Account, forger: Forger
) -> None:
    assert (await present(alice, forger.forge())).status_code == 200


async def test_token_has_the_claims_of_the_contract(forger: Forger, alice: Account) -> None:
    assert forger.header["typ"] == "at+jwt"
    assert set(forger.claims) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti"}
    assert forger.claims["sub"] == alice.id
    assert forger.claims["exp"] - forger.claims["iat"] == 15 * 60


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
async def test_a_token_without_a_signature_is_refused(
    alice: Account, forger: Forger, name: str
) -> None:
    signed = forger.forge({"alg": name})

    await assert_refused(alice, signed)
    await assert_refused(alice, signed.rpartition(".")[0] + ".")
    await assert_refused(alice, signed.rpartition(".")[0])


async def test_the_signature_may_not_be_left_out(alice: Account, forger: Forger) -> None:
    body = forger.forge().rpartition(".")[0]

    await assert_refused(alice, body + ".")
    await assert_refused(alice, body)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("HS384", "sha384"),
        ("HS512", "sha512"),
        ("RS256", "sha256"),
        ("ES256", "sha256"),
        ("PS256", "sha256"),
        ("EdDSA", "sha256"),
        ("dir", "sha256"),
        ("hs256", "sha256"),
        (["HS256"], "sha256"),
        (None, "sha256"),
        (ABSENT, "sha256"),
    ],
)
async def test_other_algorithms_are_rejected(
    alice: Account, forger: Forger, name: object, algorithm: str
) -> None:
    await assert_refused(alice, forger.forge({"alg": name}, algorithm))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "refresh+jwt"},
        {"typ": ABSENT},
        {"typ": 1},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
    ],
)
async def test_other_headers_are_rejected(
    alice: Account, forger: Forger, header: dict[str, Any]
) -> None:
    await assert_refused(alice, forger.forge(header))


def is_as_good_as_any(name: str, value: object) -> bool:
    """Whether a claim may be so: any text names a token, and any time before now is before now."""
    return (name == "jti" and isinstance(value, str)) or (name == "iat" and type(value) is int)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("iss", "aud", "sub", "sid", "iat", "exp", "jti")
        for value in (ABSENT, None, "", 0, -1, 1.5, 5, True, [], {}, "evil", ["duly"], "\x00")
        if not is_as_good_as_any(name, value)
    ],
)
async def test_every_claim_must_be_present_and_valid(
    alice: Account, forger: Forger, name: str, value: Any
) -> None:
    await assert_refused(alice, forger.forge(**{name: value}))


async def test_an_expired_token_is_refused(alice: Account, forger: Forger) -> None:
    now = int(time.time())

    await assert_refused(alice, forger.forge(iat=now - 901, exp=now - 1))


async def test_a_token_from_the_future_is_refused(alice: Account, forger: Forger) -> None:
    now = int(time.time())

    await assert_refused(alice, forger.forge(iat=now + 3600, exp=now + 4500))


async def test_token_of_an_unknown_user_is_unauthenticated(alice: Account, forger: Forger) -> None:
    await assert_refused(alice, forger.forge(sub=str(uuid4())))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"{",
        b"\xff",
        b"{}" * 2,
        b"NaN",
        b"[" * 2_900 + b"]" * 2_900,
        b'{"sub":' * 700 + b"1" + b"}" * 700,
        b'{"exp":' + b"9" * 5_000 + b"}",
        b'{"exp":1e' + b"9" * 500 + b"}",
    ],
    ids=range(13),
)
async def test_payload_without_claims_is_rejected(
    alice: Account, forger: Forger, payload: bytes
) -> None:
    segment = alice.session["access_token"].partition(".")[0]

    await assert_refused(alice, forger.sign(segment, payload))


@pytest.mark.parametrize("claim", ["exp", "iat"])
async def test_a_number_of_5000_digits_is_refused(
    alice: Account, forger: Forger, claim: str
) -> None:
    segment = alice.session["access_token"].partition(".")[0]
    payload = json.dumps({**forger.claims, claim: 0}).replace(
        f'"{claim}": 0', f'"{claim}": {"9" * 5_000}'
    )

    await assert_refused(alice, forger.sign(segment, payload.encode()))


async def test_a_token_over_8_kib_is_refused(alice: Account, forger: Forger) -> None:
    assert (await present(alice, forger.forge(padding="x" * 4_000))).status_code == 200

    await assert_refused(alice, forger.forge(padding="x" * 8_000))
    await assert_refused(alice, forger.forge({"padding": "x" * 100_000}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-2],
        lambda token: token + "AA",
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token.replace(".", ".."),
        lambda token: token.replace(".", "\u00e9."),
        lambda token: token[:-1] + "\u00e9",
        lambda token: token.swapcase(),
        lambda token: f'"{token}"',
        lambda token: f"{token}, Bearer {token}",
        lambda token: f"{token} {token}",
        lambda _: "",
        lambda _: ".",
        lambda _: "..",
        lambda _: "....",
        lambda _: "null",
        lambda _: "e30.e30.e30",
        lambda _: "\u00e9" * 20,
    ],
)
async def test_a_spoiled_token_is_refused(alice: Account, spoil: Callable[[str], str]) -> None:
    await assert_refused(alice, spoil(alice.session["access_token"]))


async def test_claims_of_one_token_do_not_go_with_the_signature_of_another(
    alice: Account, bob: Account
) -> None:
    header, claims, _ = alice.session["access_token"].split(".")
    signature = bob.session["access_token"].rpartition(".")[2]

    await assert_refused(bob, f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer: {}", "Bearer\t{}"],
)
async def test_a_token_must_be_presented_as_a_bearer_token(
    alice: Account, authorization: str
) -> None:
    headers = {"Authorization": authorization.format(alice.session["access_token"])}

    response = await alice.client.get(f"{API}/users/me", headers=headers)

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"


async def test_a_token_in_the_url_or_a_cookie_is_not_looked_at(alice: Account) -> None:
    token = alice.session["access_token"]

    response = await alice.client.get(
        f"{API}/users/me?access_token={token}", headers={"Cookie": f"access_token={token}"}
    )

    assert response.status_code == 401


async def test_a_token_of_another_instances_key_is_refused(alice: Account) -> None:
    claims = json.loads(decode(alice.session["access_token"].split(".")[1]))
    keyring = Keyring(secrets.token_hex(32))

    await assert_refused(
        alice, keyring.issue_access(UUID(claims["sub"]), UUID(claims["sid"]), 900)
    )


async def test_the_signing_secret_itself_is_not_the_key(
    alice: Account, forger: Forger, settings: Settings
) -> None:
    assert settings.secret_key is not None
    forger._key = settings.secret_key.get_secret_value().encode()

    await assert_refused(alice, forger.forge())


async def test_a_former_key_is_accepted_and_its_tokens_are_replaced(
    settings: Settings, alice: Account, address: str
) -> None:
    new = SecretStr(secrets.token_hex(32))
    before = dict(alice.session)
    changes = {"secret_key": new, "previous_secret_keys": (settings.secret_key,)}
    async with running(settings, address, **changes) as elsewhere:
        assert (await present(Account(elsewhere, "", "", {}), before["access_token"])).is_success
        body = {"refresh_token": before["refresh_token"]}
        alice.session = (await elsewhere.post(f"{API}/auth/refresh", json=body)).json()

    async with running(settings, address, secret_key=new) as elsewhere:
        alice.client = elsewhere
        await assert_refused(alice, before["access_token"])
        body = {"refresh_token": alice.session["refresh_token"]}
        assert (await elsewhere.post(f"{API}/auth/refresh", json=body)).status_code == 200


async def test_a_forgotten_key_is_not_accepted(
    settings: Settings, alice: Account, address: str
) -> None:
    new = SecretStr(secrets.token_hex(32))
    async with running(settings, address, secret_key=new) as elsewhere:
        refused = await present(Account(elsewhere, "", "", {}), alice.session["access_token"])

    assert refused.status_code == 401
    assert error_code(refused) == "UNAUTHENTICATED"


@pytest.mark.parametrize("name", ["sub", "sid"])
@pytest.mark.parametrize(
    "write",
    [
        lambda text: f"{{{text}}}",
        lambda text: f"urn:uuid:{text}",
        lambda text: text.replace("-", ""),
        str.upper,
        lambda text: text.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}),
    ],
    ids=["braces", "urn", "plain", "capitals", "full-width digits"],
)
async def test_an_id_has_one_spelling(
    alice: Account, forger: Forger, name: str, write: Callable[[str], str]
) -> None:
    claims: dict[str, Any] = {name: write(forger.claims[name])}

    await assert_refused(alice, forger.forge(**claims))


async def test_a_token_that_begins_later_is_refused(alice: Account, forger: Forger) -> None:
    now = int(time.time())

    assert (await present(alice, forger.forge(nbf=now))).status_code == 200
    for begins_at in (now + 3600, str(now), True, None):
        await assert_refused(alice, forger.forge(nbf=begins_at))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
async def test_claims_are_utf_8(alice: Account, forger: Forger, encoding: str) -> None:
    header = forger.forge().partition(".")[0]

    await assert_refused(alice, forger.sign(header, json.dumps(forger.claims).encode(encoding)))


@pytest.mark.parametrize("digits", [12, 4000])
async def test_a_time_that_never_comes_is_refused(
    alice: Account, forger: Forger, digits: int
) -> None:
    await assert_refused(alice, forger.forge(exp=10**digits))


async def test_two_tokens_are_rejected(alice: Account, bob: Account) -> None:
    fields = [("Authorization", account.headers["Authorization"]) for account in (alice, bob)]

    response = await alice.client.get(f"{API}/users/me", headers=fields)

    assert response.status_code == 401


def test_verified_token_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(secrets.token_hex(32))
    token = keyring.issue_access(uuid4(), uuid4(), lifetime=60)
    keyring.read_access(token)
    later = time.time() + 60

    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(InvalidToken):
        keyring.read_access(token)
