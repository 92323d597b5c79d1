"""Where the resources of victims and attackers are: in which lists and sections, below what."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.resources import body_for, delete_of, required_references

Body = dict[str, Any]
Ids = Mapping[str, Sequence[str]]
"""Ids of live resources, by type; those of one number belong together."""

_DAYS = ({"date": "2026-01-01"}, {"date": "2026-06-01", "time": "09:30"}, {"date": "2026-12-31"})


NUMBERS = range(13)
"""Victims and attackers have that many resources of each type; one number stands for one id.

Those of `DOUBLES` have the same ids for an attacker and the victim.
"""
DOUBLES = range(11)
TRASHED = {"victim": range(4, 8), "attacker": range(2, 6)}
"""Resources in the trash, if their type has one. The victim has deleted `ERASED` permanently."""
ERASED = 9
LIVE = {"victim": (0, 1, 2, 3, 8, 10, 11, 12), "attacker": (0, 1, *range(6, 13))}
BAIT = 10
"""The resource whose name attackers know."""

_SIBLINGS: Mapping[str, Mapping[int, int]] = {
    "victim": {11: 0, 12: 1},
    "attacker": {6: 0, 7: 1, 8: 0, 11: 0, 12: 1},
}
"""Exceptions: other resources that need a reference refer to the one with their own number."""
_PLACES: Mapping[str, Mapping[int, tuple[str, int]]] = {
    "victim": {
        **{number: ("section_id", number) for number in NUMBERS},
        5: ("parent_id", 1),
        10: ("parent_id", 0),
    },
    "attacker": {
        0: ("section_id", 0),
        1: ("list_id", 1),
        2: ("section_id", 2),
        3: ("parent_id", 1),
        4: ("section_id", 4),
        6: ("parent_id", 0),
        10: ("list_id", 1),
        11: ("parent_id", 0),
        12: ("parent_id", 1),
    },
}
"""Where the task of a number is; the others are in the inbox."""


def body_in(kind: ResourceType, text: str, number: int, ids: Ids, whose: str) -> Body:
    """A valid body of the resource of a number, with what it refers to."""
    body = body_for(kind, text, is_odd=_is_odd(kind, number, whose))
    for name, other in required_references(kind).items():
        body[name] = ids[other.name][_SIBLINGS[whose].get(number, number)]
    if kind.name == "task" and number in _PLACES[whose]:
        field, of = _PLACES[whose][number]
        body[field] = ids[REFERS_TO.get(field, field.removesuffix("_id"))][of]
    return {**body, "id": ids[kind.name][number]}


def _is_odd(kind: ResourceType, number: int, whose: str) -> bool:
    """Whether a resource has the odd body. Of two lists with one number, one is archived."""
    return (number % 2 == 1) is (kind.name != "list" or whose == "victim")


def of_numbers(ids: Ids, numbers: Sequence[int]) -> dict[str, list[str]]:
    """The ids of some numbers."""
    return {name: [some[number] for number in numbers] for name, some in ids.items()}


def deletions(ids: Ids, whose: str) -> list[Body]:
    """The operations that move resources to the trash, what is in others first."""
    return [
        delete_of(kind, ids[kind.name][number])
        for kind in reversed(RESOURCE_TYPES)
        if kind.has_trash
        for number in TRASHED[whose]
    ]


def tasks_everywhere(ids: Ids, text: str, *, are_first: bool = False) -> list[Body]:
    """Tasks of each state in each list, section and label, and below each task.

    They have no ids. With `are_first`, some of them come first in the manual order.
    """
    bodies: list[Body] = []
    for number, one in enumerate(ids["list"]):
        for where in (
            {"list_id": one},
            {"section_id": ids["section"][number]},
            {"label_ids": [ids["label"][number]]},
            {"parent_id": ids["task"][number]},
        ):
            for is_completed in (False, True):
                has_keys = len(bodies) % 3 == 0
                rest = {"due": _DAYS[len(bodies) % 2 * 2], "priority": 1 + len(bodies) % 4}
                bodies.append(
                    {
                        "title": f"{text} {len(bodies)}",
                        "is_completed": is_completed,
                        **where,
                        **(rest if has_keys else {}),
                        **({"after_id": None} if are_first and not has_keys else {}),
                    }
                )
    return bodies


def tasks_below(ids: Ids, number: int, new: Sequence[str], text: str) -> list[Body]:
    """Tasks below the task of a number, all with its label; half of them reach the last level."""
    depth = {0: 1, 5: 3}.get(number, 4)
    bodies = []
    for place, one in enumerate(new):
        is_deep = 0 < place < depth
        bodies.append(
            {
                "id": one,
                "title": f"{text} {number} {place}",
                "is_completed": place % 2 == 1,
                "parent_id": new[place - 1] if is_deep else ids["task"][number],
                "label_ids": [ids["label"][number]],
            }
        )
    return bodies


def with_ids(bodies: Sequence[Body], ids: Sequence[str]) -> list[Body]:
    """The same, each with an id."""
    return [{**body, "id": one} for body, one in zip(bodies, ids, strict=True)]


def batches(operations: Sequence[Body], size: int = 90) -> list[list[Body]]:
    """The same operations in batches that are not too large."""
    return [[*operations[start : start + size]] for start in range(0, len(operations), size)]


EXCLUSIVE = (
    ("list_id", "section_id", "parent_id"),
    ("after_id", "before_id"),
    ("label_ids", "add_label_ids"),
    ("label_ids", "remove_label_ids"),
    ("completed_at", "is_completed"),
    ("code", "credential"),
    ("code", "assertion"),
)
"""Fields of which a valid body has at most one, unless they agree."""

REFERS_TO = {
    "parent_id": "task",
    "label_ids": "label",
    "add_label_ids": "label",
    "remove_label_ids": "label",
    "move_tasks_to": "list",
}
"""The type that a field refers to, if its name does not say."""

LISTED = {"list": 1, "section": 0, "label": 0, "task": 1}
"""The numbers of the live resources of which tasks or sections are listed.

The victim has the same ones in another state.
"""

ANCHORS = {"after_id", "before_id"}
"""Fields that refer to resources of the type itself."""


def without_contradictions(body: Body, chance: float) -> Body:
    """The same with one of the fields that exclude each other; which one, `chance` says."""
    for names in EXCLUSIVE:
        present = [name for name in names if name in body]
        kept = present[int(chance * len(present))] if present else None
        for name in present:
            if name != kept:
                del body[name]
    if body.get("timezone") is not None and body.get("time") is None:
        del body["timezone"]
    if "recurrence" in body and body.get("due") is None:
        del body["recurrence"]
    if "recurrence" in body:  # `complete` is for recurring tasks
        body.pop("is_completed", None)
    return body


def combined(switches: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values of parameters; None stands for none."""
    products = itertools.product(*switches.values())
    return [
        {name: value for name, value in zip(switches, values, strict=True) if value is not None}
        for values in products
    ]
