"""Requests as a server hands them to the application."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote


def http_scope(
    method: str,
    target: str | bytes,
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"duly.test"),),
    address: str = "203.0.113.7",
) -> dict[str, Any]:
    """The ASGI scope of a request for a path and perhaps a query."""
    raw = target.encode() if isinstance(target, str) else target
    path, _, query = raw.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode()),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": (address, 50_000),
        "server": ("duly.test", 80),
    }
