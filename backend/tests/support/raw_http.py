"""HTTP as bytes on a socket, for what no well-behaved client would send."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

# Wherever it stands: nothing sets an answer apart from the body of the one before.
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Connection:
    """One connection, and all that came back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.received = b""

    @property
    def statuses(self) -> list[int]:
        """The status of each answer so far."""
        return [int(status) for status in _STATUS.findall(self.received)]

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def send_all(self, data: bytes) -> None:
        """Send, and wait while the other side does not read; a closed connection is no error."""
        if not self._writer.transport.is_closing():
            with contextlib.suppress(ConnectionError):
                self._writer.write(data)
                await self._writer.drain()

    async def read_for(self, seconds: float) -> bool:
        """Read until the server closes; return whether it did in that time."""
        try:
            async with asyncio.timeout(seconds):
                while piece := await self._reader.read(65_536):
                    self.received += piece
        except TimeoutError:
            return False
        except ConnectionError:
            pass  # closed with what we sent unread
        return True

    async def drip(self, piece: bytes, seconds: float, every: float = 0.2) -> bool:
        """Send a piece repeatedly, and read; return whether the server closed in that time."""
        reading = asyncio.ensure_future(self.read_for(seconds))
        while not reading.done():
            await self.send_all(piece)
            await asyncio.wait([reading], timeout=every)
        return await reading


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection to the server at `url`, closed with the block."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


def head(method: str, path: str, **headers: str) -> bytes:
    """The head of a request; underscores in names of headers stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: duly.test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"
"""The end of a chunked body."""
