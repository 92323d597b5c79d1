"""Work that goes on beside the requests, for as long as the application runs."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from duly.core.errors import ServiceUnavailable
from duly.core.logging import log


async def forever(name: str, work: Callable[[], Awaitable[None]], pause: float) -> None:
    """Do `work` again and again, until cancelled.

    No failure ends it: it is logged, and after `pause` seconds the work is tried again.
    """
    task = asyncio.current_task()
    # Python 3.11's wait_for may swallow the cancellation of work that waits in it.
    while task is None or not task.cancelling():
        try:
            await work()
            continue
        except Exception as error:  # noqa: BLE001  # one failed round must not end the others
            report(name, error)
        await asyncio.sleep(pause)


def report(name: str, error: BaseException) -> None:
    """Log that work has failed: in one line if the database or the network is to blame."""
    if isinstance(error, ServiceUnavailable | psycopg.Error | OSError):
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        log.warning("background.postponed", work=name, reason=reason)
    else:
        log.error("background.failed", work=name, exc_info=error)
