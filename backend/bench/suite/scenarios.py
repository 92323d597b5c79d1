"""The scenarios, and the requests of each for one system."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.suite.apis import WORDS, Api, Person
from bench.suite.messages import Client, Request

Item = TypeVar("Item")

SCENARIOS: Mapping[str, str] = {
    "create": "create a task",
    "get": "read a task",
    "list": "list the newest 20",
    "filtered": "list the newest 20 open tasks",
    "search": "find tasks by a word",
    "update": "change a title",
    "complete": "complete or reopen",
    "batch": "create 100 in one request",
    "sync": "sync without changes",
    "304": "list with `If-None-Match`",
    "sign-in": "sign in",
    "mix": "80 % reads, 20 % writes",
}

_MIX: Mapping[str, int] = {
    "list": 6,
    "get": 5,
    "filtered": 2,
    "search": 1,
    "sync": 1,
    "304": 1,
    "create": 2,
    "update": 1,
    "complete": 1,
}
"""How many requests of each kind one round of the mix has. Four of twenty are writes."""

_ROUNDS_OF_MIX = 150
_TASKS_OF_THE_CROWD = 20
_TASKS_TO_COMPLETE = 5
"""Of each reader: few, so that at the start of a run few are in the wanted state already."""


@dataclass(frozen=True)
class Size:
    """How many people there are, and tasks of each."""

    readers: int = 100
    writers: int = 50
    quiet: int = 20
    signers: int = 40
    tasks: int = 100
    crowd: int = 0
    """People with 20 tasks each, for scenarios of their own."""


@dataclass
class People:
    """Those who read keep the same number of tasks; the tasks of quiet people never change."""

    readers: list[Person] = field(default_factory=list)
    writers: list[Person] = field(default_factory=list)
    quiet: list[Person] = field(default_factory=list)
    signers: list[Person] = field(default_factory=list)
    crowd: list[Person] = field(default_factory=list)


def register(api: Api, client: Client, size: Size) -> People:
    """Create the accounts, without tasks."""

    def some(kind: str, count: int) -> list[Person]:
        return [api.register(client, f"{kind}{number}@example.com") for number in range(count)]

    return People(
        some("reader", size.readers),
        some("writer", size.writers),
        some("quiet", size.quiet),
        some("signer", size.signers),
        some("crowd", size.crowd),
    )


def fill(api: Api, client: Client, people: People, size: Size) -> None:
    """Create the tasks of those who read."""
    for person in (*people.readers, *people.quiet):
        api.fill(client, person, size.tasks)
    for person in people.crowd:
        api.fill(client, person, _TASKS_OF_THE_CROWD)


def requests_of(api: Api, client: Client, people: People) -> dict[str, list[Request]]:
    """Return the requests of each scenario that the system has, and those of the crowd."""
    found = _requests_of(api, client, people)
    if people.crowd:
        crowd = People(people.crowd, people.crowd, people.quiet, people.signers)
        of_crowd = _requests_of(api, client, crowd)
        found |= {f"crowd {name}": of_crowd[name] for name in ("list", "mix")}
    return found


def _requests_of(api: Api, client: Client, people: People) -> dict[str, list[Request]]:
    readers, writers, quiet = people.readers, people.writers, people.quiet
    tasks = [(person, task) for person in readers for task in person.tasks[::5]]
    few = _shuffled([(p, task) for p in readers for task in p.tasks[:_TASKS_TO_COMPLETE]])
    found: dict[str, list[Request | None]] = {
        "create": [api.create(person) for person in writers],
        "get": [api.get(person, task) for person, task in tasks],
        "list": [api.newest(person) for person in readers],
        "filtered": [api.newest_open(person) for person in readers],
        "search": [api.search(person, word) for person in readers for word in WORDS[::4]],
        "update": [api.update(person, task) for person, task in tasks],
        "complete": [api.complete(*pair, done=done) for done in (True, False) for pair in few],
        "batch": [api.batch(person) for person in writers],
        "sync": [api.sync(client, person) for person in quiet],
        "304": [api.unchanged(client, person) for person in quiet],
        "sign-in": [api.sign_in(person) for person in people.signers],
    }
    known = {name: _present(requests) for name, requests in found.items()}
    ordered = {
        name: requests if name == "complete" else _shuffled(requests)
        for name, requests in known.items()
        if requests
    }
    return {**ordered, "mix": list(_mix(ordered))}


def _mix(ordered: Mapping[str, Sequence[Request]]) -> Iterator[Request]:
    """Yield requests of all kinds; lists stand for the reads that a system does not have."""
    positions = dict.fromkeys(_MIX, 0)
    for number in range(_ROUNDS_OF_MIX):
        kinds = [kind for kind, count in _MIX.items() for _ in range(count)]
        random.Random(number).shuffle(kinds)
        for kind in kinds:
            requests = ordered.get(kind, ordered["list"])
            yield requests[positions[kind] % len(requests)]
            positions[kind] += 1


def _present(requests: Sequence[Request | None]) -> list[Request]:
    return [request for request in requests if request is not None]


def _shuffled(items: Sequence[Item]) -> list[Item]:
    return random.Random(1).sample(items, len(items))


def verify(
    requests: Mapping[str, Sequence[Request]], client: Client, note: Callable[[str, int], None]
) -> None:
    """Send one request of each scenario, and note the size of its response.

    Raises `ValueError` if a status is not the expected one.
    """
    for name, some in requests.items():
        response = client.send(some[0])
        if (name == "304") != (response.status == 304):
            raise ValueError(f"{name}: status {response.status}")
        note(name, len(response.body))
