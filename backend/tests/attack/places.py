"""Where the resources of victims and attackers are: in which lists and sections, below what."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from duly.records.types import ResourceType
from tests.support.resources import body_for, required_references

Body = dict[str, Any]
Ids = Mapping[str, Sequence[str]]
"""Ids of live resources, by type; those of one number belong together."""

_DAYS = ({"date": "2026-01-01"}, {"date": "2026-06-01", "time": "09:30"}, {"date": "2026-12-31"})


def body_in(kind: ResourceType, text: str, number: int, ids: Ids, *, is_odd: bool) -> Body:
    """A valid body: sections in the list of the same number, and every other task in a section.

    Tasks have the label that `label_ids` adds.
    """
    body = body_for(kind, text, is_odd=is_odd)
    for name, other in required_references(kind).items():
        body[name] = ids[other.name][number % len(ids[other.name])]
    return {**body, **(place_of(number, ids) if kind.name == "task" else {})}


def place_of(number: int, ids: Ids) -> Body:
    """The list and section of the task of a number: even ones are in a section, or in the inbox."""
    match number % 4:
        case 1:
            return {"list_id": ids["list"][1]}
        case 2:
            return {"list_id": ids["list"][2], "section_id": ids["section"][2]}
    return {}


def tasks_everywhere(ids: Ids, text: str) -> list[Body]:
    """Tasks of each state in each list, section and label, and below each task.

    They have no ids.
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
