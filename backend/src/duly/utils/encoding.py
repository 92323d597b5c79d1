"""JSON as it is sent and read: RFC 8259, times in RFC 3339 and UTC."""

import re
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

# A string without backtracking, and as many commas and brackets outside of strings as are too many.
_STRING = rb'"(?>[^"\\]+|\\.)*+"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_NEXT_VALUE = rb'[^"\[{,]*+(?:' + _STRING + rb'[^"\[{,]*+)*+[\[{,]'
_TOO_MANY_VALUES = re.compile(rb"(?:%b){%d}+" % (_NEXT_VALUE, MAX_VALUES + 1), re.DOTALL)


class TooManyValues(ValueError):
    """A JSON text has more values than any request needs.

    A megabyte of empty arrays takes half a second to build.
    """


class RepeatedMember(ValueError):
    """A JSON object has two members of the same name, of which readers pick different ones."""


def encode(value: Any) -> bytes:
    """Encode rows and what is made of them."""
    return orjson.dumps(value, option=_OPTIONS)


def encode_sorted(value: Any) -> bytes:
    """Encode with the members of every object sorted by name, so that their order does not count."""
    return orjson.dumps(value, option=_OPTIONS | orjson.OPT_SORT_KEYS)


def decode(text: bytes) -> Any:
    """Parse JSON strictly.

    Raises `RepeatedMember`, `TooManyMembers`, `TooManyValues`, and `ValueError` for anything else
    that is not RFC 8259 JSON in UTF-8.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES and _TOO_MANY_VALUES.match(text):
        raise TooManyValues
    value = orjson.loads(text)
    members = _count_members(value)
    if members > MAX_MEMBERS:
        raise TooManyMembers
    # orjson keeps the last of two members of one name. Each in the text has a colon, strings aside.
    if text.count(b":") != members and _STRINGS.sub(b"", text).count(b":") != members:
        raise RepeatedMember
    return value


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
