"""Random histories of one user's devices: what they do, online and offline, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from hypothesis import strategies as st

from tests.support.accounts import Account
from tests.support.streams import Stream
from tests.support.sync_copies import Copy, stored_tasks

DEVICES = 3
_PATIENCE = 60.0
_EDITS = ("create", "update", "complete", "reopen", "delete", "restore", "erase", "batch")


@dataclass(frozen=True)
class Step:
    """What one device does next. `pick` chooses among the tasks that it knows."""

    device: int
    action: str
    pick: int
    is_answer_lost: bool
    has_version: bool


STEPS = st.builds(
    Step,
    device=st.integers(0, DEVICES - 1),
    action=st.sampled_from((*_EDITS, *_EDITS, "create", "offline", "online", "sync", "live")),
    pick=st.integers(0, 20),
    is_answer_lost=st.integers(0, 9).map(lambda chance: chance == 0),
    has_version=st.booleans(),
)
HISTORIES = st.lists(STEPS, min_size=8, max_size=40)

OpenStream = Callable[[dict[str, str], str], AbstractAsyncContextManager[Stream]]


@dataclass
class Request:
    """A change that a device has made, to be sent now or later, as often as it takes."""

    method: str
    path: str
    body: dict[str, Any] | None
    headers: dict[str, str]


@dataclass
class Device:
    """One device: its copy, the changes it has not sent, and whether it is online."""

    account: Account
    open_stream: OpenStream
    copy: Copy = field(default_factory=Copy)
    outbox: list[Request] = field(default_factory=list)
    trashed: list[str] = field(default_factory=list)
    is_online: bool = True
    made: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)

    async def take(self, step: Step) -> None:
        """Do what the step says."""
        if step.action in ("offline", "online"):
            self.is_online = step.action == "online"
        elif step.action in _EDITS:
            request = self._edit(step)
            if request is not None:
                self.outbox.append(request)
        if not self.is_online:
            return
        await self.push(is_answer_lost=step.is_answer_lost)
        if step.action == "sync":
            await self.pull(limit=1 + step.pick)
        elif step.action == "live":
            await self.live()

    def _edit(self, step: Step) -> Request | None:  # noqa: PLR0911  # one for each kind
        known = sorted(self.copy.things)
        task_id = known[step.pick % len(known)] if known else None
        headers = {}
        if step.has_version and task_id and step.action not in ("create", "batch", "restore"):
            headers["If-Match"] = f'"{self.copy.things[task_id]["version"]}"'
        match step.action:
            case "create":
                return self._create(step)
            case "batch":
                return self._batch(step, task_id)
            case "restore" if self.trashed:
                thing = self.trashed[step.pick % len(self.trashed)]
                return Request("POST", f"/tasks/{thing}/restore", None, headers)
            case "update" if task_id:
                body = {"title": f"title {step.pick}", "description": None}
                return Request("PATCH", f"/tasks/{task_id}", body, headers)
            case "complete" | "reopen" if task_id:
                return Request("POST", f"/tasks/{task_id}/{step.action}", None, headers)
            case "delete" | "erase" if task_id:
                if step.action == "delete":
                    self.trashed.append(task_id)
                query = "?permanent=true" if step.action == "erase" else ""
                return Request("DELETE", f"/tasks/{task_id}{query}", None, headers)
        return None

    def _create(self, step: Step) -> Request:
        body = {"title": f"task {step.pick}", "id": str(uuid4())}
        self.made.add(body["id"])
        headers = {"Idempotency-Key": uuid4().hex} if step.has_version else {}
        return Request("POST", "/tasks", body, headers)

    def _batch(self, step: Step, task_id: str | None) -> Request:
        made = str(uuid4())
        self.made.add(made)
        operations: list[dict[str, Any]] = [
            {"op": "create", "type": "task", "data": {"title": "of a batch", "id": made}},
            {
                "op": "update",
                "type": "task",
                "id": made,
                "data": {"title": f"changed {step.pick}"},
            },
        ]
        if task_id:
            op = ("complete", "reopen", "delete")[step.pick % 3]
            operations.append({"op": op, "type": "task", "id": task_id})
        body = {"operations": operations}
        return Request("POST", "/batch", body, {"Idempotency-Key": uuid4().hex})

    async def push(self, *, is_answer_lost: bool = False) -> None:
        """Send what waits. A lost answer makes it go out again, unchanged."""
        while self.outbox:
            request = self.outbox[0]
            answer = await self._send(request)
            if is_answer_lost:
                answer = await self._send(request)
            assert answer.status_code in (200, 201, 204, 404, 409, 412), answer.text
            self._learn(answer)
            self.outbox.pop(0)
            if answer.status_code == 412:
                await self.pull()

    async def _send(self, request: Request) -> httpx.Response:
        return await insist(
            lambda: self.account.request(
                request.method, request.path, json=request.body, headers=dict(request.headers)
            )
        )

    def _learn(self, answer: httpx.Response) -> None:
        if answer.status_code not in (200, 201):
            return
        body = answer.json()
        for task in (
            [result["data"] for result in body["results"]] if "results" in body else [body]
        ):
            if task:
                # A batch returns only those texts that the operation has set.
                known = self.copy.things.get(task["id"], {})
                self.copy.things[task["id"]] = {**known, **task}

    async def pull(self, limit: int = 100) -> None:
        """Sync to the end."""

        async def ask() -> httpx.Response:
            token = {"token": self.copy.token} if self.copy.token else {}
            return await self.account.get("/sync", params={**token, "limit": limit})

        has_more = True
        while has_more:
            answer = await insist(ask)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if self.copy.token is None:
                self.copy.things = {}
            for change in page["changes"]:
                self.copy.apply(change)
            self.copy.token = page["token"]
            has_more = page["has_more"]

    async def live(self) -> None:
        """Follow events until one that this device causes has come, however often they break."""
        if self.copy.token is None:
            await self.pull(limit=2)
        body = {"title": "live", "id": str(uuid4())}
        self.made.add(body["id"])
        is_sent = False
        async with asyncio.timeout(_PATIENCE):
            # Another device may be fast, and what comes is the word that it is gone again.
            while body["id"] not in self.heard:
                try:
                    async with self.open_stream(self.account.headers, self.copy.token or "") as s:
                        if not is_sent:
                            await self._send(Request("POST", "/tasks", body, {}))
                            is_sent = True
                        await self._follow(s, body["id"])
                except (httpx.HTTPError, TimeoutError, AssertionError):
                    await asyncio.sleep(0.1)

    async def _follow(self, stream: Stream, task_id: str) -> None:
        while task_id not in self.heard and not (stream.is_over.is_set() and stream.is_silent()):
            event = await stream.next(within=5)
            assert event.name in ("ready", "change")
            assert event.id
            if event.name == "change":
                self.copy.apply(event.data)
                self.heard.add(event.data["id"])
            self.copy.token = event.id


async def insist(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask until there is an answer, as a client must while servers die."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                answer = await ask()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.1)


async def insist_on(read: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """The same for what takes many requests."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await read()
            except (httpx.HTTPError, KeyError):  # a page of an error has no items
                await asyncio.sleep(0.1)


