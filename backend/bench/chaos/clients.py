"""Clients that repeat each write until it is acknowledged, and remember what must be stored."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.chaos.load import CUT, HUNG, Load
from bench.live import API, PASSWORD, Answer, Wire, bearer, wire
from duly.utils.identifiers import new_id
from tests.support.servers import Server

_MAX_WAIT = 15.0
"""Seconds: a request has 10, and half a second more to be cancelled."""
_PAUSE = 0.05
"""Before a failed request is repeated. Apps wait for as long as Retry-After says."""
REPEATED = {CUT, HUNG, 429, 503}
_BATCH = 3


@dataclass
class Task:
    """A task as the client knows it. `version` is None if no response named it."""

    title: str
    version: int | None
    is_completed: bool = False
    is_trashed: bool = False


@dataclass
class Memory:
    """The writes that a client had acknowledged. Only this client writes for its user."""

    tasks: dict[str, Task] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    recurring: str | None = None
    occurrence: str = ""
    completed: list[str] = field(default_factory=list)
    """The occurrences that left a copy."""


class Client:
    """One device of one user."""

    def __init__(self, number: int, load: Load, server: Server, session: Any, seed: int) -> None:
        self.memory = Memory()
        self.user_id = str(session["user"]["id"])
        self._number = number
        self._load = load
        self._server = server
        self._email = str(session["user"]["email"])
        self._headers = bearer(session)
        self._random = random.Random(seed)
        self._stack = AsyncExitStack()
        self._wire: Wire | None = None

    async def run(self, interval: float) -> None:
        """Write every `interval` seconds, on average, whenever the load is running."""
        actions, weights = zip(*self._actions().items(), strict=True)
        async with self._stack:
            while await self._load.turn():
                started = time.perf_counter()
                try:
                    [action] = self._random.choices(actions, weights)
                    await action()
                finally:
                    self._load.rest()
                pause = self._random.uniform(0, 2 * interval) - (time.perf_counter() - started)
                await asyncio.sleep(max(pause, 0))

    def _actions(self) -> dict[Callable[[], Awaitable[None]], int]:
        return {
            self._create: 30,
            self._rename: 25,
            self._complete: 12,
            self._complete_occurrence: 10,
            self._trash: 8,
            self._erase: 4,
            self._batch: 11,
        }

    async def _create(self) -> None:
        task_id, title = str(new_id()), self._title()
        answer = await self._write("POST", "/tasks", {"id": task_id, "title": title})
        if answer:
            self.memory.tasks[task_id] = Task(title, answer.json()["version"])

    async def _rename(self) -> None:
        """Change a title, if the task is still as it was seen last."""
        if (task_id := self._some(lambda task: task.version is not None)) is None:
            return
        task, title = self.memory.tasks[task_id], self._title()
        path = f"/tasks/{task_id}"
        answer = await self._write(
            "PATCH", path, {"title": title}, {"If-Match": f'"{task.version}"'}, done={412}
        )
        if answer and answer.status == 412:  # the first attempt was carried out
            answer = await self._write("GET", path)
            if answer and answer.json()["title"] != title:
                self._load.findings.append(f"412 for task {task_id}, which nobody has changed")
                return
        if answer:
            task.title, task.version = title, answer.json()["version"]

    async def _complete(self) -> None:
        if task_id := self._some(lambda task: not task.is_completed):
            answer = await self._write("POST", f"/tasks/{task_id}/complete")
            if answer:
                task = self.memory.tasks[task_id]
                task.is_completed, task.version = True, answer.json()["version"]

    async def _complete_occurrence(self) -> None:
        """Complete a recurring task, which leaves one copy for each occurrence."""
        memory = self.memory
        if memory.recurring is None:
            task_id, today = str(new_id()), datetime.now(UTC).date().isoformat()
            recurrence = {"rule": "FREQ=DAILY", "anchor": "due"}
            body = {"id": task_id, "title": self._title(), "due": {"date": today}}
            answer = await self._write("POST", "/tasks", {**body, "recurrence": recurrence})
            if answer:
                memory.recurring, memory.occurrence = task_id, today
            return
        path = f"/tasks/{memory.recurring}/complete"
        answer = await self._write("POST", path, {"occurrence": memory.occurrence})
        if answer:
            memory.completed.append(memory.occurrence)
            memory.occurrence = answer.json()["recurrence"]["occurrence"]

    async def _trash(self) -> None:
        if task_id := self._some():
            answer = await self._write("DELETE", f"/tasks/{task_id}", done={404})
            if answer:
                task = self.memory.tasks[task_id]
                task.is_trashed, task.version = True, None

    async def _erase(self) -> None:
        if task_id := self._some(is_trashed=True):
            path = f"/tasks/{task_id}?permanent=true"
            if await self._write("DELETE", path, done={404}):
                del self.memory.tasks[task_id]
                self.memory.erased.add(task_id)

    async def _batch(self) -> None:
        """Create tasks whose ids the server chooses, once for each key."""
        titles = [self._title() for _ in range(_BATCH)]
        operations = [
            {"op": "create", "type": "task", "data": {"title": title}} for title in titles
        ]
        body = {"operations": operations, "atomic": True}
        answer = await self._write("POST", "/batch", body, {"Idempotency-Key": new_id().hex})
        if answer:
            for title, result in zip(titles, answer.json()["results"], strict=True):
                self.memory.tasks[result["data"]["id"]] = Task(title, result["data"]["version"])

    def _some(
        self, condition: Callable[[Task], bool] = lambda _: True, *, is_trashed: bool = False
    ) -> str | None:
        """One of the tasks that meet the condition, most often a recent one."""
        recent = list(self.memory.tasks)[-200:]
        found = [
            task_id
            for task_id in recent
            if (task := self.memory.tasks[task_id]).is_trashed == is_trashed and condition(task)
        ]
        return self._random.choice(found) if found else None

    def _title(self) -> str:
        return f"Buy milk {self._random.getrandbits(60):x}"

    async def _write(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        done: AbstractSet[int] = frozenset(),
    ) -> Answer | None:
        """Send a request until it succeeds, and return the response.

        If an earlier attempt had no response, or a 503, one of the statuses `done` says that it
        was carried out. None if there was a status that no client may get.
        """
        is_in_doubt = False
        while True:
            answer, status = await self._ask(method, path, body, headers or {})
            if answer and (200 <= status < 300 or (is_in_doubt and status in done)):
                return answer
            if status == 401:  # the clock of the server has jumped: sign in again
                await self._sign_in()
            elif status in REPEATED or (answer and _is_in_flight(answer)):
                is_in_doubt = True
                await asyncio.sleep(_PAUSE)
            else:
                assert answer
                text = answer.body.decode(errors="replace")
                self._load.findings.append(f"{method} {path}: {status} {text[:200]}")
                return None

    async def _sign_in(self) -> None:
        body = {"email": self._email, "password": PASSWORD}
        answer, status = await self._ask("POST", "/auth/login", body, {})
        if answer and status == 200:
            self._headers = bearer(answer.json())
        else:
            await asyncio.sleep(_PAUSE)

    async def _ask(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[Answer | None, int]:
        """Send a request once, and note its end."""
        answer, status = None, CUT
        try:
            async with asyncio.timeout(_MAX_WAIT):
                with suppress(OSError, asyncio.IncompleteReadError):
                    answer = await self._send(method, path, body, headers)
                    status = answer.status
        except TimeoutError:
            status = HUNG
            self._load.findings.append(f"{method} {path}: no response in {_MAX_WAIT:g} seconds")
        if answer is None and self._wire is not None:
            await self._stack.aclose()
            self._wire = None
        is_write = method != "GET" and not path.startswith("/auth/")
        self._load.note(self._number, status, is_write=is_write)
        return answer, status

    async def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        if self._wire is None or self._wire.is_closed:
            await self._stack.aclose()
            self._wire = await self._stack.enter_async_context(wire(self._server))
        own = {} if path.startswith("/auth/") else self._headers
        return await self._wire.ask(method, API + path, body, {**own, **headers})


def _is_in_flight(answer: Answer) -> bool:
    """Whether an earlier attempt with the same key is still being processed."""
    return answer.status == 409 and b"IDEMPOTENCY_IN_FLIGHT" in answer.body
