"""JSON as it is sent and read: RFC 8259, times in RFC 3339 and UTC."""

import json
from typing import Any

import orjson

# Rows carry their times in UTC and without a zone; see `utils.times.utc`.
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


class RepeatedMember(ValueError):
    """A JSON object has two members of the same name, of which readers pick different ones."""


def encode(value: Any) -> bytes:
    """Encode rows and what is made of them."""
    return orjson.dumps(value, option=_OPTIONS)


def decode(text: bytes) -> Any:
    """Parse JSON strictly.

    Raises `RepeatedMember`, and `ValueError` for anything that is not RFC 8259 JSON in UTF-8.
    """
    value = orjson.loads(text)
    # orjson keeps the last of two members. The standard library is slower and not strict, but
    # reports each of them.
    try:
        _MEMBERS.decode(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _check_members(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) != len(pairs):
        raise RepeatedMember


def _no_number(_: str) -> None:
    """Skip numbers: int() refuses one of thousands of digits."""


_MEMBERS = json.JSONDecoder(
    object_pairs_hook=_check_members, parse_int=_no_number, parse_float=_no_number
)
