"""The ID of each request, by which a client and the log can refer to it."""

import re
from secrets import token_hex

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(given: str | None) -> str:
    """Return the ID in `X-Request-ID`, or a new one if there is no valid one."""
    return given if given and _REQUEST_ID.fullmatch(given) else token_hex(16)
