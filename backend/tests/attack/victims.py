"""People with something to lose, and all that a thief might know of them."""

import base64
import itertools
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import sql

from duly.core.scopes import GRANTABLE
from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_type import TYPE as TASK
from tests.attack.environments import (
    MOST_CHANGES,
    PASSWORD,
    Environment,
    Person,
    changes_limited,
    join,
    new_uuid,
    run_batch,
    stored,
)
from tests.attack.places import (
    BAIT,
    ERASED,
    LIVE,
    NUMBERS,
    TRASHED,
    batches,
    body_in,
    deletions,
    of_numbers,
    tasks_below,
    tasks_everywhere,
    with_ids,
)
from tests.support.accounts import API
from tests.support.resources import create_of, delete_of, erasing_query, required_references

_ACT = 7
_TURNS = (11, 0, 2, 1, 4, 12, 5, 8, 10, 9, 3, 6, 7)
"""The order in which attackers try the resources of a type."""


@dataclass
class Victim:
    """`ids`, `texts` and `tags` are what attackers try; `secrets` is what they must never see.

    `numbered` are the ids of resources by type and number; `name` is the name of one of each type.
    The end of an API token would be announced under an id in `revocable`.
    """

    person: Person
    name: str
    key: str
    ids: list[str] = field(default_factory=list)
    numbered: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    revocable: list[str] = field(default_factory=list)
    factors: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    rows: list[Any] = field(default_factory=list)
    export: bytes = b""

    @property
    def resources(self) -> dict[str, list[str]]:
        """The ids of resources by type, in the order in which attackers try them."""
        return {name: [ids[number] for number in _TURNS] for name, ids in self.numbered.items()}

    async def settle(self) -> None:
        """Note the state, to be compared with later. An export must not write a row."""
        self.rows = await self.stored()
        self.export = (await self.person.ask("GET", f"{API}/users/me/export")).body

    async def stored(self) -> list[Any]:
        revocable = [*self.sessions, *self.revocable]
        return await stored(self.person.environment, [self.person.id], revocable)


async def settle_victim(environment: Environment, rng: random.Random) -> Victim:
    """A victim with tasks in every state, sessions, cursors, tokens and used keys."""
    person = await join(environment, rng)
    bait = f"bait{rng.getrandbits(64):016x}"
    victim = Victim(person, bait, key=f"key-{rng.getrandbits(64):x}")
    mark = f"prey{rng.getrandbits(64):016x}"
    with changes_limited(1_000):
        for kind in RESOURCE_TYPES:
            await _own_some(victim, kind, rng, mark)
        await _fill(victim, rng, mark)
        await _throw_away(victim)
    for path in ("/tasks", f"/users/{person.id}/tasks"):
        body = {"title": mark, "id": new_uuid(rng)}
        await person.read("POST", path, body, **{"Idempotency-Key": victim.key})
    for kind in RESOURCE_TYPES:
        body = body_in(kind, f"{mark} batch", 0, victim.numbered, "victim")
        batch = {"operations": [create_of(kind, {**body, "id": new_uuid(rng)})]}
        key = f"{victim.key}-{kind.name}" if kind is not RESOURCE_TYPES[0] else victim.key
        await person.read("POST", "/batch", batch, **{"Idempotency-Key": key})
    await number_acts(person)
    await _collect(victim)
    every_id = [one for some in victim.numbered.values() for one in some]
    # One that does not count: victims sign in with the password alone.
    victim.factors.append(await person.get_factor(is_confirmed=False))
    victim.ids += [person.id, *victim.sessions, *victim.tokens, *victim.factors, *every_id]
    victim.texts += [bait, victim.key, *victim.spent, *victim.ids]
    victim.secrets |= {
        mark,
        person.own["email"],
        person.id,
        *victim.sessions,
        *victim.revocable,
        *victim.factors,
        *victim.texts,
        *every_id,
    }
    await victim.settle()
    return victim


async def _own_some(victim: Victim, kind: ResourceType, rng: random.Random, mark: str) -> None:
    """Have resources of a type, some of them first in the manual order."""
    victim.numbered[kind.name] = [new_uuid(rng) for _ in NUMBERS]
    creates = []
    for number in NUMBERS:
        # Before and after whatever the intruder has, in any order.
        text = f"{'zz' if number % 4 > 1 else 'aa'} {mark} {number}"
        body = body_in(kind, text, number, victim.numbered, "victim")
        if number == BAIT:
            body |= {name: victim.name for name in ("name", "title") if name in body}
        if number % 3 == 2:  # any of them
            body["after_id"] = None
        if kind is TASK:
            labels = [victim.numbered["label"][one] for one in {number, 0, 1}]
            body |= {"description": f"{victim.name} task", "label_ids": labels}
        creates.append(create_of(kind, body))
    for number, _ in itertools.product((0, 1), range(MOST_CHANGES)):
        if required_references(kind):
            body = body_in(kind, f"{mark} more", number, victim.numbered, "victim")
            creates.append(create_of(kind, {**body, "id": new_uuid(rng)}))
    await run_batch(victim.person, creates)


