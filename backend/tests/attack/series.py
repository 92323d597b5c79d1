"""Attempts on one operation: each input in turn, with each value of a victim in it."""

import copy
import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from duly.services import operators
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_type import TYPE as TASK
from tests.attack.answers import Difference, plain, words_in, words_of
from tests.attack.attack_run import AttackRun
from tests.attack.attackers import Attacker
from tests.attack.environments import new_uuid, run_batch
from tests.attack.places import (
    ANCHORS,
    DOUBLES,
    REFERS_TO,
    batches,
    body_in,
    tasks_everywhere,
    with_ids,
)
from tests.attack.shapes import Draft, Place
from tests.attack.victims import Victim
from tests.attack.wire import Answer, Request
from tests.support.accounts import API
from tests.support.operations import Operation, is_defect
from tests.support.resources import create_of, delete_of

_REPLAYED = b"idempotency-replayed"
_USES = 6
_MOST_USES = 40
"""For an operation that fails with most of one's own resources, such as `skip`."""
_WITH_LINKS = {"reset_password", "verify_email", "exchange_sign_in_code"}
_WITH_FACTORS = {
    "list_factors": True,
    "confirm_factor": False,
    "remove_factor": True,
    "replace_recovery_codes": True,
    "finish_sign_in": True,
}
"""Whether the second factor that they need is confirmed."""
_FRESH = 20
"""After this many attempts the attacker gets new resources."""


async def attempt(
    attack_run: AttackRun, operation: Operation, attacker: Attacker, count: int, seed: str
) -> Attacker:
    """Run some attempts on one operation; return the next attacker. Raise `Difference`."""
    rng = random.Random(seed)
    series = Series(attack_run, operation, attacker, rng.choice(attack_run.victims), rng)
    try:
        return await series.run(count)
    except Difference:
        raise
    except Exception as error:
        raise Difference(f"{operation.id}: {type(error).__name__}: {error}") from error


