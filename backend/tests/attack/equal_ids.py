"""Two users with resources of the same ids, in states that random requests rarely produce.

Recurring tasks are completed, taken back and ended, positions are spread, and names that only the
other user has are looked up.
"""

import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg

from duly.records.retention import purge_one, purge_tombstones, purge_trash
from duly.records.types import ResourceType
from duly.runtime.maintenance import IN_TRASH
from duly.services.resource_types import RESOURCE_TYPES
from tests.attack.attack_run import BYSTANDERS, CHANGED_BYSTANDERS
from tests.attack.environments import changes_limited
from tests.support.accounts import Account
from tests.support.direct_sql import execute
from tests.support.resources import body_for

_MOST_CHANGES = 8
"""Fewer than both users together have below a task, and more than one of them has."""

_MANY = 100

_FIRST = "2026-01-05"
_NOON = {"completed_at": f"{_FIRST}T12:00:00Z"}
# Times, and the ids that the server generates.
_MADE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}")
_STATE = " UNION ALL ".join(
    f"SELECT to_jsonb(r)::text AS row FROM {table} r WHERE r.{column} = %s"
    for table, column in [("users", "id"), *((kind.plural, "user_id") for kind in RESOURCE_TYPES)]
)


_PREDICATES = {
    "records.order._setting_positions": (
        "filters.user_id 1",
        "labels.user_id 1",
        "lists.user_id 1",
        "sections.user_id 1",
        "seen.id 1",
        "tasks.user_id 1",
        "users.id 1",
    ),
    "records.retention._TOMBSTONES_OF_ONE": ("tombstones.user_id 1", "users.id 1"),
    "records.retention._trash_of_one": (
        "lists.user_id 1",
        "sections.user_id 1",
        "tasks.user_id 1",
        "users.id 1",
    ),
    "services.quick_add._NAMES": ("sections.user_id 1",),
    "services.task_completion.COMPLETE_AGAIN": (
        "child.user_id 1",
        "copy.user_id 1",
        "seen.id 1",
        "tasks.user_id 1",
        "tasks.user_id 2",
        "users.id 1",
    ),
    "services.task_completion.COMPLETE_WHOLE": (
        "child.user_id 1",
        "seen.id 1",
        "tasks.user_id 1",
        "tasks.user_id 2",
        "users.id 1",
    ),
    "services.task_completion.COPY": ("original.user_id 1",),
    "services.task_completion.MOVE_UP": (
        "named.user_id 1",
        "seen.id 1",
        "tasks.user_id 1",
        "tasks.user_id 2",
        "users.id 1",
    ),
    "services.task_completion.OPEN_BELOW": (
        "child.user_id 1",
        "seen.id 1",
        "tasks.user_id 1",
        "tasks.user_id 2",
        "users.id 1",
    ),
    "services.task_completion.SERIES": (
        "below.user_id 1",
        "child.user_id 1",
        "copy.user_id 1",
        "copy.user_id 4",
        "later.user_id 1",
        "tasks.user_id 1",
        "tasks.user_id 2",
    ),
    "services.task_filters._matching": (
        "labels.user_id 1",
        "lists.user_id 1",
        "sections.user_id 1",
    ),
    "services.task_occurrences.FACTS": ("child.user_id 1", "tasks.user_id 1"),
    "services.task_trees.RESTORE": ("its_parent.user_id 1",),
}

NOTICED = frozenset(
    f"{statement} {predicate}"
    for statement, predicates in _PREDICATES.items()
    for predicate in predicates
)
"""The origins of predicates whose removal makes a difference to these users, and seldom to others."""


def _id(name: str) -> str:
    """The id of a resource that both users have."""
    return str(uuid5(NAMESPACE_URL, name))


