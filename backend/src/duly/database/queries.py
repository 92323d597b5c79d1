"""Statements as PostgreSQL takes them: parameters by number, and a name to prepare them under."""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from psycopg.adapt import PyFormat

_PARAMETER = re.compile(rb"%(?:\((\w+)\)s|(%))")


class Query(NamedTuple):
    """A statement for PostgreSQL: parameters as `$1`, their names in order, a name if prepared.

    The name is derived from the text, so that under one name no client can find another statement.
    """

    text: bytes
    names: tuple[str, ...]
    formats: tuple[PyFormat, ...]
    name: bytes


@lru_cache(maxsize=1024)  # a filter can make a statement of 20 kB
def query_of(sql: bytes) -> Query:
    """Return a statement as PostgreSQL takes it."""
    numbers: dict[bytes, int] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return b"%" if match[2] else b"$%d" % numbers.setdefault(match[1], len(numbers) + 1)

    text = _PARAMETER.sub(number, sql)
    names = tuple(name.decode() for name in numbers)
    name = b"duly_" + blake2b(text, digest_size=12).hexdigest().encode()
    return Query(text, names, (PyFormat.TEXT,) * len(names), name)
