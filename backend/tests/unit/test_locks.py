"""Locks by name: one holder for each name, and nothing kept of names that nobody uses."""

import asyncio
import gc

import pytest

from duly.utils.locks import KeyedLocks


async def test_those_who_want_the_same_name_take_turns() -> None:
    locks, inside, most = KeyedLocks(), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with locks.hold("name"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))

    assert most == 1


async def test_those_who_want_other_names_do_not_wait() -> None:
    locks = KeyedLocks()

    async with locks.hold("a"), asyncio.timeout(5), locks.hold("b"), locks.hold(("a", 1)):
        pass


async def test_turns_are_taken_in_order() -> None:
    locks, order = KeyedLocks(), []

    async def work(number: int) -> None:
        async with locks.hold("name"):
            order.append(number)

    await asyncio.gather(*(work(number) for number in range(10)))

    assert order == list(range(10))


async def test_a_holder_that_fails_lets_the_next_one_in() -> None:
    locks = KeyedLocks()

    async def fail() -> None:
        async with locks.hold("name"):
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with asyncio.timeout(5), locks.hold("name"):
        pass


async def test_one_that_gives_up_waiting_lets_the_next_one_in() -> None:
    locks = KeyedLocks()

    async def wait() -> None:
        async with locks.hold("name"):
            pass

    async with locks.hold("name"):
        impatient = asyncio.create_task(wait())
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
    async with asyncio.timeout(5), locks.hold("name"):
        pass


async def test_nothing_is_kept_of_a_name_that_nobody_uses() -> None:
    locks = KeyedLocks()
    for number in range(100):
        async with locks.hold(number):
            assert len(locks._locks) == 1

    gc.collect()
    assert not locks._locks
