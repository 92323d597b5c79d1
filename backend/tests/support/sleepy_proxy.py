"""A proxy before a database that behaves as Neon's does: it sleeps, wakes up late, loses and delays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_PIECE = 65_536

Lost = Literal["request", "response"]


class SleepyProxy:
    """Passes on what clients and the database send, unless it is told otherwise."""

    def __init__(self, dsn: str) -> None:
        self._place: dict[str, Any] = {"port": "5432", **conninfo_to_dict(dsn)}
        self._writers: set[asyncio.StreamWriter] = set()
        self._awake = asyncio.Event()
        self._awake.set()
        self._needs: float = 0.0
        self._lost: Lost | None = None
        self._marker = b""
        self._refuses = False
        self.delay = 0.0
        """Seconds that each message takes, in each direction."""
        self.connections = 0
        """How many connections were made."""
        self.losses = 0
        """How many connections were lost on purpose."""
        self.dsn = ""

    def sleep(self, needs: float, *, refuses: bool = False) -> None:
        """End all connections. The next one wakes the database up, which `needs` seconds.

        Until then connections wait, or are closed at once if the proxy `refuses` them.
        """
        self._awake.clear()
        self._needs, self._refuses = needs, refuses
        self.end_connections()

    def lose(self, what: Lost, marker: bytes) -> None:
        """Lose the next request that contains `marker`, or the response to it, and its connection."""
        self._lost, self._marker = what, marker

    def end_connections(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            if not self._awake.is_set():
                asyncio.get_running_loop().call_later(self._needs, self._awake.set)
                if not self._refuses:
                    await self._awake.wait()
            if self._awake.is_set():
                self.connections += 1
                await self._connect(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = Path(self._place["host"]) / f".s.PGSQL.{self._place['port']}"
        answers, requests = await asyncio.open_unix_connection(path)
        is_lost = asyncio.Event()

        async def forth() -> None:
            while piece := await reader.read(_PIECE):
                await asyncio.sleep(self.delay)
                if self._lost is not None and self._marker in piece:
                    lost, self._lost = self._lost, None
                    self.losses += 1
                    if lost == "request":
                        return
                    is_lost.set()
                requests.write(piece)

        async def back() -> None:
            while piece := await answers.read(_PIECE):
                if is_lost.is_set():  # the statement has been executed
                    return
                await asyncio.sleep(self.delay)
                writer.write(piece)

        ways = {asyncio.create_task(forth()), asyncio.create_task(back())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            requests.transport.abort()


@asynccontextmanager
async def sleepy_proxy(dsn: str) -> AsyncIterator[SleepyProxy]:
    """Run a proxy before the database of `dsn` for the block."""
    proxy = SleepyProxy(dsn)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.dsn = make_conninfo(dsn, host="127.0.0.1", port=port, sslmode="disable")
    try:
        yield proxy
    finally:
        server.close()
        proxy.end_connections()
