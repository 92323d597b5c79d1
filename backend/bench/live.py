"""A real server on a database of its own, people who use it, and a client that costs little."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from duly.database import embedded, migrations
from tests.support.servers import Server, serving

API = "/api/v1"
PASSWORD = "a bench's passphrase"


@contextmanager
def database() -> Iterator[str]:
    """The DSN of an embedded database, gone with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        yield dsn


@contextmanager
def live(dsn: str, workers: int, **settings: str) -> Iterator[Server]:
    """A server with the default cost of a password, behind a proxy that says what we like."""
    with serving(
        dsn,
        workers,
        **{"DULY_BCRYPT_COST": "12", "DULY_TRUSTED_PROXIES": "127.0.0.1", **settings},
    ) as server:
        yield server


@dataclass(frozen=True)
class Answer:
    """An answer, and the seconds that it took."""

    status: int
    head: bytes
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body, decoded."""
        return orjson.loads(self.body)


class Wire:
    """One keep-alive connection. A general client would take more time than the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed the connection."""
        return self._reader.at_eof()

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and read its answer."""
        content = b"" if body is None else orjson.dumps(body)
        return await self.ask_raw(method, path, content, headers)

    async def ask_raw(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request whose body is encoded already, and read its answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: duly", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json"] if content else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        started = time.perf_counter()
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        received = await self._reader.readexactly(int(length or b"0"))
        return Answer(int(head[9:12]), head, received, time.perf_counter() - started)


@asynccontextmanager
async def wire(server: Server) -> AsyncIterator[Wire]:
    """A connection to the server, closed with the block."""
    place = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def ask_once(
    server: Server,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A request on a connection of its own, so that any worker may get it."""
    async with wire(server) as connection:
        return await connection.ask(method, path, body, headers)


async def new_person(server: Server, email: str) -> dict[str, Any]:
    """Register someone; gives their session."""
    body = {"email": email, "password": PASSWORD}
    answer = await ask_once(server, "POST", f"{API}/auth/register", body)
    assert answer.status == 201, answer
    session: dict[str, Any] = answer.json()
    return session


def bearer(session: Mapping[str, Any]) -> dict[str, str]:
    """The header that signs requests of a session."""
    return {"Authorization": f"Bearer {session['access_token']}"}


def percentiles(seconds: Sequence[float]) -> str:
    """The median and the tail, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms   n {len(seconds)}"


def p99(seconds: Sequence[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]
