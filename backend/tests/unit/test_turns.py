"""Turns: bounded, fair between groups and lanes, and none lost when a wait is given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from duly.utils.turns import Bounds, Crowded, FairTurns

WIDE = Bounds(lane=100, group=100, total=100, seconds=30)


class Queue:
    """Turns with one holder, and those who come after it, by name."""

    def __init__(self, at_once: int = 1, bounds: Bounds = WIDE) -> None:
        self.turns = FairTurns(at_once, bounds)
        self.order: list[str] = []

    @asynccontextmanager
    async def held(self, group: str = "holder", lane: str = "") -> AsyncIterator[None]:
        await self.turns.acquire(group, lane)
        yield
        self.turns.release(group, lane)

    async def enter(self, name: str) -> asyncio.Task[None]:
        """Ask for a turn as `group/lane`, and wait until the request is in the queue."""
        group, _, lane = name.partition("/")

        async def work() -> None:
            await self.turns.acquire(group, lane)
            self.order.append(name)
            await asyncio.sleep(0)
            self.turns.release(group, lane)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        return task


async def order_of(names: str, at_once: int = 1) -> str:
    queue = Queue(at_once)
    async with queue.held():
        tasks = [await queue.enter(name) for name in names.split()]
    await asyncio.gather(*tasks)
    assert queue.turns.waiting == 0
    assert not queue.turns._groups
    return " ".join(queue.order)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("x/a x/a x/a", "x/a x/a x/a"),
        ("x/a x/a x/a x/b", "x/a x/b x/a x/a"),
        ("x/a x/a x/a y/a", "x/a y/a x/a x/a"),
        ("x/a x/b x/c y/a", "x/a y/a x/b x/c"),
        ("x/a x/a x/b y/a y/a z/a", "x/a y/a z/a x/b y/a x/a"),
    ],
)
async def test_groups_then_lanes_take_turns(names: str, order: str) -> None:
    assert await order_of(names) == order


async def test_newcomer_is_next_after_the_turn_under_way() -> None:
    for group in ("x", "y"):
        queue = Queue()
        async with queue.held("x", "a"):
            crowd = [await queue.enter("x/a") for _ in range(20)]
            newcomer = await queue.enter(f"{group}/b")
        await asyncio.gather(newcomer, *crowd)

        assert queue.order[0] == f"{group}/b"


async def test_turns_of_one_lane_never_overlap() -> None:
    turns, most = FairTurns(4, WIDE), 0

    async def work(lane: int) -> None:
        nonlocal most
        await turns.acquire("x", lane)
        running.append(lane)
        most = max(most, len(running))
        assert running.count(lane) == 1
        await asyncio.sleep(0)
        running.remove(lane)
        turns.release("x", lane)

    running: list[int] = []
    await asyncio.gather(*(work(number % 6) for number in range(60)))

    assert most == 4


async def test_full_lane_is_refused() -> None:
    queue = Queue(bounds=Bounds(lane=2, group=9, total=9, seconds=30))
    async with queue.held("x", "a"):
        waiting = [await queue.enter("x/a") for _ in range(2)]

        with pytest.raises(Crowded) as refused:
            await (await queue.enter("x/a"))

        assert refused.value.is_own_share
        waiting.append(await queue.enter("x/b"))
    await asyncio.gather(*waiting)


async def test_full_group_drops_the_last_of_its_longest_lane() -> None:
    queue = Queue(bounds=Bounds(lane=9, group=3, total=9, seconds=30))
    async with queue.held("x", "a"):
        *first, last = [await queue.enter("x/a") for _ in range(3)]
        other = await queue.enter("x/b")
        await asyncio.sleep(0)

        with pytest.raises(Crowded):
            await last
        with pytest.raises(Crowded):
            await (await queue.enter("x/a"))
    await asyncio.gather(other, *first)
    assert queue.order == ["x/b", "x/a", "x/a"]


async def test_full_queue_drops_the_last_of_the_largest_group() -> None:
    queue = Queue(bounds=Bounds(lane=9, group=9, total=3, seconds=30))
    async with queue.held():
        first, last = [await queue.enter("x/a") for _ in range(2)]
        single = await queue.enter("y/a")
        newcomer = await queue.enter("z/a")

        with pytest.raises(Crowded) as refused:
            await last
        assert refused.value.is_own_share
        # Now each has one: there is no larger share to take from.
        for group, is_own in (("x", True), ("w", False)):
            with pytest.raises(Crowded) as refused:
                await (await queue.enter(f"{group}/b"))
            assert refused.value.is_own_share is is_own
    await asyncio.gather(first, single, newcomer)


async def test_wait_beyond_the_time_limit_is_refused() -> None:
    queue = Queue(bounds=Bounds(lane=9, group=9, total=9, seconds=0.02))
    async with queue.held():
        with pytest.raises(Crowded) as refused:
            await (await queue.enter("x/a"))
    assert not refused.value.is_own_share
    assert queue.turns.waiting == 0


async def test_cancelled_waits_lose_no_turn() -> None:
    queue = Queue(at_once=2)
    for round_ in range(50):
        async with queue.held("x", "1"), queue.held("x", "2"):
            tasks = [await queue.enter(f"x/{number % 3}") for number in range(8)]
            tasks[round_ % 8].cancel()
        # Some get their turn in the very moment in which they are cancelled.
        tasks[(round_ + 3) % 8].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert queue.turns._free == 2
    assert queue.turns.waiting == 0
    assert not queue.turns._running


async def test_turn_of_a_holder_that_fails_goes_to_the_next() -> None:
    queue = Queue()

    async def fail() -> None:
        await queue.turns.acquire("x", "a")
        try:
            raise LookupError
        finally:
            queue.turns.release("x", "a")

    with pytest.raises(LookupError):
        await fail()
    await (await queue.enter("x/a"))


async def test_lane_in_which_others_wait_rests_after_a_turn() -> None:
    turns = FairTurns(2, WIDE, rest=0.5)
    await turns.acquire("x", "flood")
    waiting = asyncio.create_task(turns.acquire("x", "flood"))
    await asyncio.sleep(0.1)

    turns.release("x", "flood")
    await asyncio.sleep(0)
    assert not waiting.done()
    await turns.acquire("y", "other")  # no other lane rests with it

    await asyncio.wait_for(waiting, 5)
    turns.release("x", "flood")
    turns.release("y", "other")
    assert not turns._running


async def test_lane_in_which_nobody_waits_does_not_rest() -> None:
    turns = FairTurns(1, WIDE, rest=1000)
    for _ in range(3):
        await asyncio.wait_for(turns.acquire("x", "calm"), 5)
        await asyncio.sleep(0.01)
        turns.release("x", "calm")
