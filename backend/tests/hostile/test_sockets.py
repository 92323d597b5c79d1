"""What the server itself does with bytes that no client library would send.

A request that Granian rejects does not reach the application. Those responses are listed here and
in docs/api.md; every other error response has the envelope.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.hostile.corpus import HEADERS, SEGMENTS
from tests.support.accounts import API, error_code
from tests.support.raw_http import connected
from tests.support.servers import Server, serving

_SECONDS = 5.0

# Requests that are not valid HTTP, or that two servers could read differently. Each has the status
# of its response, or None if the server closes without one, and says whether Duly or Granian sends it.
OURS, GRANIANS = True, False
MALFORMED: list[tuple[bytes, int | None, bool]] = [
    (b"\x00\r\n\r\n", 400, GRANIANS),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, GRANIANS),
    (b"GET\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/9.9\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"GET  /health/live  HTTP/1.1\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"G\xe9T /health/live HTTP/1.1\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost a\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nA: b\x00c\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nA\x00: b\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, GRANIANS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, GRANIANS),
    (
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
        GRANIANS,
    ),
    (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        400,
        OURS,
    ),
    (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        400,
        OURS,
    ),
    (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip\r\n\r\nab",
        400,
        GRANIANS,
    ),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None, GRANIANS),
    (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"GET http://[/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, GRANIANS),
    (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, OURS),
    # Our own: no Host, two of them, and one that names no host.
    (b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: a, b\r\nConnection: close\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n", 400, OURS),
    (b"GET /health/live HTTP/1.0\r\n\r\n", 200, OURS),
    (b"GET /health/live HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n", 200, OURS),
    # A slash that only a decoder sees.
    (b"GET /health%2flive HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"GET /health%2Flive HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"GET /api%2fv1/tasks HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"GET /docs/assets%2Fswagger-ui.css HTTP/1.1\r\nHost: a\r\n\r\n", 404, OURS),
    (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, GRANIANS),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 500_000 + b"\r\n\r\n", 431, GRANIANS),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", 431, GRANIANS),
    # The limits in docs/api.md: 32 KiB is always accepted, 56 KiB never; 100 headers, not 101.
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 32_670 + b"\r\n\r\n", 200, OURS),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 57_000 + b"\r\n\r\n", 431, GRANIANS),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 98 + b"\r\n", 200, OURS),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 99 + b"\r\n", 431, GRANIANS),
]


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    with serving(dsn, workers=1) as server:
        yield server


async def answers(server: Server, request: bytes) -> bytes:
    """All that comes back until the server closes, or has nothing more to say."""
    async with connected(server.url) as connection:
        await connection.send_all(request)
        await connection.read_for(_SECONDS)
        return connection.received


def request(path: str, *headers: tuple[bytes, bytes]) -> bytes:
    lines = [b"GET %s HTTP/1.1" % path.encode(), b"Host: duly.test", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


def parsed(received: bytes) -> httpx.Response:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    _, status, _ = first.split(" ", 2)
    headers = dict(line.split(": ", 1) for line in lines)
    return httpx.Response(int(status), headers=headers, content=body)


def check_form(response: httpx.Response, *, is_ours: bool) -> None:
    """Check that Granian's own response has no body, and that our errors have the envelope."""
    if not is_ours:
        assert response.status_code in {400, 431}
        assert "content-type" not in response.headers
        assert response.content == b""
    elif response.is_success:
        assert response.headers["content-type"] == "application/json"
        assert "error" not in response.json()
    else:
        assert error_code(response)


@pytest.mark.parametrize(
    ("raw", "status", "is_ours"), MALFORMED, ids=[repr(raw[:60]) for raw, *_ in MALFORMED]
)
async def test_invalid_request_is_rejected(
    server: Server, raw: bytes, status: int | None, *, is_ours: bool
) -> None:
    closing = raw.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n", 1)
    received = await answers(server, closing)

    if status is None:
        assert received == b""
    else:
        response = parsed(received)
        assert response.status_code == status
        check_form(response, is_ours=is_ours)


async def test_every_hostile_path_is_rejected_with_the_envelope(server: Server) -> None:
    for segment in SEGMENTS:
        response = parsed(await answers(server, request(f"{API}/tasks/{segment}")))
        assert response.status_code in {400, 401, 404, 405}, segment
        check_form(response, is_ours=True)


async def test_every_hostile_header_is_ignored_or_rejected_in_the_documented_form(
    server: Server,
) -> None:
    for name, value in HEADERS:
        if name == b"expect":
            continue
        # Granian rejects invalid lengths and control characters.
        is_ours = name != b"content-length" and b"\x1b" not in value
        response = parsed(await answers(server, request("/health/live", (name, value))))
        assert response.status_code in {200, 400, 413, 431}, (name, value)
        check_form(response, is_ours=is_ours)


async def test_server_still_works_after_hostile_requests(server: Server) -> None:
    assert b" 200 " in await answers(server, request("/health/ready"))
    assert "ERROR" not in server.log.read_text()
