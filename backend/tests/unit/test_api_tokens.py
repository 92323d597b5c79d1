"""The form of API tokens: only what has the checksum of its secret is looked up."""

import hashlib
import string
from collections.abc import Callable

import pytest

from duly.core import api_tokens
from duly.core.tokens import InvalidToken


def is_refused(token: str) -> bool:
    try:
        api_tokens.digest(token)
    except InvalidToken:
        return True
    return False


def test_new_token_has_the_documented_form() -> None:
    token = api_tokens.create()

    assert token.startswith("duly_pat_")
    assert len(token) == len("duly_pat_") + 30 + 6
    assert set(token.removeprefix("duly_pat_")) <= {*string.ascii_letters, *string.digits}
    assert api_tokens.digest(token) == hashlib.sha256(token.encode()).digest()


def test_tokens_are_not_repeated() -> None:
    assert len({api_tokens.create() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("secret", "checksum"),
    [
        ("0" * 30, "2C8GjS"),
        ("0123456789abcdefghijABCDEFGHIJ", "3mpbCX"),
        ("000000000000000000000000000001", "010Ohw"),
        ("zZ9" * 10, "4eli4n"),
    ],
)
def test_checksum_is_the_crc_32_in_base_62(secret: str, checksum: str) -> None:
    assert api_tokens.checksum(secret) == checksum
    assert not is_refused(f"duly_pat_{secret}{checksum}")


ALTERED: list[Callable[[str], str]] = [
    lambda token: token[:-1],
    lambda token: token + "0",
    lambda token: token + "\n",
    lambda token: " " + token,
    lambda token: token.swapcase(),
    lambda token: token.replace("duly_pat_", "duly_pat-"),
    lambda token: token.replace("duly_pat_", "Duly_pat_"),
    lambda token: token.removeprefix("duly_pat_"),
    lambda token: token[:9] + token[10:] + "0",
    lambda token: token[:9] + "é" + token[10:],
    lambda token: token[:9] + "\u0661" + token[10:],
    lambda token: token[:9] + "_" + token[10:],
    lambda token: token[:9] + "\x00" + token[10:],
    lambda token: token * 2,
    lambda _: "duly_pat_",
    lambda _: "",
]


@pytest.mark.parametrize("alter", ALTERED)
def test_text_of_another_form_is_refused(alter: Callable[[str], str]) -> None:
    assert is_refused(alter("duly_pat_" + "0" * 30 + api_tokens.checksum("0" * 30)))


def test_changed_character_does_not_fit_the_checksum() -> None:
    token = api_tokens.create()
    alphabet = string.ascii_letters + string.digits

    for place in range(len("duly_pat_"), len(token)):
        for other in {*alphabet} - {token[place]}:
            assert is_refused(token[:place] + other + token[place + 1 :])


def test_exchanged_neighbors_do_not_fit_the_checksum() -> None:
    token = api_tokens.create()

    for place in range(len("duly_pat_"), len(token) - 1):
        swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
        assert swapped == token or is_refused(swapped)
