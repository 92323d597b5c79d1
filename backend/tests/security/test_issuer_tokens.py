"""Tokens of other issuers: which are accepted, and that no forged one is."""

import hmac
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from duly.core.config import Settings
from duly.core.tokens import InvalidToken
from tests.support.accounts import API, error_code
from tests.support.forgery import decode
from tests.support.instances import captured_logs, running
from tests.support.issuers import (
    ABSENT,
    ALGORITHMS,
    In,
    Issuer,
    as_json,
    encode,
    issuing,
    key_for,
    public,
    sign,
    table,
    write_issuers,
)

FORGED = 10_000


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def file(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuers") / "issuers.toml"
    issuer.publish("ES256", "RS256", "EdDSA")
    accepted = ["ES256", "RS256", "EdDSA"]
    refuse = {"role": ["anon", "service_role"], "is_anonymous": True}
    return write_issuers(path, table(issuer, algorithms=accepted, refuse=refuse))


@pytest.fixture
async def client(settings: Settings, address: str, file: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings, address, issuers=file, rate_limit="off") as client:
        yield client


async def present(client: httpx.AsyncClient, token: str) -> httpx.Response:
    headers = {b"authorization": b"Bearer " + token.encode()}
    return await client.get(f"{API}/users/me", headers=headers)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_token_of_each_algorithm_is_accepted_if_the_issuer_has_it(
    settings: Settings, address: str, tmp_path: Path, algorithm: str
) -> None:
    with issuing(algorithm) as issuer:
        file = write_issuers(tmp_path / "one.toml", table(issuer, algorithms=[algorithm]))
        others = [name for name in ALGORITHMS if name != algorithm]
        without = write_issuers(tmp_path / "others.toml", table(issuer, algorithms=others))
        token = issuer.token(algorithm)

        async with running(settings, address, issuers=file) as client:
            assert (await present(client, token)).status_code == 200
        async with running(settings, address, issuers=without) as client:
            assert (await present(client, token)).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["others", "tasks"]},
        {"nbf": In(-10)},
        {"iat": ABSENT},
        {"iat": In(-0.5)},
        {"iat": In(3)},
        {"header": {"typ": "at+JWT"}},
        {"header": {"typ": ABSENT}},
        {"header": {"kid": ABSENT}},
        {"sub": "auth0|" + "x" * 249},
        {"role": "authenticated"},
        {"role": ["authenticated", "editor"]},
        {"is_anonymous": False},
        {"is_anonymous": 1},
        {"email": 7, "name": ["x"], "email_verified": "yes"},
    ],
    ids=repr,
)
async def test_token_that_says_what_it_must_is_accepted(
    client: httpx.AsyncClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    response = await present(client, issuer.token(**changes))

    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ABSENT},
        {"iss": "https://other.example"},
        {"iss": ["x"]},
        {"aud": ABSENT},
        {"aud": "other"},
        {"aud": []},
        {"aud": ["tasks", 7]},
        {"aud": {"tasks": 1}},
        {"exp": ABSENT},
        {"exp": In(-1)},
        {"exp": "1900000000"},
        {"exp": True},
        {"exp": 2**33},
        {"exp": 10**400},
        {"exp": None},
        {"nbf": In(60)},
        {"nbf": "0"},
        {"nbf": -1},
        {"iat": In(60)},
        {"iat": {}},
        {"sub": ABSENT},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "with space"},
        {"sub": "\x00"},
        {"sub": "ü"},
        {"role": "anon"},
        {"role": ["authenticated", "service_role"]},
        {"is_anonymous": True},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"header": {"alg": "ES384"}},
        {"header": {"alg": ["ES256"]}},
        {"header": {"alg": ABSENT}},
        {"header": {"typ": "refresh"}},
        {"header": {"typ": None}},
        {"header": {"kid": 7}},
        {"header": {"kid": None}},
        {"header": {"kid": "RS256-0"}},
        *({"header": {name: []}} for name in ("crit", "jwk", "jku", "x5u", "x5c", "b64")),
    ],
    ids=lambda changes: repr(changes)[:60],
)
async def test_token_that_says_something_else_is_rejected(
    client: httpx.AsyncClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    response = await present(client, issuer.token(**changes))

    assert response.status_code == 401, response.text
    assert error_code(response) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_audience_can_be_replaced_by_a_required_claim(
    settings: Settings, address: str, tmp_path: Path, issuer: Issuer
) -> None:
    required = {"azp": ["https://app.example", "https://beta.example"], "verified": True}
    fields = table(issuer, audience=ABSENT, required=required)
    file = write_issuers(tmp_path / "issuers.toml", fields)

    async with running(settings, address, issuers=file) as client:
        for changes, status in (
            ({"aud": ABSENT, "azp": "https://app.example", "verified": True}, 200),
            ({"aud": "other", "azp": "https://beta.example", "verified": True}, 200),
            ({"azp": "https://evil.example", "verified": True}, 401),
            ({"azp": "https://app.example", "verified": "true"}, 401),
            ({"azp": "https://app.example", "verified": 1}, 401),
            ({"azp": "https://app.example"}, 401),
            ({"verified": True}, 401),
        ):
            response = await present(client, issuer.token(**changes))
            assert response.status_code == status, changes


async def test_token_that_was_accepted_is_rejected_once_it_has_expired(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    token = issuer.token(exp=In(1.5))
    assert (await present(client, token)).status_code == 200

    time.sleep(1.6)  # noqa: ASYNC251  # nothing else runs

    assert (await present(client, token)).status_code == 401


async def test_forms_that_are_not_a_compact_token_are_rejected(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    token = issuer.token()
    header, claims, signature = token.split(".")
    spare = chr(ord(signature[-1]) + 1) if signature[-1] not in "Zz9-_" else "A"
    forms = [
        f"{header}.{claims}",
        f"{token}.",
        f"{token}.{signature}",
        f".{claims}.{signature}",
        f"{header}..{signature}",
        f"{header}.{claims}.",
        f"{header}=.{claims}.{signature}",
        f"{header} .{claims}.{signature}",
        f"{header}.{claims}.{signature[:-1]}{spare}",
        f"{token}{'A' * 9_000}",
        f"é{token}",
        "ü.ü.ü",
        json.dumps({"protected": header, "payload": claims, "signature": signature}),
    ]
    for form in forms:
        assert (await present(client, form)).status_code == 401, form[:80]
    assert (await present(client, token)).status_code == 200


async def test_repeated_members_are_rejected(client: httpx.AsyncClient, issuer: Issuer) -> None:
    key = key_for("ES256")
    header, claims = {"alg": "ES256", "kid": "ES256-0"}, issuer.claims()
    repeated = as_json(claims)[:-1] + b',"sub":"admin"}'
    doubled = as_json(header)[:-1] + b',"alg":"ES256"}'

    for token in (
        sign(header, repeated, key, "ES256"),
        sign(doubled, claims, key, "ES256"),
        sign(header, b"[]", key, "ES256"),
        sign(header, b"\xff\xfe{}", key, "ES256"),
        sign(b'"ES256"', claims, key, "ES256"),
        sign(header, b"[" * 3_000, key, "ES256"),
    ):
        assert (await present(client, token)).status_code == 401
    assert (await present(client, sign(header, claims, key, "ES256"))).status_code == 200


async def test_keys_of_an_attacker_do_not_count(client: httpx.AsyncClient, issuer: Issuer) -> None:
    own = ECKey.generate_key("P-256")
    claims = issuer.claims()
    headers: list[dict[str, Any]] = [
        {"alg": "ES256", "kid": "ES256-0"},
        {"alg": "ES256"},
        {"alg": "ES256", "jwk": own.as_dict(private=False)},
        {"alg": "ES256", "kid": "ES256-0", "jwk": public(own, "ES256-0")},
        {"alg": "ES256", "jku": "https://evil.example/jwks"},
        {"alg": "ES256", "kid": "../../evil"},
    ]

    for header in headers:
        assert (await present(client, sign(header, claims, own, "ES256"))).status_code == 401


async def test_public_key_is_no_shared_secret(client: httpx.AsyncClient, issuer: Issuer) -> None:
    secrets = [
        key_for("RS256").as_pem(private=False),
        key_for("RS256").as_pem(private=False).strip(),
        key_for("RS256").as_der(private=False),
        as_json(public(key_for("RS256"), "RS256-0")),
        b"",
    ]
    for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("RS256", "sha256")):
        for secret in secrets:
            header = as_json({"alg": algorithm, "typ": "JWT", "kid": "RS256-0"})
            signed = f"{encode(header)}.{encode(as_json(issuer.claims()))}"
            token = f"{signed}.{encode(hmac.digest(secret, signed.encode(), digest))}"
            assert (await present(client, token)).status_code == 401


class Forger:
    """Makes variants of valid tokens, each of which differs from them in what is signed or read."""

    def __init__(self, issuer: Issuer, seed: int) -> None:
        self._random = random.Random(seed)
        self._issuer = issuer
        self._tokens = [issuer.token(name) for name in ("ES256", "RS256", "EdDSA")]
        self._kinds = [
            self._mutated_text,
            self._mutated_bytes,
            self._other_header,
            self._other_claims,
            self._unsigned,
            self._exchanged,
            self._hmac,
        ]

    def forge(self) -> str:
        """A token that must not be accepted."""
        while True:
            token = self._random.choice(self._kinds)(self._random.choice(self._tokens))
            if token not in self._tokens:
                return token

    def _mutated_text(self, token: str) -> str:
        place = self._random.randrange(len(token))
        letter = self._random.choice("ABCXYZabcxyz0189-_=.+/ ~")
        how = self._random.randrange(3)
        return token[:place] + (letter if how else "") + token[place + (how != 1) :]

    def _mutated_bytes(self, token: str) -> str:
        segments = [bytearray(decode(part)) for part in token.split(".")]
        segment = self._random.choice(segments)
        for _ in range(self._random.randint(1, 3)):
            segment[self._random.randrange(len(segment))] ^= 1 << self._random.randrange(8)
        return ".".join(encode(bytes(part)) for part in segments)

    def _other_header(self, token: str) -> str:
        header, claims, signature = token.split(".")
        fields = json.loads(decode(header))
        own = ECKey.generate_key("P-256")
        change: dict[str, Any] = self._random.choice(
            [
                {"alg": self._random.choice(["none", "None", "HS256", "RS256", "ES256", "PS256"])},
                {"jwk": own.as_dict(private=False)},
                {"kid": self._random.choice(["", "RS256-0", "ES256-0", "EdDSA-0", "x"])},
                {"typ": self._random.choice(["at+jwt", "JOSE", ""])},
                {"crit": ["b64"], "b64": False},
            ]
        )
        return f"{encode(as_json({**fields, **change}))}.{claims}.{signature}"

    def _other_claims(self, token: str) -> str:
        header, claims, signature = token.split(".")
        fields = json.loads(decode(claims))
        name = self._random.choice([*fields, "role", "admin", "email"])
        values = ["admin", 0, 2**31, None, [], {}, True, "", fields["sub"] + "x", 1e308]
        changed = {**fields, name: self._random.choice(values)}
        return f"{header}.{encode(as_json(changed))}.{signature}"

    def _unsigned(self, token: str) -> str:
        _, claims, signature = token.split(".")
        header = encode(as_json({"alg": self._random.choice(["none", "NONE", "ES256", ""])}))
        return f"{header}.{claims}.{self._random.choice(['', signature, encode(bytes(64))])}"

    def _exchanged(self, token: str) -> str:
        parts = [self._random.choice(self._tokens).split(".")[place] for place in range(3)]
        return ".".join(parts) if ".".join(parts) != token else f"{token}A"

    def _hmac(self, token: str) -> str:
        _, claims, _ = token.split(".")
        name = self._random.choice(["HS256", "RS256", "ES256", "EdDSA"])
        header = encode(as_json({"alg": name, "kid": self._random.choice(["RS256-0", "ES256-0"])}))
        secret = key_for(self._random.choice(["RS256", "ES256"])).as_pem(private=False)
        signed = f"{header}.{claims}"
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.mark.slow
async def test_no_forged_variant_is_accepted_and_none_is_an_error_of_ours(
    client: httpx.AsyncClient, issuer: Issuer, run_seed: int
) -> None:
    forger = Forger(issuer, run_seed)
    bearers = client._transport.app.state.context.bearers  # type: ignore[attr-defined]  # ASGI's
    for number in range(FORGED):
        token = forger.forge()
        # Through HTTP now and then: pacing would make all of them take minutes.
        if number % 50 == 0 and token == token.strip():
            response = await present(client, token)
            assert response.status_code == 401, (run_seed, token)
        with pytest.raises(InvalidToken):
            await bearers.read(token)


async def test_reason_is_logged_for_developers_without_the_token(
    settings: Settings, address: str, file: Path, issuer: Issuer
) -> None:
    with captured_logs(settings) as log:
        async with running(settings, address, issuers=file, log_level="debug") as client:
            token = issuer.token(aud="other")
            await present(client, token)

    [line] = [line for line in log.getvalue().splitlines() if "issuer.token_refused" in line]
    assert json.loads(line)["reason"] == "aud does not have the audience"
    assert token.split(".")[1] not in log.getvalue()
