"""The least that a server can do: constant bytes without a database. `/350` returns 350 bytes."""

from functools import cache

from starlette.types import Receive, Scope, Send


@cache
def _body(path: str) -> bytes:
    return b"x" * int(path.removeprefix("/") or 0)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with as many bytes as the path says."""
    del receive
    body = _body(scope["path"])
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
