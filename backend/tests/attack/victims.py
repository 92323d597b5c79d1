"""People with something to lose, and all that a thief might know of them."""

import base64
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_type import TYPE as TASK
from tests.attack.environments import (
    PASSWORD,
    Environment,
    Person,
    join,
    new_uuid,
    run_batch,
    stored,
)
from tests.attack.places import LISTED, body_in, place_of, tasks_everywhere, with_ids
from tests.attack.shapes import Shapes
from tests.hostile.attacked_account import OCCURRENCE
from tests.support.accounts import API
from tests.support.resources import body_for, create_of, delete_of


@dataclass
class Victim:
    """`ids`, `texts` and `tags` are what attackers try; `secrets` is what they must never see."""

    person: Person
    ids: list[str] = field(default_factory=list)
    states: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    resources: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    key: str = ""
    sessions: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    rows: list[Any] = field(default_factory=list)
    export: bytes = b""

    async def settle(self) -> None:
        """Note the state, to be compared with later. An export must not write a row."""
        self.rows = await self.stored()
        self.export = (await self.person.ask("GET", f"{API}/users/me/export")).body

    async def stored(self) -> list[Any]:
        return await stored(self.person.environment, [self.person.id], self.sessions)


async def settle_victim(environment: Environment, rng: random.Random) -> Victim:
    """A victim with tasks in every state, sessions, cursors, tokens and used keys."""
    person = await join(environment, rng)
    victim = Victim(person, key=f"key-{rng.getrandbits(64):x}")
    mark, bait = f"prey{rng.getrandbits(64):016x}", f"bait{rng.getrandbits(64):016x}"
    ids = [await _own_some(victim, kind, rng, mark, bait) for kind in RESOURCE_TYPES]
    await _fill(victim, rng, mark)
    for path in ("/tasks", f"/users/{person.id}/tasks"):
        body = {"title": mark, "id": new_uuid(rng)}
        await person.read("POST", path, body, **{"Idempotency-Key": victim.key})
    for kind in RESOURCE_TYPES:
        live = _live_of(victim.resources)
        body = body_in(kind, f"{mark} batch", 0, live, is_odd=False)
        create = create_of(kind, {**body, "id": new_uuid(rng)})
        batch = {"operations": [create]}
        key = f"{victim.key}-{kind.name}" if kind is not RESOURCE_TYPES[0] else victim.key
        await person.read("POST", "/batch", batch, **{"Idempotency-Key": key})
    await _collect(victim)
    every_id = [one for some in ids for one in some]
    victim.ids += [person.id, *victim.sessions, *every_id]
    victim.texts += [bait, victim.key, *victim.spent, *victim.ids]
    victim.secrets = {
        mark,
        person.own["email"],
        person.id,
        *victim.sessions,
        *victim.texts,
        *every_id,
    }
    await victim.settle()
    return victim


async def _own_some(
    victim: Victim, kind: ResourceType, rng: random.Random, mark: str, bait: str
) -> list[str]:
    """Have resources of a type in every state; return their ids. The last have no double."""
    person = victim.person
    ids = [new_uuid(rng) for _ in range(13)]
    creates = []
    for number, resource_id in enumerate(ids):
        # Before and after whatever the intruder has, in any order.
        text = f"{'zz' if number % 4 > 1 else 'aa'} {mark} {number}"
        live = _live_of(victim.resources)
        body = body_in(kind, text, number, live, is_odd=number % 2 == 1)
        if kind.name == "task":
            body |= {"description": f"{bait} task", "label_ids": [live["label"][number % 4]]}
        creates.append(create_of(kind, {**body, "id": resource_id}))
    await run_batch(person, creates)
    if kind.has_trash:
        await run_batch(person, [delete_of(kind, one) for one in ids[4:8]])
    for resource_id in ids[8:10]:
        query = "?permanent=true" if kind.has_trash else ""
        await person.ask("DELETE", f"{API}/{kind.plural}/{resource_id}{query}")
    victim.resources[kind.name] = [
        ids[number] for number in (8, 10, 0, 11, 1, 4, 5, 12, 9, 2, 3, 6, 7)
    ]
    if kind.name == "task":
        victim.places = {one: number for number, one in enumerate(ids[:4])}
    victim.states[kind.name] = {
        "even": ids[0:4:2],
        "odd": ids[1:4:2],
        **({"even trashed": ids[4:8:2], "odd trashed": ids[5:8:2]} if kind.has_trash else {}),
        "gone": ids[8:10],
    }
    return ids


def _live_of(resources: dict[str, list[str]]) -> dict[str, list[str]]:
    """The first four ids of each type, which `_own_some` has left in place."""
    return {name: [ids[number] for number in (2, 4, 9, 10)] for name, ids in resources.items()}


async def _fill(victim: Victim, rng: random.Random, mark: str) -> None:
    """Have tasks in every list, section and label, and subtasks, in the trash and not."""
    bodies = tasks_everywhere(_live_of(victim.resources), f"aa {mark}")
    for is_trashed in (False, True):
        ids = [new_uuid(rng) for _ in bodies]
        await run_batch(victim.person, [create_of(TASK, one) for one in with_ids(bodies, ids)])
        if is_trashed:
            await run_batch(victim.person, [delete_of(TASK, one) for one in ids])
    victim.secrets.update(ids)