async def play(
    accounts: Sequence[Account],
    open_stream: OpenStream,
    history: Sequence[Step],
    *,
    at_once: bool = False,
) -> None:
    """Let the devices of one user live through a history; in the end all have the same."""
    devices = [Device(account, open_stream) for account in accounts]
    if at_once:

        async def live(number: int) -> None:
            for step in history:
                if step.device == number:
                    await devices[number].take(step)

        await asyncio.gather(*(live(number) for number in range(DEVICES)))
    else:
        for step in history:
            await devices[step.device].take(step)
    for device in devices:
        await device.push()
    for device in devices:
        await device.pull()

    there = await insist_on(lambda: stored_tasks(accounts[0]))
    for device in devices:
        assert device.copy.things == there
    # Nothing is there that nobody made, and nothing is there twice.
    assert {UUID(name) for name in there} <= {UUID(n) for d in devices for n in d.made}
    for thing in there.values():
        alone = await insist(lambda thing=thing: accounts[0].get(f"/tasks/{thing['id']}"))  # type: ignore[misc]
        assert alone.json() == thing


def sessions_of(account: Account, clients: Sequence[httpx.AsyncClient]) -> list[Account]:
    """The same session on each device, over a connection of its own."""
    return [
        Account(client, account.email, account.password, account.session) for client in clients
    ]
