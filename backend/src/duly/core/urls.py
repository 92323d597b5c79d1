"""URLs that users return to after signing in elsewhere: only those that the operator allows."""

import re
from collections.abc import Collection

MAX_URL = 1024

# Only characters that every parser of URLs reads alike: no backslash, no user, nothing to decode.
_URL = re.compile(
    r"(?P<origin>https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)"
    r"(?:[/?][A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_of(url: str) -> str | None:
    """Return the origin of an http(s) URL as browsers write it; None for anything doubtful."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    origin = found["origin"]
    return origin.removesuffix(_DEFAULT_PORTS[origin.partition(":")[0]])


def is_allowed(url: str, origins: Collection[str], exact: Collection[str]) -> bool:
    """Whether a URL is one of `exact`, or has one of the `origins` and no fragment."""
    if len(url) > MAX_URL:
        return False
    return url in exact or origin_of(url) in origins