async def _fill(victim: Victim, rng: random.Random, mark: str) -> None:
    """Have tasks in every list, section and label, in the trash and not, and subtasks.

    With the tasks below a task, with those of a list, a section or a label, a request would change
    more than `MOST_CHANGES`.
    """
    person, ids = victim.person, victim.numbered
    bodies = tasks_everywhere(of_numbers(ids, LIVE["victim"][:4]), f"aa {mark}", are_first=True)
    trashed = [new_uuid(rng) for _ in bodies]
    tasks = with_ids(bodies, [new_uuid(rng) for _ in bodies]) + with_ids(bodies, trashed)
    for number in range(TRASHED["victim"][-1] + 1):
        tasks += tasks_below(ids, number, [new_uuid(rng) for _ in range(MOST_CHANGES)], mark)
    # Above one task there are completed ones, as many as there can be.
    above = [new_uuid(rng) for _ in range(3)]
    for parent_id, one in zip([None, *above], above, strict=False):
        place = (
            {"section_id": ids["section"][0]} if parent_id is None else {"parent_id": parent_id}
        )
        tasks.append({"id": one, "title": mark, "is_completed": True, **place})
    operations = [create_of(TASK, body) for body in tasks]
    data = {"parent_id": above[-1]}
    operations.append({"op": "move", "type": "task", "id": ids["task"][0], "data": data})
    operations += [delete_of(TASK, one) for one in trashed]
    for some in batches(operations):
        await run_batch(person, some)
    victim.secrets |= {body["id"] for body in tasks}


async def _throw_away(victim: Victim) -> None:
    """Move some resources to the trash, and delete one of each type permanently."""
    person, ids = victim.person, victim.numbered
    await run_batch(person, deletions(ids, "victim"))
    for kind in reversed(RESOURCE_TYPES):
        path = f"{API}/{kind.plural}/{ids[kind.name][ERASED]}"
        await person.ask("DELETE", path + erasing_query(kind))


async def number_acts(person: Person) -> None:
    """Let all that was completed or deleted have been so in one act, which has the same number for
    everybody.
    """
    statements = [
        sql.SQL("UPDATE {} SET {} = {} WHERE user_id = {} AND {} IS NOT NULL").format(
            sql.Identifier(kind.table.name), name, _ACT, person.id, name
        )
        for kind in RESOURCE_TYPES
        for column in kind.table.c
        if column.name.endswith("_with")
        for name in [sql.Identifier(column.name)]
    ]
    await person.environment.rows(sql.SQL(";").join(statements))


async def _collect(victim: Victim) -> None:
    """Collect cursors, sync tokens, entity tags, sessions and API tokens from the service."""
    person = victim.person
    for sort in ("created_at", "-updated_at", "title", "-created_at"):
        page = await person.read("GET", f"/tasks?limit=1&sort={sort}")
        victim.texts.append(page["next_cursor"])
    for query in ("?limit=1", "?limit=500"):
        victim.texts.append((await person.read("GET", f"/sync{query}"))["token"])
    for path in ("/tasks", "/tasks?include_total=true", f"/users/{person.id}/tasks"):
        answer = await person.ask("GET", API + path)
        victim.tags.append(answer.header(b"etag") or "")
    items = (await person.read("GET", "/tasks"))["items"]
    victim.tags += [f'"{item["version"]}"' for item in items[:3]]
    for is_kept in (True, False):
        guest = Person(person.environment, person.address, {**person.own})
        body = {"email": person.own["email"], "password": PASSWORD}
        await guest.read("POST", "/auth/login", body)
        victim.sessions.append(guest.own["session_id"])
        if not is_kept:
            victim.spent.append(guest.own["refresh_token"])
            await guest.ask("POST", f"{API}/auth/logout")
        else:
            victim.spent += _spoilt(guest.own["refresh_token"])
    victim.sessions.append(person.own["session_id"])
    for name in (victim.name, "another"):
        body = {"name": name, "scopes": list(GRANTABLE)}
        token = await person.read("POST", "/users/me/tokens", body)
        victim.tokens.append(token["id"])
        victim.texts.append(token["token"])
    rows = await person.environment.rows(
        "SELECT revocation_id FROM api_tokens WHERE user_id = %(id)s", id=UUID(person.id)
    )
    victim.revocable += [str(revocation_id) for (revocation_id,) in rows]
    victim.texts += [person.own["access_token"], person.own["refresh_token"]]


def _spoilt(token: str) -> list[str]:
    """A token that is good, but for one bit of each of its parts."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    made = []
    for position in (0, 16, 32, len(raw) - 1):
        other = bytearray(raw)
        other[position] ^= 1
        made.append(base64.urlsafe_b64encode(bytes(other)).rstrip(b"=").decode())
    return made
