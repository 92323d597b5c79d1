"""Where a request comes from."""

from functools import lru_cache

from duly.api.requests import Request
from duly.core.logging import log
from duly.runtime.context import Client
from duly.utils.addresses import client_address, is_trusted, source_address

_MAX_ADDRESS = 45
"""The length of the longest IPv6 address."""


def client_of(request: Request) -> Client:
    """Return the client of a request."""
    settings = request.context.settings
    forwarded_for = request.field(b"x-forwarded-for") or ""
    trusted = settings.trusted_proxies
    found = source_address(request.peer, forwarded_for, trusted)
    if is_trusted(found, trusted):
        _warn_of_proxy(found)
    return Client(
        client_address(request.peer, forwarded_for, trusted),
        _user_agent(request),
        found[:_MAX_ADDRESS] if settings.log_addresses else None,
        has_cookie=request.session_cookie is not None,
    )


def _user_agent(request: Request) -> str | None:
    """Return `User-Agent`. Most programs that send more than ASCII send UTF-8."""
    value = request.fields.get(b"user-agent")
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(maxsize=256)
def _warn_of_proxy(address: str) -> None:
    """Log, once per address, that a trusted proxy did not report a client."""
    log.warning(
        "proxy.no_client",
        address=address,
        reason="this address is in DULY_TRUSTED_PROXIES, but X-Forwarded-For named no client; "
        "its clients share one budget, or it is not a proxy",
    )
