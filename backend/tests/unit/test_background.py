"""Work beside the requests goes on, whatever happens in one of its rounds."""

import asyncio

import psycopg
import pytest

from duly.core.errors import ServiceUnavailable
from duly.runtime.background import forever

FAILURES = [
    ServiceUnavailable(),
    psycopg.OperationalError("the server closed the connection\nunexpectedly"),
    psycopg.errors.ReadOnlySqlTransaction("cannot execute in a read-only transaction"),
    ConnectionResetError(),
    TimeoutError(),
    ValueError("a defect"),
    KeyError("another"),
]


async def test_failure_does_not_end_the_loop() -> None:
    failures = iter(FAILURES)
    rounds = 0
    done = asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if failure := next(failures, None):
            raise failure
        done.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(forever("work", work, pause=0.001))
    await asyncio.wait_for(done.wait(), 10)
    assert rounds == len(FAILURES) + 1

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