@dataclass
class Series:
    """Attempts by one attacker on one victim through one operation."""

    attack_run: AttackRun
    operation: Operation
    attacker: Attacker
    victim: Victim
    rng: random.Random
    places: dict[Place, int] = field(default_factory=dict)

    async def run(self, count: int) -> Attacker:
        self.attacker.shapes.reseed(self.rng)
        await self.attacker.refill(self.victim, self.rng)
        await self._use_rightly()
        for number in range(count):
            if number % _FRESH == 0:
                await self.check_victim()
                await self.attacker.refill(self.victim, self.rng)
            await self._attempt()
        await self._compare_lives()
        await self.check_victim()
        for person in self.attacker.both:
            await person.drop_factors()
        return self.attacker

    async def _use_rightly(self) -> None:
        """Use the operation for what it is for: one that never succeeds is not attacked."""
        declared = {item["name"].lower() for item in self.operation.spec.get("parameters", ())}
        uses = 0
        for _ in range(_MOST_USES):
            draft = self.attacker.shapes.draft(self.operation)
            answer = await self._both(draft, "rightly used")
            if not answer.is_success:
                continue
            self.attack_run.exercised.add(self.operation.id)
            uses += 1
            if "if-none-match" in declared:
                await self._ask_again(draft)
            if "idempotency-key" in declared:
                await self._repeat(draft)
            if await self._has_ended():
                await self._renew()
                break
            if uses == _USES:
                break

    async def _ask_again(self, draft: Draft) -> None:
        """With one's own tag nothing is new; the next page is one's own, too."""
        tags = [
            (await person.send(draft.addressed(person.own))).header(b"etag")
            for person in self.attacker.both
        ]
        requests = [draft.addressed(person.own) for person in self.attacker.both]
        for request, tag in zip(requests, tags, strict=True):
            request.headers["if-none-match"] = tag or ""
        answer = await self._send(requests, "with its own tag")
        if answer.status != 304:
            raise Difference(f"{self.operation.id}: its own tag is answered with {answer.status}")

    async def _repeat(self, draft: Draft) -> None:
        """Under the victim's key one's own first answer stands."""
        draft = copy.deepcopy(draft)
        for step in self._path_of(draft.body, "id"):
            draft.put(("body", step), new_uuid(self.rng))
        draft.headers["idempotency-key"] = self.victim.key
        self.attacker.taken.add(self.victim.key)
        first = await self._both(draft, "under the victim's key")
        again = await self._both(draft, "under the victim's key, again")
        if first.is_success and (again.header(_REPLAYED) is None or again.body != first.body):
            raise Difference(f"{self.operation.id}: under the victim's key nothing is replayed")

    def _path_of(self, body: Any, name: str, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items: Any = body.items() if isinstance(body, dict) else enumerate(body)
        found = []
        for key, value in items:
            if key == name and "op" not in body:
                found.append((*here, key))
            if isinstance(value, dict | list):
                found += self._path_of(value, name, (*here, key))
        return found

    async def furnish(self) -> None:
        """Have more resources in every state and place, so that no list has only one page."""
        await self.attacker.refill(self.victim, random.Random(0))
        own, live = self.attacker.shapes.own_ids, self.attacker.shapes.live_ids
        rng = random.Random(1)
        operations = []
        for kind in RESOURCE_TYPES:
            ids = [new_uuid(rng) for _ in range(12)]
            bodies = [
                {**body_in(kind, f"my {kind.name} {n}", n % 2, own, "attacker"), "id": one}
                for n, one in enumerate(ids)
            ]
            operations += [create_of(kind, body) for body in bodies]
            operations += [delete_of(kind, one) for one in ids[6:] if kind.has_trash]
        everywhere = tasks_everywhere({name: ids[:2] for name, ids in live.items()}, "task")
        for is_trashed in (False, True):
            for _ in range(2):
                ids = [new_uuid(rng) for _ in everywhere]
                operations += [create_of(TASK, body) for body in with_ids(everywhere, ids)]
                operations += [delete_of(TASK, one) for one in ids if is_trashed]
        for person in self.attacker.both:
            for some in batches(operations):
                await run_batch(person, some)

    async def explore(self, draft: Draft) -> None:
        """A list by its switches, and what comes after its first item."""
        if self.operation.id == "list_sessions":
            for person in self.attacker.both:  # so that there is a second page
                await person.sign_in()
        whole = copy.deepcopy(draft)
        whole.query["limit"] = 100
        answer = await self._both(whole, "explored")
        if not answer.is_success:
            raise Difference(f"{self.operation.id}: {answer}")
        for limit in self._limits(draft, answer):
            requests = [draft.addressed(person.own) for person in self.attacker.both]
            for request, person in zip(requests, self.attacker.both, strict=True):
                first = draft.addressed(person.own)
                first.query.append(("limit", str(limit)))
                cursor = orjson.loads((await person.send(first)).body)["next_cursor"]
                request.query.append(("cursor", str(cursor)))
            answer = await self._send(requests, "explored further")
            if not answer.is_success:
                raise Difference(f"{self.operation.id}: {answer}")

    @staticmethod
    def _limits(draft: Draft, whole: Answer) -> list[int]:
        """The lengths of the first page: one resource, and up to the first without the key."""
        key = str(draft.query.get("sort", "")).removeprefix("-")
        items = orjson.loads(whole.body)["items"]
        without = [number for number, item in enumerate(items) if item.get(key, key) is None]
        return [1, *(number + 1 for number in without[:1] if 0 < number < len(items) - 1)]

    async def _attempt(self) -> None:
        draft = self.attacker.shapes.draft(self.operation)
        places = self.attacker.shapes.places(draft)
        # The place tried least so far, so that each has its turn; those meant for ids, often.
        turns = [(self._turns(draft, place), self.rng.random(), place) for place in places]
        place = min(turns, key=lambda item: item[:2])[2]
        value = self._loot(place, self.attacker.shapes.type_at(draft, place))
        self.places[_kind(place)] = self.places.get(_kind(place), 0) + 1
        draft.put(place, value)
        # Quick add creates a label that is called what follows the sign.
        text = str(value).encode()
        self.attacker.sent |= {str(value), *words_in(text), *words_in(text.replace(b" @", b" "))}
        self.attack_run.attempts += 1
        answer = await self._both(draft, f"{place} = {value!r}")
        if answer.is_success:
            self.attacker.taken.add(str(value))
            if await self._has_ended():
                await self._renew()
            elif self.operation.method != "GET" and self.rng.random() < 0.5:
                await self._both(draft, f"{place} = {value!r}, again")
        elif answer.status >= 400 and str(value) not in self.attacker.taken:
            never = copy.deepcopy(draft)
            never.put(place, self._never(value))
            person = self.attacker.here
            other = await person.send(never.addressed(person.own))
            if other != answer:
                raise Difference(f"{self.operation.id}, {place}: {answer} is not {other}")

    def _turns(self, draft: Draft, place: Place) -> float:
        where, last = place[0], _name_of(place)
        declared = {item["name"].lower() for item in self.operation.spec.get("parameters", ())}
        is_asked_for = draft.has(place) if where == "body" else last in declared
        is_meant = last in _MEANT and is_asked_for
        return (self.places.get(_kind(place), 0) + 1) / (8 if is_meant else 1)

    def _loot(self, place: Place, of: str) -> Any:
        """Something of the victim's that could fit there; now and then, that could not."""
        last = _name_of(place)
        victim, turn = self.victim, self.places.get(_kind(place), 0)
        if last in {"if_match", "version", "revision"}:
            return self.rng.randint(1, 20)
        signed = [f"{sign}{victim.name}" for sign in "#/@"]
        fitting = {
            "name": [victim.name],
            "text": [f"task {one}" for one in signed],
            "filter": signed,
            "query": signed,
            "if-match": victim.tags,
            "if-none-match": victim.tags,
            "refresh_token": victim.spent,  # a live one is for whoever has it
            "idempotency-key": [victim.key],
            **dict.fromkeys(("cursor", "token", "q", "last-event-id"), victim.texts),
        }
        in_turn = {
            # A new resource is to have an id that the attacker has not used.
            "id": victim.numbered.get(of, victim.ids)[len(DOUBLES) :],
            "session_id": victim.sessions,
            "token_id": victim.tokens,
            "factor_id": victim.factors,
            **{f"{name}_id": ids for name, ids in victim.resources.items()},
            **{name: victim.resources[of] for name, of in REFERS_TO.items()},
        }
        if last in ANCHORS:
            last = "id"
        if last in in_turn and turn % 4:
            return in_turn[last][(turn - turn // 4 - 1) % len(in_turn[last])]
        is_id = isinstance(last, str) and last.endswith(("id", "sub", "user", "owner", "as"))
        anything = victim.ids if is_id or self.rng.random() < 0.5 else victim.texts
        return self.rng.choice(fitting.get(last, anything))

    def _never(self, value: Any) -> Any:
        """A value of the same form that nobody ever had."""
        if isinstance(value, int):
            return value + 10**9
        if re.fullmatch(r'"\d+"', value):
            return f'"{10**9}"'
        try:
            return new_uuid(self.rng) if UUID(value) else ""
        except ValueError:
            signs = string.ascii_letters + string.digits
            return "".join(self.rng.choice(signs) if sign in signs else sign for sign in value)

    async def _both(self, draft: Draft, what: str) -> Answer:
        if self.operation.id in _WITH_LINKS:
            for person in self.attacker.both:
                await person.get_links()
        if self.operation.id in _WITH_FACTORS:
            is_confirmed = _WITH_FACTORS[self.operation.id]
            for person in self.attacker.both:
                await person.drop_factors()
                await person.get_factor(is_confirmed=is_confirmed)
        return await self._send(
            [draft.addressed(person.own) for person in self.attacker.both], what
        )

    async def _send(self, requests: Sequence[Request], what: str) -> Answer:
        """Send a request in both environments, which must respond alike; return one response."""
        self.attack_run.is_attacking = True
        here, there = [
            await person.send(request)
            for person, request in zip(self.attacker.both, requests, strict=True)
        ]
        self.attack_run.is_attacking = False
        name = f"{self.operation.id}, {what}"
        if is_defect(here.status, here.body):
            raise Difference(f"{name}: {here}")
        if leaked := (words_of(here) & self.attack_run.secrets) - self.attacker.sent:
            raise Difference(f"{name}: shows {leaked}")
        if plain(here) != plain(there):
            raise Difference(f"{name}: {plain(here)} is not {plain(there)}")
        return here

    async def _has_ended(self) -> bool:
        """Whether the attacker's session has been ended, or the account."""
        harmless = ["/batch", *(f"/{kind.plural}" for kind in RESOURCE_TYPES)]
        if self.operation.method == "GET" or any(map(self.operation.path.count, harmless)):
            return False
        here = self.attacker.here
        headers = {"Authorization": f"Bearer {here.own['access_token']}"}
        return (await here.send(Request("GET", f"{API}/users/me", [], headers))).status == 401

    async def _renew(self) -> None:
        """Go on as somebody new."""
        self.attacker = await self.attack_run.attacker(self.rng)
        await self.attacker.refill(self.victim, self.rng)

    async def _compare_lives(self) -> None:
        """What came of it for the attacker is the same in both environments."""
        lives = []
        for person in self.attacker.both:
            export = await person.ask("GET", f"{API}/users/me/export")
            found = await person.environment.rows(
                "SELECT revision, horizon, disabled_at IS NULL FROM users WHERE id = %(id)s",
                id=UUID(person.id),
            )
            lives.append((plain(export), found))
        if lives[0] != lives[1]:
            raise Difference(f"{self.operation.id}: two lives, {lives[0]} and {lives[1]}")

    async def check_victim(self) -> None:
        """The rows of the victim and of bystanders are untouched. Raises `Difference`."""
        await self.attack_run.check_bystanders()
        now = await self.victim.stored()
        if now != self.victim.rows:
            changed = set(map(tuple, now)) ^ set(map(tuple, self.victim.rows))
            raise Difference(f"{self.operation.id}: a victim's rows: {sorted(changed)}")

    async def disable(self) -> None:
        """What the operator does to the attacker at the command line."""
        self.attack_run.is_attacking = True
        for person in self.attacker.both:
            context = person.environment.app.state.context
            await operators.disable_user(context, person.own["email"])
            await operators.enable_user(context, person.own["email"])
            await operators.set_password(context, person.own["email"], person.own["password"])
        self.attack_run.is_attacking = False
        await self.check_victim()


# Names under which the service takes an id, a token, a key or a version.
_MEANT = {
    *("id", "session_id", "factor_id", "token_id", "cursor", "token", "last-event-id"),
    "refresh_token",
    *("name", "text", "query", "filter"),
    *(f"{kind.name}_id" for kind in RESOURCE_TYPES),
    *REFERS_TO,
    *ANCHORS,
}


def _name_of(place: Place) -> Any:
    """The name of a place; an item of a list has the name of the list."""
    where, name = place
    if where != "body" or not name:
        return name
    names = [step for step in name if isinstance(step, str)]
    return names[-1] if names else name[-1]


def _kind(place: Place) -> Place:
    """A place, whichever of several operations it is in."""
    where, name = place
    if where == "body":
        return where, tuple("*" if isinstance(step, int) else step for step in name)
    return place