@dataclass
class History:
    """What Alice does, and sees. Bob's resources have the same ids, and other names."""

    alice: Account
    bob: Account
    dsn: str
    seen: list[Any] = field(default_factory=list)

    async def run(self) -> list[Any]:
        """Return all that Alice sees, and whether Bob's rows stay as they are."""
        # As new: a former run without a predicate may have changed them.
        await execute(self.dsn, "DELETE FROM users WHERE right(email, 12) = '@example.org'")
        await execute(self.dsn, BYSTANDERS)
        for account, name in ((self.bob, "theirs"), (self.alice, "mine")):
            await _settle(account, name)
        await _live_longer(self.bob)
        with changes_limited(_MOST_CHANGES):
            for part in (
                self._complete_an_occurrence,
                self._take_it_back,
                self._end_a_rule,
                self._restore_below_a_trashed_parent,
                self._look_up_names,
            ):
                await self._leaving_bob(part())
                if part == self._complete_an_occurrence:
                    with changes_limited(_MANY):
                        await self._double_the_copy()
            for kind in RESOURCE_TYPES:
                await self._let_positions_be_equal(kind)
                await self._leaving_bob(self._spread_positions(kind))
            await self._leaving_bob(self._look_up_section_of_a_trashed_list())
            for account in (self.bob, self.alice):
                await self._let_trash_be_old(account)
            await self._leaving_bob(self._purge_trash())
        return self.seen

    async def _leaving_bob(self, part: Coroutine[Any, Any, None]) -> None:
        before = await self._state_of_bob()
        await part
        self.seen.append(before == await self._state_of_bob())

    async def _complete_an_occurrence(self) -> None:
        await self._send("POST", f"/tasks/{_id('daily')}/complete", occurrence=_FIRST, **_NOON)
        await self._list()

    async def _double_the_copy(self) -> None:
        """Let Bob have a task with the id of Alice's completed copy, and a later copy."""
        copy_id = await self._copy_id()
        bob = self.bob
        await _post(bob, "/tasks", id=copy_id, title="theirs")
        for number in range(_MOST_CHANGES):
            await _post(bob, "/tasks", title=f"theirs {number}", parent_id=copy_id)
        for account in (bob, self.alice):
            await _post(account, "/tasks", id=_id("below"), title="below", parent_id=copy_id)
        await _complete(bob, "daily")

    async def _take_it_back(self) -> None:
        await self._send("POST", f"/tasks/{await self._copy_id()}/reopen")
        await self._list()

    async def _end_a_rule(self) -> None:
        for _ in range(2):
            body = {"occurrence": _FIRST, **_NOON}
            await self._send("POST", f"/tasks/{_id('once')}/complete", **body)
        await self._list()

    async def _restore_below_a_trashed_parent(self) -> None:
        for name in ("child", "parent"):
            await self._send("DELETE", f"/tasks/{_id(name)}")
        await self._send("POST", f"/tasks/{_id('child')}/restore")
        await self._list()

    async def _look_up_names(self) -> None:
        for sign in ("%23", "/", "@"):
            await self._send("GET", f"/tasks?filter={sign}theirs")
            await self._send("GET", f"/tasks?filter={sign}mine")
        for text in ("note #theirs", "note /theirs", "note @theirs", "note /mine"):
            await self._send("POST", "/tasks/quick", text=text, dry_run=True)

    async def _look_up_section_of_a_trashed_list(self) -> None:
        await self._send("DELETE", f"/lists/{_id('list 1')}")
        await self._send("POST", "/tasks/quick", text="note /elsewhere", dry_run=True)

    async def _let_positions_be_equal(self, kind: ResourceType) -> None:
        for account in (self.bob, self.alice):
            await execute(
                self.dsn,
                f"UPDATE {kind.plural} SET position = 'g0' WHERE user_id = %s AND id = ANY(%s)",
                account.id,
                [_id(f"{kind.name} 0"), _id(f"{kind.name} 1")],
            )

    async def _spread_positions(self, kind: ResourceType) -> None:
        """Move a resource between two that have the same position: there is none between them."""
        *equal, moved = (_id(f"{kind.name} {number}") for number in range(3))
        await self._send("POST", f"/{kind.plural}/{moved}/move", after_id=min(equal))
        await self._send("GET", f"/{kind.plural}?sort=position&limit=100")

    async def _let_trash_be_old(self, account: Account) -> None:
        task, whole = _id("child"), _id("list 0")
        for path in (f"/tasks/{task}?permanent=true", f"/lists/{whole}"):
            assert (await account.delete(path)).status_code == 204
        old = "now() - interval '31 days' WHERE user_id = %s"
        for kind in IN_TRASH:
            sql = f"UPDATE {kind.plural} SET trashed_at = {old} AND trashed_at IS NOT NULL"
            await execute(self.dsn, sql, account.id)
        await execute(self.dsn, f"UPDATE tombstones SET created_at = {old}", account.id)

    async def _purge_trash(self) -> None:
        """Purge Alice's, as maintenance does. Bob still has as much, of the same ids."""
        app = self.alice.client._transport.app  # type: ignore[attr-defined]
        scope = app.state.context.across_users.user(UUID(self.alice.id))
        purges = [purge_tombstones(), *map(purge_trash, IN_TRASH)]
        try:
            async with scope.transaction() as transaction:
                self.seen += [await purge_one(transaction, one.statement) for one in purges]
        except psycopg.Error as error:
            self.seen.append(type(error))
        for kind in IN_TRASH:
            [(left,)] = await execute(
                self.dsn,
                f"SELECT count(*) FROM {kind.plural} WHERE user_id = %s AND trashed_at IS NOT NULL",
                self.alice.id,
            )
            self.seen.append(left)

    async def _send(self, method: str, path: str, **body: Any) -> None:
        response = await self.alice.request(method, path, json=body or None)
        self.seen.append((_MADE.sub("", path), response.status_code, _MADE.sub("", response.text)))

    async def _list(self) -> None:
        await self._send("GET", "/tasks?sort=title&limit=100")

    async def _copy_id(self) -> str:
        page = (await self.alice.get("/tasks?is_completed=true")).json()["items"]
        copies = [str(task["id"]) for task in page if task["occurrence_of"]]
        assert copies
        return copies[0]

    async def _state_of_bob(self) -> list[Any]:
        of_bob = [self.bob.id] * (1 + len(RESOURCE_TYPES))
        return [
            *await execute(self.dsn, f"{_STATE} ORDER BY row", *of_bob),
            *await execute(self.dsn, CHANGED_BYSTANDERS),
        ]


