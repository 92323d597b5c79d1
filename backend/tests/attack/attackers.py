"""Attackers: each lives the same life in both environments."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql

from duly.models import ApiToken, ApiTokenDigest, Tombstone
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_type import TYPE as TASK
from tests.attack.environments import Environment, Person, join, new_uuid, run_batch
from tests.attack.places import (
    DOUBLES,
    LISTED,
    LIVE,
    NUMBERS,
    batches,
    body_in,
    deletions,
    of_numbers,
)
from tests.attack.shapes import Shapes
from tests.attack.victims import Victim, number_acts
from tests.hostile.attacked_account import OCCURRENCE
from tests.support.resources import create_of


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

    def copy(self) -> "Attacker":
        """The same as they are now."""
        here, there = [replace(person, own={**person.own}) for person in self.both]
        return replace(self, here=here, there=there, sent={*self.sent}, taken={*self.taken})

    async def refill(self, victim: Victim, rng: random.Random) -> None:
        """Replace all resources with new ones. Most have the same ids as the victim's."""
        ids = {
            name: [*(some[number] for number in DOUBLES), *(new_uuid(rng) for _ in _OTHERS)]
            for name, some in victim.numbered.items()
        }
        operations = [*_creates(ids), *deletions(ids, "attacker")]
        # In the middle of a first sync, or after one long ago.
        is_late = rng.random() < 0.5
        every_id = [one for some in ids.values() for one in some]
        self.sent.update(every_id)
        self.taken.update(every_id)
        for person in self.both:
            await _forget(person)
            for some in batches(operations):
                await run_batch(person, some)
            await number_acts(person)
            page = await person.read("GET", "/tasks?limit=1")
            changes = await person.read("GET", "/sync?limit=1")
            # So many that a list of them has a second page.
            for name in ("one", "two"):
                body = {"name": name, "scopes": ["tasks:read"]}
                token = await person.read("POST", "/users/me/tokens", body)
            person.own["token_id"] = token["id"]
            person.own["cursor"] = page["next_cursor"]
            person.own["sync_token"] = person.own["first_token"] if is_late else changes["token"]
        self.shapes.own_ids = ids
        self.shapes.live_ids = of_numbers(ids, LIVE["attacker"])
        for person in self.both:
            for name, number in LISTED.items():
                person.own[f"listed {name}"] = self.shapes.live_ids[name][number]


_OTHERS = NUMBERS[len(DOUBLES) :]


def _creates(ids: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The operations that create resources of each number. One task is recurring."""
    creates = []
    for kind in RESOURCE_TYPES:
        for number in NUMBERS:
            body = body_in(kind, f"{kind.name} of mine {number}", number, ids, "attacker")
            if kind is TASK:
                # The victim's double has other labels.
                body["label_ids"] = [ids["label"][(number ^ 1) % len(NUMBERS)]]
            if kind is TASK and number == NUMBERS[-1]:
                body |= {"due": {"date": OCCURRENCE}, "recurrence": {"rule": "FREQ=DAILY"}}
            creates.append(create_of(kind, body))
    return creates


_OTHER_TABLES = [str(model.__tablename__) for model in (Tombstone, ApiToken, ApiTokenDigest)]


async def _forget(person: Person) -> None:
    """Delete all resources and API tokens of the person, so that not even sync knows of them."""
    tables = [kind.table.name for kind in reversed(RESOURCE_TYPES)]
    forget = [
        sql.SQL("DELETE FROM {} WHERE user_id = {}").format(sql.Identifier(name), person.id)
        for name in [*tables, *_OTHER_TABLES]
    ]
    counters = [sql.Identifier(kind.counter.name) for kind in RESOURCE_TYPES]
    counted = sql.SQL("UPDATE users SET {} WHERE id = {}").format(
        sql.SQL(", ").join(sql.SQL("{} = 0").format(name) for name in counters), person.id
    )
    await person.environment.rows(sql.SQL(";").join([*forget, counted]))
