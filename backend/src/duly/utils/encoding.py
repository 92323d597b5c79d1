"""JSON as it is sent: RFC 8259, times in RFC 3339 and UTC."""

from typing import Any

import orjson

# Rows carry their times in UTC and without a zone; see `utils.times.utc`.
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def encode(value: Any) -> bytes:
    """Encode rows and what is made of them."""
    return orjson.dumps(value, option=_OPTIONS)
