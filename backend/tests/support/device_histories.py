"""Random histories of one user's devices, online and offline, and a check of their end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import strategies as st

from duly.records.types import ResourceType
from duly.services.resource_types import OPERATIONS, RESOURCE_TYPES
from tests.support.accounts import Account
from tests.support.resources import (
    body_for,
    changes_to,
    create_of,
    delete_of,
    erasing_query,
    path_of,
    plain_actions_of,
    referred_by,
    update_of,
    whole_body,
)
from tests.support.streams import Stream
from tests.support.sync_copies import Copy, Name, stored

DEVICES = 3
_PATIENCE = 60.0
_EDITS = ("create", "update", "act", "act", "delete", "restore", "erase", "batch")


@dataclass(frozen=True)
class Step:
    """One step of one device. `pick` chooses among the resources of `kind` that it knows."""

    device: int
    type_name: str
    action: str
    pick: int
    is_answer_lost: bool
    has_version: bool

    @property
    def kind(self) -> ResourceType:
        """The type of the resource; Hypothesis would print it with all columns."""
        return OPERATIONS[self.type_name].kind


STEPS = st.builds(
    Step,
    device=st.integers(0, DEVICES - 1),
    type_name=st.sampled_from(sorted(OPERATIONS)),
    action=st.sampled_from((*_EDITS, *_EDITS, "create", "offline", "online", "sync", "live")),
    pick=st.integers(0, 20),
    is_answer_lost=st.integers(0, 9).map(lambda chance: chance == 0),
    has_version=st.booleans(),
)
HISTORIES = st.lists(STEPS, min_size=8, max_size=40)

Resources = dict[Name, dict[str, Any]]
OpenStream = Callable[[dict[str, str], str], AbstractAsyncContextManager[Stream]]


@dataclass
class Request:
    """A change by a device, sent now or later, until there is a response."""

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
    trashed: list[Name] = field(default_factory=list)
    is_online: bool = True
    made: set[Name] = field(default_factory=set)
    heard: set[Name] = field(default_factory=set)

    async def prepare(self) -> None:
        """Create what new resources refer to."""
        for kind in RESOURCE_TYPES:
            for other, body in referred_by(kind):
                self.outbox.append(Request("POST", f"/{other.plural}", body, {}))
                self.made.add((other.name, body["id"]))
        await self.push()

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
            await self.live(step.kind)

    def _edit(self, step: Step) -> Request | None:
        """A change by one device, if it knows a resource that it can change so."""
        if step.action == "create":
            return self._create(step)
        if step.action == "restore":
            return self._restore(step)
        known = self.copy.of(step.kind)
        resource_id = known[step.pick % len(known)] if known else None
        if step.action == "batch":
            return self._batch(step, resource_id)
        return self._change(step, resource_id) if resource_id else None

    def _change(self, step: Step, resource_id: str) -> Request | None:
        kind, path, headers = step.kind, path_of(step.kind, resource_id), {}
        if step.has_version:
            known = self.copy.resources[kind.name, resource_id]
            headers["If-Match"] = f'"{known["version"]}"'
        match step.action:
            case "update":
                return Request("PATCH", path, _changes(step), headers)
            case "act":
                actions = _actions_of(kind)
                if not actions:
                    return None
                return Request(
                    "POST", f"{path}/{actions[step.pick % len(actions)]}", None, headers
                )
            case "erase":
                return Request("DELETE", path + erasing_query(kind), None, headers)
        if kind.has_trash:
            self.trashed.append((kind.name, resource_id))
        return Request("DELETE", path, None, headers)

    def _restore(self, step: Step) -> Request | None:
        ids = [one for name, one in self.trashed if name == step.kind.name]
        if not ids:
            return None
        path = path_of(step.kind, ids[step.pick % len(ids)])
        return Request("POST", f"{path}/restore", None, {})

    def _new_body(self, kind: ResourceType, text: str) -> dict[str, Any]:
        body = {**body_for(kind, text), "id": str(uuid4())}
        self.made.add((kind.name, body["id"]))
        return body

    def _create(self, step: Step) -> Request:
        body = self._new_body(step.kind, f"{step.kind} {step.pick}")
        headers = {"Idempotency-Key": uuid4().hex} if step.has_version else {}
        return Request("POST", f"/{step.kind.plural}", body, headers)

    def _batch(self, step: Step, resource_id: str | None) -> Request:
        """Create and change a resource of each type, and perhaps change a known one."""
        operations: list[dict[str, Any]] = []
        for kind in RESOURCE_TYPES:
            body = self._new_body(kind, "of a batch")
            operations += [
                create_of(kind, body),
                update_of(kind, body["id"], _changes(step, kind)),
            ]
        if resource_id:
            ops = (*_actions_of(step.kind), "delete")
            last = delete_of(step.kind, resource_id)
            operations.append({**last, "op": ops[step.pick % len(ops)]})
        body = {"operations": operations}
        return Request("POST", "/batch", body, {"Idempotency-Key": uuid4().hex})

    async def push(self, *, is_answer_lost: bool = False) -> None:
        """Send the waiting requests. After a lost response, a request is repeated unchanged."""
        while self.outbox:
            request = self.outbox[0]
            answer = await self._send(request)
            if is_answer_lost:
                answer = await self._send(request)
            # 400: another device has deleted what the new resource refers to.
            is_orphan = answer.status_code == 400 and "unknown_reference" in answer.text
            assert is_orphan or answer.status_code in (200, 201, 204, 404, 409, 412), answer.text
            self._learn(request, answer)
            self.outbox.pop(0)
            if answer.status_code == 412:
                await self.pull()

    async def _send(self, request: Request) -> httpx.Response:
        return await insist(
            lambda: self.account.request(
                request.method, request.path, json=request.body, headers=dict(request.headers)
            )
        )

    def _learn(self, request: Request, answer: httpx.Response) -> None:
        if answer.status_code not in (200, 201):
            return
        body = answer.json()
        if request.path == "/batch":
            results = body["results"]
        else:
            results = [{"type": _type_in(request.path), "data": body}]
        for result in results:
            if result["data"]:
                # A batch returns only those long texts that the operation has set.
                name = result["type"], result["data"]["id"]
                known = self.copy.resources.get(name, {})
                self.copy.resources[name] = {**known, **result["data"]}

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
                self.copy.resources = {}
            for change in page["changes"]:
                self.copy.apply(change)
            self.copy.token = page["token"]
            has_more = page["has_more"]

    async def live(self, kind: ResourceType) -> None:
        """Follow events, across disconnections, until a change by this device arrives."""
        if self.copy.token is None:
            await self.pull(limit=2)
        body = self._new_body(kind, "live")
        name = kind.name, body["id"]
        is_sent = False
        async with asyncio.timeout(_PATIENCE):
            # If another device is fast, the deletion arrives instead.
            while name not in self.heard:
                try:
                    async with self.open_stream(self.account.headers, self.copy.token or "") as s:
                        if not is_sent:
                            sent = Request("POST", f"/{kind.plural}", body, {})
                            answer = await self._send(sent)
                            if "unknown_reference" in answer.text:
                                return
                            is_sent = True
                        await self._follow(s, name)
                except (httpx.HTTPError, TimeoutError, AssertionError):
                    await asyncio.sleep(0.1)

    async def _follow(self, stream: Stream, name: Name) -> None:
        while name not in self.heard and not (stream.is_over.is_set() and stream.is_silent()):
            event = await stream.next(within=5)
            assert event.name in ("ready", "change")
            assert event.id
            if event.name == "change":
                self.copy.apply(event.data)
                self.heard.add((event.data["type"], event.data["id"]))
            self.copy.token = event.id


def _actions_of(kind: ResourceType) -> list[str]:
    """The actions of resources that are not in the trash."""
    return [action for action in plain_actions_of(kind) if action != "restore"]


def _changes(step: Step, kind: ResourceType | None = None) -> dict[str, Any]:
    """Changes of all fields; which values some get depends on `pick`."""
    kind = kind or step.kind
    body = whole_body(kind, "a") if step.pick % 2 else body_for(kind, "a", is_odd=True)
    return changes_to(kind, body, f"changed {step.pick}")


def _type_in(path: str) -> str:
    """The name of the resource type that a path is about."""
    plural = path.split("/")[1]
    [name] = [kind.name for kind in RESOURCE_TYPES if kind.plural == plural]
    return name


async def insist(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Repeat a request until there is a response, as a client must while servers die."""
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


async def insist_on(read: Callable[[], Awaitable[Resources]]) -> Resources:
    """The same, for a read of many requests."""
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
    """Play a history of one user's devices, and check that all end with the same resources."""
    devices = [Device(account, open_stream) for account in accounts]
    await devices[0].prepare()
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

    there = await insist_on(lambda: stored(accounts[0]))
    for device in devices:
        assert device.copy.resources == there
    # Every resource was created by a device.
    assert set(there) <= {name for device in devices for name in device.made}
    plurals = {kind.name: kind.plural for kind in RESOURCE_TYPES}
    for (name, resource_id), resource in there.items():
        path = f"/{plurals[name]}/{resource_id}"
        alone = await insist(lambda path=path: accounts[0].get(path))  # type: ignore[misc]
        assert alone.json() == resource


def sessions_of(account: Account, clients: Sequence[httpx.AsyncClient]) -> list[Account]:
    """The same session on each device, over a connection of its own."""
    return [
        Account(client, account.email, account.password, account.session) for client in clients
    ]
