"""Work that several ask for at the same time, and one does."""

import asyncio
from typing import Any

import pytest

from duly.utils.flights import Flights


class Work:
    """Work that ends when the test lets it."""

    def __init__(self, result: Any = "done") -> None:
        self.result = result
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        await self.may_end.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return str(self.result)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_second_caller_gets_the_result_of_the_first() -> None:
    flights, work = Flights[str](), Work()
    several = [asyncio.create_task(flights.share("key", work, 5)) for _ in range(10)]
    await settle()
    work.may_end.set()

    assert await asyncio.gather(*several) == [("done", False)] + [("done", True)] * 9
    assert work.begun == 1


async def test_other_keys_do_not_wait() -> None:
    flights, slow, fast = Flights[str](), Work(), Work()
    fast.may_end.set()
    waiting = asyncio.create_task(flights.share("slow", slow, 5))
    await settle()

    assert await flights.share("fast", fast, 5) == ("done", False)
    slow.may_end.set()
    await waiting


async def test_finished_work_runs_again() -> None:
    flights, work = Flights[str](), Work()
    work.may_end.set()

    assert [await flights.share("key", work, 5) for _ in "12"] == [("done", False)] * 2
    assert flights._flights == {}


async def test_next_caller_tries_if_the_first_fails() -> None:
    flights, bad, good = Flights[str](), Work(OSError("no")), Work()
    first = asyncio.create_task(flights.share("key", bad, 5))
    await settle()
    others = [asyncio.create_task(flights.share("key", good, 5)) for _ in range(3)]
    await settle()
    bad.may_end.set()

    with pytest.raises(OSError, match="no"):
        await first
    await settle()
    good.may_end.set()
    assert await asyncio.gather(*others) == [("done", False)] + [("done", True)] * 2
    assert (bad.begun, good.begun) == (1, 1)


async def test_next_caller_tries_if_the_first_is_cancelled() -> None:
    flights, lost, good = Flights[str](), Work(), Work()
    first = asyncio.create_task(flights.share("key", lost, 5))
    await settle()
    second = asyncio.create_task(flights.share("key", good, 5))
    await settle()
    first.cancel()
    good.may_end.set()

    assert await second == ("done", False)
    assert flights._flights == {}


async def test_caller_that_times_out_does_not_disturb_the_others() -> None:
    flights, work = Flights[str](), Work()
    first = asyncio.create_task(flights.share("key", work, 5))
    await settle()
    patient = asyncio.create_task(flights.share("key", work, 5))

    with pytest.raises(TimeoutError):
        await flights.share("key", work, 0.01)

    work.may_end.set()
    assert await first == ("done", False)
    assert await patient == ("done", True)
