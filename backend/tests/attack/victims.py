"""People with something to lose, and all that a thief might know of them."""

import base64
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.attack.environments import (
    PASSWORD,
    Environment,
    Person,
    join,
    make_tasks,
    new_uuid,
    stored,
)
from tests.attack.shapes import Shapes
from tests.support.accounts import API


@dataclass
class Victim:
    """`ids`, `texts` and `tags` are what attackers try; `secrets` is what they must never see."""

    person: Person
    ids: list[str] = field(default_factory=list)
    states: dict[str, list[str]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    key: str = ""
    sessions: list[str] = field(default_factory=list)
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
    ids = [new_uuid(rng) for _ in range(10)]
    await make_tasks(
        person,
        [
            {
                "id": task_id,
                # Before and after whatever the attacker has, in any order.
                "title": f"{'zz' if number % 4 > 1 else 'aa'} {mark} {number}",
                "description": f"{bait} task",
                "is_completed": number % 2 == 1,
            }
            for number, task_id in enumerate(ids)
        ],
    )
    for task_id in ids[4:8]:
        await person.ask("DELETE", f"{API}/tasks/{task_id}")
    for task_id in ids[8:]:
        await person.ask("DELETE", f"{API}/tasks/{task_id}?permanent=true")
    for path in ("/tasks", f"/users/{person.id}/tasks"):
        body = {"title": mark, "id": new_uuid(rng)}
        await person.read("POST", path, body, **{"Idempotency-Key": victim.key})
        operation = {"op": "create", "task": {"title": mark, "id": new_uuid(rng)}}
        batch = {"operations": [operation]}
        await person.read("POST", f"{path}/batch", batch, **{"Idempotency-Key": victim.key})
    await _collect(victim)
    victim.ids += [person.id, *victim.sessions, *ids]
    victim.tasks = [ids[number] for number in (8, 9, 0, 1, 4, 5, 2, 3, 6, 7)]
    victim.states = {
        "open": ids[0:4:2],
        "done": ids[1:4:2],
        "open trashed": ids[4:8:2],
        "done trashed": ids[5:8:2],
        "gone": ids[8:],
    }
    victim.texts += [bait, victim.key, *victim.spent, *victim.ids]
    victim.secrets = {mark, person.own["email"], person.id, *victim.sessions, *victim.texts, *ids}
    await victim.settle()
    return victim


async def _collect(victim: Victim) -> None:
    """Take what the service gives out: cursors, sync tokens, entity tags, sessions."""
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

    They have `sent` what is a victim's, and have `taken` some of it for names of their own things.
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
        """Have tasks as new, some of them the very doubles of the victim's: ids, states and all."""
        doubles = {state: rng.choice(ids) for state, ids in victim.states.items()}
        own = [new_uuid(rng), new_uuid(rng)]
        tasks: list[dict[str, Any]] = [
            {
                "id": task_id,
                "title": f"task of mine {state}",
                "description": f"task {rng.random()}",
                "is_completed": state.startswith("done"),
            }
            for state, task_id in [*doubles.items(), *zip("ab", own, strict=True)]
        ]
        trashed = [task_id for state, task_id in doubles.items() if state.endswith("trashed")]
        ids = [task["id"] for task in tasks]
        operations = [
            *({"op": "create", "task": task} for task in tasks),
            *({"op": "delete", "id": task_id} for task_id in trashed),
        ]
        # In the middle of a first sync, or after one long ago.
        is_late = rng.random() < 0.5
        self.sent.update(ids)
        self.taken.update(ids)
        for person in self.both:
            forget = "DELETE FROM {} WHERE user_id = %(user_id)s AND id = ANY(%(ids)s)"
            for table in ("tasks", "tombstones"):
                await person.environment.rows(
                    forget.format(table), user_id=UUID(person.id), ids=list(map(UUID, ids))
                )
            await person.read("POST", "/tasks/batch", {"operations": operations})
            page = await person.read("GET", "/tasks?limit=1")
            changes = await person.read("GET", "/sync?limit=1")
            person.own["cursor"] = page["next_cursor"]
            person.own["sync_token"] = person.own["first_token"] if is_late else changes["token"]
        self.shapes.own_tasks = ids
