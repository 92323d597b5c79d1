"""Requests wait in a line of bounded length before they begin."""

import asyncio

import pytest

from duly.database import line
from duly.database.failures import NoConnection
from duly.database.line import Line, Overloaded


class Room:
    """What a line asks whether a request can begin."""

    def __init__(self) -> None:
        self.line = Line(lambda: self.is_free)
        self.is_free = False

    async def wait(self, seconds: float = 60) -> None:
        """Wait in the line."""
        await self.line.wait(asyncio.get_running_loop().time() + seconds)

    def waiting(self, number: int) -> list[asyncio.Task[None]]:
        """Let as many wait."""
        return [asyncio.create_task(self.wait()) for _ in range(number)]

    async def free(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let all begin."""
        self.is_free = True
        self.line.advance()
        await asyncio.gather(*tasks)


async def test_a_line_that_moves_accepts_as_many_as_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 2)
    room = Room()

    await room.free(room.waiting(10))


async def test_a_long_line_is_refused_once_those_who_begin_have_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 2)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.05)
    room = Room()
    slow = room.waiting(1)
    await asyncio.sleep(0.1)
    await room.free(slow)
    room.is_free = False

    waiting = room.waiting(2)
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await room.wait()

    await room.free(waiting)


async def test_a_short_line_is_accepted_however_slowly_it_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.0)
    room = Room()
    slow = room.waiting(1)
    await asyncio.sleep(0.01)
    await room.free(slow)
    room.is_free = False

    await room.free(room.waiting(line._SHORT))


async def test_a_refused_line_is_accepted_again_once_it_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_MAX_LENGTH", 3)
    room = Room()
    waiting = room.waiting(3)
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await room.wait()
    await room.free(waiting)
    room.is_free = False

    await room.free(room.waiting(3))


async def test_a_request_whose_turn_does_not_come_in_time_is_told_so() -> None:
    room = Room()

    with pytest.raises(NoConnection):
        await room.wait(0.01)