async def _settle(account: Account, name: str) -> None:
    for kind in RESOURCE_TYPES:
        for number in range(3):
            body = body_for(kind, f"{name} {number}") | _place(kind)
            if "name" in body:
                body["name"] = f"{name} {number}" if number else name
            await _post(account, f"/{kind.plural}", **{**body, "id": _id(f"{kind.name} {number}")})
    elsewhere = {"list_id": _id("list 1"), "name": "elsewhere"}
    await _post(account, "/sections", id=_id("elsewhere"), **elsewhere)
    daily = {"rule": "FREQ=DAILY", "anchor": "completion"}
    tasks: dict[str, dict[str, Any]] = {
        "daily": {"due": {"date": _FIRST}, "recurrence": daily},
        "daily open": {"parent_id": _id("daily")},
        "daily done": {"parent_id": _id("daily"), "is_completed": True},
        "once": {"due": {"date": _FIRST}, "recurrence": {"rule": "FREQ=DAILY;COUNT=1"}},
        "once open": {"parent_id": _id("once")},
        "parent": {},
        "child": {"parent_id": _id("parent")},
        "placed": {
            "list_id": _id("list 0"),
            "section_id": _id("section 0"),
            "label_ids": [_id("label 0")],
        },
    }
    for own_id, fields in tasks.items():
        await _post(account, "/tasks", id=_id(own_id), title=f"{own_id} {name}", **fields)


def _place(kind: ResourceType) -> dict[str, Any]:
    return {"list_id": _id("list 0")} if kind.name == "section" else {}


async def _live_longer(bob: Account) -> None:
    """Have more below each task, and completed occurrences that Alice still has before her."""
    for name in ("daily", "daily open", "daily done", "once", "once open"):
        for number in range(3):
            done = {"is_completed": number == 0}
            await _post(bob, "/tasks", title=f"more {number}", parent_id=_id(name), **done)
    for _ in range(3):
        await _complete(bob, "daily")
    await bob.patch("/users/me", {"timezone": "Pacific/Kiritimati"})


async def _complete(account: Account, name: str) -> None:
    task = (await account.get(f"/tasks/{_id(name)}")).json()
    occurrence = task["recurrence"]["occurrence"]
    await _post(account, f"/tasks/{_id(name)}/complete", occurrence=occurrence, **_NOON)


async def _post(account: Account, path: str, **body: Any) -> None:
    response = await account.post(path, body)
    assert response.is_success, (path, body, response.text)
