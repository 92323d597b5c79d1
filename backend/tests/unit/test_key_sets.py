"""The keys of an issuer: which are used, and for what."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from duly.core.issuers import ALGORITHMS
from duly.core.key_sets import MAX_KEYS, find_key, read_key_set
from tests.support.issuers import as_json, encode, key_for, public

ALL = frozenset(ALGORITHMS)
EC = key_for("ES256")
RSA = key_for("RS256")
ED25519 = key_for("EdDSA")


def algorithms(*keys: Any, accepted: frozenset[str] = ALL) -> list[set[str]]:
    """What each key that is used may be used for."""
    return [{*key.algorithms} for key in read_key_set(as_json({"keys": keys}), accepted)]


def test_key_is_used_with_the_algorithms_of_its_type_and_curve() -> None:
    assert algorithms(public(EC, "a")) == [{"ES256"}]
    assert algorithms(public(key_for("ES384"), "a")) == [{"ES384"}]
    assert algorithms(public(key_for("ES512"), "a")) == [{"ES512"}]
    assert algorithms(public(ED25519, "a")) == [{"EdDSA", "Ed25519"}]
    assert algorithms(public(RSA, "a")) == [{name for name in ALL if name[:2] in {"RS", "PS"}}]


def test_key_is_used_only_with_algorithms_of_the_issuer() -> None:
    accepted = frozenset({"RS256", "ES384"})

    assert algorithms(public(RSA, "a"), public(EC, "b"), accepted=accepted) == [{"RS256"}]


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": []},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"kid": 7},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": ["P-256"]},
        {"kty": "OKP"},
        {"kty": ["EC"]},
        {"x": encode(bytes(32))},
        {"x": None},
        {"x": "not base64url!"},
    ],
)
def test_key_that_says_or_is_something_else_is_skipped(members: dict[str, Any]) -> None:
    assert algorithms({**public(EC, "a"), **members}, public(RSA, "b", alg="RS256")) == [{"RS256"}]


def test_key_may_say_that_it_verifies() -> None:
    members = {"use": "sig", "key_ops": ["verify"], "alg": "ES256", "x5c": ["…"]}

    assert algorithms(public(EC, "a", **members)) == [{"ES256"}]
    assert algorithms(public(ED25519, "a", alg="EdDSA")) == [{"EdDSA", "Ed25519"}]


def test_weak_slow_and_other_keys_are_skipped() -> None:
    with pytest.warns(match="2048"):
        weak = RSAKey.generate_key(1024)
    slow = {"kty": "RSA", "n": encode(b"\xff" * 1025), "e": "AQAB"}
    even = {**public(RSA, "c"), "e": encode(b"\x01\x00\x00")}
    huge = {**public(RSA, "d"), "e": encode(b"\xff" * 9)}
    others: list[Any] = [
        public(OKPKey.generate_key("Ed448"), "e"),
        public(OKPKey.generate_key("X25519"), "f"),
        public(ECKey.generate_key("secp256k1"), "g"),
        OctKey.generate_key(256).as_dict(private=True),
        *({}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256"}, "a key", None, 7, []),
    ]

    assert algorithms(public(weak, "a"), slow, even, huge, *others) == []


def test_private_key_is_used_for_what_is_public_of_it() -> None:
    [key] = read_key_set(as_json({"keys": [EC.as_dict(private=True)]}), ALL)

    assert not key.key.is_private


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [], "keys": []}',
        b"<html>",
        b"\xff",
        as_json({"keys": [public(EC, "a")] * (MAX_KEYS + 1)}),
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_other_document_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any
        read_key_set(document, ALL)


def test_key_is_found_if_it_is_the_only_one_that_fits() -> None:
    keys = read_key_set(
        as_json({"keys": [public(EC, "a"), public(RSA, "b"), public(key_for("ES256", 1), "c")]}),
        ALL,
    )

    assert find_key(keys, "ES256", "a") is keys[0]
    assert find_key(keys, "RS512", None) is keys[1]
    assert find_key(keys, "ES256", None) is None  # there are two
    assert find_key(keys, "ES256", "b") is None
    assert find_key(keys, "ES256", "z") is None


def test_equal_sets_are_equal() -> None:
    document = as_json({"keys": [public(EC, "a"), public(EC, "a"), public(RSA, "b")]})

    assert read_key_set(document, ALL) == read_key_set(document, ALL)
    assert len(read_key_set(document, ALL)) == 2
    renamed = as_json({"keys": [public(EC, "z"), public(RSA, "b")]})
    assert read_key_set(document, ALL) != read_key_set(renamed, ALL)
