"""An export over HTTP: complete, or visibly cut off."""

import asyncio
from collections.abc import Callable

from fastapi import Response
from starlette.types import Receive, Scope, Send

from duly.core import time_budget
from duly.core.logging import log
from duly.runtime.context import Caller, Context
from duly.services import exports

_GRACE = 0.4
"""Seconds for a statement to end by itself before it is cancelled: that takes a connection more."""


class Download(Response):
    """Reads the caller's export, then sends it with its length, for as long as the client stays.

    Its length tells a client that an export which was cut off is not complete.
    """

    media_type = "application/json"

    def __init__(self, context: Context, caller: Caller, end_turn: Callable[[], None]) -> None:
        super().__init__(
            headers={"Content-Disposition": 'attachment; filename="duly-export.json"'}
        )
        self._context, self._caller = context, caller
        self._end_turn = end_turn
        self._is_complete = False

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Prepare and send the export. Raises as `exports.prepared` does."""
        # Exports have turns and time limits of their own, and are long.
        self._end_turn()
        time_budget.lift()
        gone = asyncio.Event()
        work = asyncio.create_task(self._work(send, gone))
        disconnection = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({work, disconnection}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                return
            # Also once the last byte is sent, even before `send` returns.
            gone.set()
            await asyncio.wait({work}, timeout=_GRACE)
            if not self._is_complete:
                log.info("export.client_disconnected")
        finally:
            await _end(work, disconnection)

    async def _work(self, send: Send, gone: asyncio.Event) -> None:
        async with exports.prepared(self._context, self._caller, gone) as export:
            sending = asyncio.create_task(self._send(send, export, gone))
            over = asyncio.create_task(export.until_over())
            try:
                await asyncio.wait({sending, over}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                await _end(sending, over)

    async def _send(self, send: Send, export: exports.Export, gone: asyncio.Event) -> None:
        self.headers["Content-Length"] = str(export.size)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in export.pieces():
            if gone.is_set():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self._is_complete = True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel what still runs, and wait for its end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
