"""The ID of each request, by which a client and the log can refer to it."""

import re
from uuid import uuid4

from starlette.datastructures import Headers

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(headers: Headers) -> str:
    """Return the ID that the client has sent in `X-Request-ID`, or a new one if it is unusable."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex
