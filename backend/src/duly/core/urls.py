"""URLs: those that users return to after signing in elsewhere, and those of this service."""

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


def local_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches what listens on an address."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