async def _collect(victim: Victim) -> None:
    """Collect cursors, sync tokens, entity tags and sessions from the service."""
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


async def settle_attacker(
    environments: tuple[Environment, Environment], shapes: Shapes, rng: random.Random
) -> "Attacker":
    """The same attacker in both environments."""
    seed = rng.getrandbits(64)
    here, there = [await join(environment, random.Random(seed)) for environment in environments]
    return Attacker(here, there, shapes)


@dataclass
class Attacker:
    """Somebody who lives the same life in both environments, `here` with victims, `there` without.

    They have `sent` values of a victim, and have `taken` some of them as names of their own resources.
    """

    here: Person
    there: Person
    shapes: Shapes
    sent: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    @property
    def both(self) -> tuple[Person, Person]:
        return self.here, self.there

    async def refill(self, victim: Victim, rng: random.Random) -> None:
        """Have resources as new, some the very doubles of the victim's: ids, states and all."""
        own: dict[str, dict[str, dict[str, Any]]] = {}
        picks = {state: rng.random() for state in ("even", "odd", "gone")}
        for kind in RESOURCE_TYPES:
            own[kind.name] = self._double(victim, kind, rng, picks, own)
        # In the middle of a first sync, or after one long ago.
        is_late = rng.random() < 0.5
        ids = [body["id"] for bodies in own.values() for body in bodies.values()]
        self.sent.update(ids)
        self.taken.update(ids)
        for person in self.both:
            await _forget(person)
            for kind in RESOURCE_TYPES:
                bodies = own[kind.name]
                await run_batch(person, [create_of(kind, body) for body in bodies.values()])
                trashed = [body["id"] for state, body in bodies.items() if "trashed" in state]
                if trashed:
                    await run_batch(person, [delete_of(kind, one) for one in trashed])
            page = await person.read("GET", "/tasks?limit=1")
            changes = await person.read("GET", "/sync?limit=1")
            person.own["cursor"] = page["next_cursor"]
            person.own["sync_token"] = person.own["first_token"] if is_late else changes["token"]
        self.shapes.own_ids = {
            name: [body["id"] for body in bodies.values()] for name, bodies in own.items()
        }
        self.shapes.live_ids = _live(own)
        for person in self.both:
            for name, number in LISTED.items():
                person.own[f"listed {name}"] = self.shapes.live_ids[name][number]

    def _double(
        self,
        victim: Victim,
        kind: ResourceType,
        rng: random.Random,
        picks: dict[str, float],
        own: dict[str, dict[str, dict[str, Any]]],
    ) -> dict[str, dict[str, Any]]:
        """Bodies by state: one like the victim's in each state, and two of their own."""
        doubles = {
            state: ids[int(picks.get(state, rng.random()) * len(ids))]
            for state, ids in victim.states[kind.name].items()
        }
        ids = {**doubles, "a": new_uuid(rng), "b": new_uuid(rng)}
        bodies = {
            state: {
                **body_for(kind, f"{kind.name} of mine {state}", is_odd=self._is_odd(kind, state)),
                "id": resource_id,
            }
            for state, resource_id in ids.items()
        }
        live = {
            name: {state: one["id"] for state, one in some.items()} for name, some in own.items()
        }
        for state, body in bodies.items():
            if kind.name == "section":
                body["list_id"] = live["list"][state]
            elif kind.name == "task" and "trashed" not in state:
                # As the victim's double has it, but for the label.
                place = _place_in(victim.places.get(body["id"], 0), state, live)
                other = {"even": "odd", "odd": "even"}.get(state, "a")
                bodies[state] = {**body, **place, "label_ids": [live["label"][other]]}
        if kind.name == "task":
            bodies["a"] |= {"parent_id": ids["even"]}
            bodies["b"] |= {
                "parent_id": ids["odd"],
                "due": {"date": OCCURRENCE},
                "recurrence": {"rule": "FREQ=DAILY"},
            }
        return bodies

    @staticmethod
    def _is_odd(kind: ResourceType, state: str) -> bool:
        """What the victim has archived, the attacker has not, and the other way around."""
        return state.startswith("even" if kind.name == "list" else "odd")


def _live(own: dict[str, dict[str, dict[str, Any]]]) -> dict[str, list[str]]:
    return {
        name: [bodies[state]["id"] for state in ("even", "odd", "gone", "a", "b")]
        for name, bodies in own.items()
    }


def _place_in(number: int, state: str, live: dict[str, dict[str, str]]) -> dict[str, str]:
    """The place of the victim's task of a number, in the doubles of its list and section."""
    names = place_of(number, {"list": [""] * 4, "section": [""] * 4})
    return {name: live[name.removesuffix("_id")][state] for name in names}


async def _forget(person: Person) -> None:
    """Delete all resources of the person, so that not even sync knows of them."""
    user_id = UUID(person.id)
    for kind in reversed(RESOURCE_TYPES):
        await person.environment.rows(
            f"DELETE FROM {kind.table.name} WHERE user_id = %(user_id)s", user_id=user_id
        )
        await person.environment.rows(
            f"UPDATE users SET {kind.counter.name} = 0 WHERE id = %(user_id)s", user_id=user_id
        )
    await person.environment.rows(
        "DELETE FROM tombstones WHERE user_id = %(user_id)s", user_id=user_id
    )
