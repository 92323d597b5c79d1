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

    async def fill(self, number: int) -> list[asyncio.Task[None]]:
        """Let as many wait."""
        tasks = [asyncio.create_task(self.wait()) for _ in range(number)]
        await asyncio.sleep(0)
        assert self.line.length == number, "the line has refused some"
        return tasks

    async def free(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let all begin, and none after them."""
        self.is_free = True
        self.line.advance()
        await asyncio.gather(*tasks)
        self.is_free = False

    async def serve(self, number: int) -> None:
        """Let as many wait for a moment, and begin: the line measures its rate."""
        tasks = await self.fill(number)
        await asyncio.sleep(2 * line._INTERVAL)
        await self.free(tasks)


async def test_a_line_that_moves_fast_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_SHORT", 2)
    monkeypatch.setattr(line, "_INTERVAL", 0.01)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 1000.0)
    room = Room()
    await room.serve(2)

    await room.free(await room.fill(10))


async def test_a_line_is_refused_as_soon_as_new_requests_would_wait_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 2)
    monkeypatch.setattr(line, "_INTERVAL", 0.01)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.001)
    room = Room()
    await room.serve(2)

    waiting = await room.fill(2)
    with pytest.raises(Overloaded):
        await room.wait()

    await room.free(waiting)


async def test_a_line_whose_rate_is_unknown_is_refused_once_it_is_not_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 2)
    room = Room()
    waiting = await room.fill(2)

    with pytest.raises(Overloaded):
        await room.wait()

    await room.free(waiting)


async def test_a_short_line_is_accepted_however_slowly_it_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_INTERVAL", 0.01)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.0)
    room = Room()
    await room.serve(1)

    await room.free(await room.fill(line._SHORT))


async def test_a_line_that_refuses_many_becomes_as_short_as_its_rate_demands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 8)
    monkeypatch.setattr(line, "_INTERVAL", 0.01)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.0)
    room = Room()
    first = await room.fill(4)
    room.line.note_refused()
    room.line.note_refused()
    await asyncio.sleep(0.02)
    room.is_free = True
    room.line.advance()  # one begins, and its rate is known

    room.is_free = False
    with pytest.raises(Overloaded):
        await room.wait()

    await room.free(first)


async def test_a_line_that_has_emptied_has_its_full_length_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_SHORT", 4)
    monkeypatch.setattr(line, "_INTERVAL", 0.01)
    monkeypatch.setattr(line, "_LONGEST_WAIT", 0.0)
    room = Room()
    waiting = await room.fill(2)
    for _ in range(8):
        room.line.note_refused()
    await asyncio.sleep(0.02)
    await room.free(waiting)

    await room.free(await room.fill(4))


async def test_a_refused_line_is_accepted_again_once_it_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "_MAX_LENGTH", 3)
    room = Room()
    waiting = await room.fill(3)
    with pytest.raises(Overloaded):
        await room.wait()
    await room.free(waiting)

    await room.free(await room.fill(3))


async def test_a_request_whose_turn_does_not_come_in_time_is_told_so() -> None:
    room = Room()

    with pytest.raises(NoConnection):
        await room.wait(0.01)
