"""JSON as it is sent and read: RFC 8259, times in RFC 3339 and UTC."""

import json
import re
from itertools import islice
from typing import Any

import orjson

# Rows carry their times in UTC and without a zone; see `utils.times.utc`.
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


MAX_MEMBERS = 5_000
"""Members that all objects of a text may have together: a batch of 100 operations has some 800."""


class TooManyMembers(ValueError):
    """The objects of a JSON text have more members than any request needs.

    Each unknown one is an error of its own for the validator, and takes its time.
    """


MAX_VALUES = 20_000
"""Arrays, objects, and their members or elements after the first, that a text may have together."""

# Atomic, so that nothing is read twice.
_STRING_OR_VALUE = re.compile(rb'"(?>[^"\\]+|\\.)*+"|[\[{,]', re.DOTALL)


class TooManyValues(ValueError):
    """A JSON text has more values than any request needs.

    A megabyte of empty arrays takes half a second to build.
    """


class RepeatedMember(ValueError):
    """A JSON object has two members of the same name, of which readers pick different ones."""


def encode(value: Any) -> bytes:
    """Encode rows and what is made of them."""
    return orjson.dumps(value, option=_OPTIONS)


def decode(text: bytes) -> Any:
    """Parse JSON strictly.

    Raises `RepeatedMember`, `TooManyMembers`, `TooManyValues`, and `ValueError` for anything else
    that is not RFC 8259 JSON in UTF-8.
    """
    _check_values(text)
    value = orjson.loads(text)
    # Each member has a colon; colons in strings may be many, so then the members are counted.
    if text.count(b":") > MAX_MEMBERS and _count_members(value) > MAX_MEMBERS:
        raise TooManyMembers
    # orjson keeps the last of two members. The standard library is slower and not strict, but
    # reports each of them.
    try:
        _MEMBERS.decode(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _check_values(text: bytes) -> None:
    """Raise `TooManyValues`. Only commas and brackets outside of strings count."""
    if sum(map(text.count, (b",", b"[", b"{"))) <= MAX_VALUES:
        return
    # Each value has two strings at most, so it ends early.
    tokens = islice(_STRING_OR_VALUE.finditer(text), 3 * MAX_VALUES)
    count = sum(token[0][:1] != b'"' for token in tokens)
    if count > MAX_VALUES:
        raise TooManyValues


def _count_members(value: Any) -> int:
    count, left = 0, [value]
    while left and count <= MAX_MEMBERS:
        part = left.pop()
        if isinstance(part, dict):
            count += len(part)
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
    return count


def _check_members(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) != len(pairs):
        raise RepeatedMember


def _no_number(_: str) -> None:
    """Skip numbers: int() refuses one of thousands of digits."""


_MEMBERS = json.JSONDecoder(
    object_pairs_hook=_check_members, parse_int=_no_number, parse_float=_no_number
)
