"""Turns of many owners: few at a time for each, and fewer for one in debt while others are active."""

import asyncio
from typing import Any

import pytest

from duly.utils.shares import Shares, Terms
from duly.utils.turns import Crowded

TERMS = Terms(
    at_once=2,
    waiting=2,
    seconds=30,
    grace=0.5,
    forgiven=0.1,
    credit=1,
    rest=0.001,
    longest_rest=60,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shares(clock: Clock) -> Shares:
    return Shares(TERMS, clock)


async def started(shares: Shares, owner: str) -> asyncio.Task[Any]:
    """Ask for a turn, and return once the request has it or waits."""
    task = asyncio.create_task(shares.acquire(owner))
    await asyncio.sleep(0)
    return task


async def spend(shares: Shares, clock: Clock, owner: str, seconds: float) -> None:
    end = await shares.acquire(owner)
    clock.now += seconds
    end()


async def test_owner_at_its_limit_waits_and_another_does_not(shares: Shares) -> None:
    ends = [await shares.acquire("a") for _ in range(2)]
    third = await started(shares, "a")
    other = await started(shares, "b")

    assert (third.done(), other.done()) == (False, True)

    ends[0]()
    await third


async def test_ending_a_turn_twice_frees_one(shares: Shares) -> None:
    end = await shares.acquire("a")
    await shares.acquire("a")
    third, fourth = await started(shares, "a"), await started(shares, "a")

    end()
    end()
    await asyncio.sleep(0)

    assert (third.done(), fourth.done()) == (True, False)
    fourth.cancel()


async def test_too_many_waiting_turns_of_one_owner_are_refused(shares: Shares) -> None:
    waiting = [await started(shares, "a") for _ in range(4)]

    with pytest.raises(Crowded):
        await shares.acquire("a")

    assert shares.waiting("a") == 2
    for task in waiting:
        task.cancel()


async def test_turn_that_does_not_come_in_time_is_refused() -> None:
    shares = Shares(Terms(1, 2, 0.01, 0, 0, 1, 1, 1))
    end = await shares.acquire("a")

    with pytest.raises(Crowded):
        await shares.acquire("a")

    assert shares.waiting("a") == 0
    end()
    await shares.acquire("a")


async def test_cancelled_wait_passes_its_turn_on(shares: Shares) -> None:
    ends = [await shares.acquire("a") for _ in range(2)]
    third, fourth = await started(shares, "a"), await started(shares, "a")

    ends[0]()
    third.cancel()

    await fourth


async def test_owner_in_debt_has_one_turn_at_a_time_while_others_are_active(
    shares: Shares, clock: Clock
) -> None:
    await spend(shares, clock, "a", 3)
    await shares.acquire("b")

    end = await shares.acquire("a")
    second = await started(shares, "a")
    assert not second.done()

    end()
    await second


async def test_owner_in_debt_rests_before_a_waiting_turn_while_others_are_active(
    shares: Shares, clock: Clock
) -> None:
    await spend(shares, clock, "a", 3)
    shares.note("b")
    end = await shares.acquire("a")
    waiting = await started(shares, "a")
    clock.now += 10
    shares.note("b")
    end()

    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 5)  # after 9.5 ms


async def test_owner_in_debt_without_waiting_turns_does_not_rest(
    shares: Shares, clock: Clock
) -> None:
    for _ in range(5):
        shares.note("b")
        task = await started(shares, "a")
        assert task.done()
        clock.now += 10
        shares.note("b")
        task.result()()


async def test_owner_in_debt_has_all_its_turns_while_nobody_else_is_active(
    shares: Shares, clock: Clock
) -> None:
    shares.note("b")
    clock.now += 2
    await spend(shares, clock, "a", 3)

    tasks = [await started(shares, "a") for _ in range(2)]

    assert all(task.done() for task in tasks)


async def test_debt_is_forgiven_with_time(shares: Shares, clock: Clock) -> None:
    await spend(shares, clock, "a", 3)
    clock.now += 16
    shares.note("b")

    tasks = [await started(shares, "a") for _ in range(2)]

    assert all(task.done() for task in tasks)


async def test_short_turns_are_no_debt(shares: Shares, clock: Clock) -> None:
    for _ in range(100):
        await spend(shares, clock, "a", 0.5)
    shares.note("b")

    tasks = [await started(shares, "a") for _ in range(2)]

    assert all(task.done() for task in tasks)


async def test_owners_without_a_turn_are_forgotten_beyond_a_number(
    shares: Shares, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duly.utils.shares._MAX_OWNERS", 5)
    await shares.acquire("held")
    for number in range(20):
        (await shares.acquire(number))()

    assert len(shares._owners) <= 5
    assert "held" in shares._owners
