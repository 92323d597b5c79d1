"""Clients that use the service as apps do, and remember what was acknowledged."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from bench.live import API, PASSWORD, Answer, Wire, bearer, wire
from duly.utils.identifiers import new_id
from tests.support.servers import Server


@dataclass(frozen=True, eq=False)
class Target:
    """A server, and how its release calls the filter for the trash."""

    server: Server
    trash: str


@dataclass(frozen=True)
class Request:
    """A request and its outcome; the status is 0 if there was no response."""

    phase: str
    name: str
    status: int
    seconds: float


@dataclass
class Traffic:
    """The servers, the phase and the requests of all clients."""

    targets: list[Target]
    phase: str = ""
    is_over: bool = False
    requests: list[Request] = field(default_factory=list)


class Client:
    """One device of a user. Nobody else writes the tasks that it creates.

    `tasks` has the acknowledged title and state of each, or None if it was deleted permanently;
    `labels` the names of the labels.
    """

    def __init__(self, traffic: Traffic, email: str, session: dict[str, Any], seed: int) -> None:
        self.traffic = traffic
        self.user_id = UUID(session["user"]["id"])
        self.tasks: dict[str, tuple[str, bool, bool] | None] = {}
        self.labels: dict[str, str] = {}
        self._email = email
        self._headers = bearer(session)
        self._random = random.Random(seed)
        self._token: str | None = None
        self._wires: dict[Target, Wire] = {}
        self._stack = AsyncExitStack()

    async def run(self, interval: float) -> None:
        """Send a request every `interval` seconds, on average, until the traffic is over."""
        actions, weights = zip(*self._actions().items(), strict=True)
        async with self._stack:
            while not self.traffic.is_over:
                started = time.perf_counter()
                [action] = self._random.choices(actions, weights)
                await action()
                pause = self._random.uniform(0, 2 * interval) - (time.perf_counter() - started)
                await asyncio.sleep(max(pause, 0))

    def _actions(self) -> dict[Callable[[], Awaitable[None]], int]:
        return {
            self._create: 20,
            self._rename: 15,
            self._complete: 8,
            self._reopen: 4,
            self._trash: 6,
            self._restore: 4,
            self._erase: 2,
            self._batch: 4,
            self._list: 20,
            self._list_trash: 4,
            self._search: 8,
            self._sync: 8,
            self._create_label: 3,
            self._rename_label: 2,
            self._sign_in: 1,
        }

    async def _ask(
        self, name: str, method: str, path: str, body: Any = None, target: Target | None = None
    ) -> Answer | None:
        """Send a request; return the response if it is a success, and note it in any case."""
        target = target or self._random.choice(self.traffic.targets)
        started = time.perf_counter()
        answer = None
        with suppress(OSError, asyncio.IncompleteReadError):
            connection = self._wires.get(target)
            # The server closes a connection that is idle for long.
            if connection is None or connection.is_closed:
                connection = await self._stack.enter_async_context(wire(target.server))
                self._wires[target] = connection
            answer = await connection.ask(method, API + path, body, self._headers)
        if answer is None:
            self._wires.pop(target, None)
        status = answer.status if answer else 0
        taken = time.perf_counter() - started
        self.traffic.requests.append(Request(self.traffic.phase, name, status, taken))
        return answer if answer and status < 300 else None

    def _some(self, is_done: bool | None, is_trashed: bool) -> str | None:
        found = [
            task_id
            for task_id, state in self.tasks.items()
            if state and state[2] == is_trashed and is_done in {None, state[1]}
        ]
        return self._random.choice(found) if found else None

    def _title(self) -> str:
        return f"Buy milk {self._random.randrange(10**9)}"

    async def _create(self) -> None:
        task_id, title = str(new_id()), self._title()
        if await self._ask("create", "POST", "/tasks", {"id": task_id, "title": title}):
            self.tasks[task_id] = (title, False, False)

    async def _rename(self) -> None:
        if (task_id := self._some(None, False)) and (state := self.tasks[task_id]):
            title = self._title()
            if await self._ask("update", "PATCH", f"/tasks/{task_id}", {"title": title}):
                self.tasks[task_id] = (title, *state[1:])

    async def _change(self, name: str, is_done: bool | None, is_trashed: bool) -> None:
        """Complete, reopen, delete or restore a task."""
        if (task_id := self._some(is_done, is_trashed)) is None:
            return
        method, path = ("DELETE", "") if name == "trash" else ("POST", f"/{name}")
        state = self.tasks[task_id]
        if state and await self._ask(name, method, f"/tasks/{task_id}{path}"):
            title, done, gone = state
            done = {"complete": True, "reopen": False}.get(name, done)
            gone = {"trash": True, "restore": False}.get(name, gone)
            self.tasks[task_id] = (title, done, gone)

    async def _complete(self) -> None:
        await self._change("complete", False, False)

    async def _reopen(self) -> None:
        await self._change("reopen", True, False)

    async def _trash(self) -> None:
        await self._change("trash", None, False)

    async def _restore(self) -> None:
        await self._change("restore", None, True)

    async def _erase(self) -> None:
        if (task_id := self._some(None, True)) and await self._ask(
            "erase", "DELETE", f"/tasks/{task_id}?permanent=true"
        ):
            self.tasks[task_id] = None

    async def _batch(self) -> None:
        new = {str(new_id()): self._title() for _ in range(5)}
        operations = [
            {"op": "create", "type": "task", "data": {"id": task_id, "title": title}}
            for task_id, title in new.items()
        ]
        body = {"operations": operations, "atomic": True}
        answer = await self._ask("batch", "POST", "/batch", body)
        if answer and answer.json()["applied"]:
            self.tasks.update((task_id, (title, False, False)) for task_id, title in new.items())

    async def _list(self) -> None:
        order = self._random.choice(["-created_at", "updated_at", "title"])
        await self._ask("list", "GET", f"/tasks?sort={order}")

    async def _list_trash(self) -> None:
        target = self._random.choice(self.traffic.targets)
        await self._ask("list trash", "GET", f"/tasks?{target.trash}=true", target=target)

    async def _search(self) -> None:
        query = urlencode({"q": f"milk {self._random.randrange(100)}"})
        await self._ask("search", "GET", f"/tasks?{query}")

    async def _sync(self) -> None:
        """Read the next page of changes; after 410, start again."""
        token = f"&token={self._token}" if self._token else ""
        answer = await self._ask("sync", "GET", f"/sync?limit=100{token}")
        self._token = answer.json()["token"] if answer else None

    async def _create_label(self) -> None:
        label_id, name = str(new_id()), f"errand {self._random.randrange(10**9)}"
        if await self._ask("create label", "POST", "/labels", {"id": label_id, "name": name}):
            self.labels[label_id] = name

    async def _rename_label(self) -> None:
        if self.labels:
            label_id, name = (
                self._random.choice(list(self.labels)),
                f"errand {self._random.randrange(10**9)}",
            )
            if await self._ask("update label", "PATCH", f"/labels/{label_id}", {"name": name}):
                self.labels[label_id] = name

    async def _sign_in(self) -> None:
        body = {"email": self._email, "password": PASSWORD}
        if answer := await self._ask("sign in", "POST", "/auth/login", body):
            self._headers = bearer(answer.json())
