"""Hashes of passwords."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duly.core.password_hashes import dummy_hash, hash_password, needs_rehash, verify_password

passwords = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@settings(deadline=None, max_examples=30)
@given(passwords)
def test_a_password_fits_its_hash(password: str) -> None:
    assert verify_password(password, hash_password(password, cost=4))


@pytest.mark.parametrize("length", [1, 72, 127])
def test_every_character_of_a_long_password_counts(length: int) -> None:
    hashed = hash_password("a" * 128, cost=4)

    assert not verify_password("a" * length, hashed)
    assert not verify_password("a" * 127 + "b", hashed)


def test_a_password_with_a_nul_is_not_cut_off_there() -> None:
    assert not verify_password("abc\0xyz", hash_password("abc\0abc", cost=4))


def test_a_password_typed_on_another_keyboard_fits() -> None:
    assert verify_password("cafe\u0301 ﬁ", hash_password("caf\u00e9 fi", cost=4))


def test_case_and_spaces_of_a_password_count() -> None:
    hashed = hash_password("Correct horse ", cost=4)

    assert not verify_password("correct horse ", hashed)
    assert not verify_password("Correct horse", hashed)


def test_the_same_password_never_has_the_same_hash() -> None:
    assert hash_password("a", cost=4) != hash_password("a", cost=4)


@pytest.mark.parametrize(
    "hashed", ["", "x", "$2b$04$short", "$1$abc$def", "é", "$2b$99$" + "a" * 53]
)
def test_no_password_fits_a_malformed_hash(hashed: str) -> None:
    assert not verify_password("a", hashed)


def test_dummy_hash_matches_no_password_and_costs_as_much_as_a_real_one() -> None:
    decoy = dummy_hash(4)

    assert decoy.startswith("$2b$04$")
    assert dummy_hash(4) == decoy
    assert not verify_password(str(uuid4()), decoy)


def test_hash_of_another_cost_needs_a_rehash() -> None:
    hashed = hash_password("a", cost=4)

    assert not needs_rehash(hashed, 4)
    assert needs_rehash(hashed, 5)
    assert needs_rehash("$2a$04$" + hashed[7:], 4)
