"""Hypothesis strategies for each resource type, derived from its schemas."""

from typing import Any

from hypothesis import strategies as st

from duly.records.types import ResourceType
from duly.services.resource_types import OPERATIONS, RESOURCE_TYPES
from tests.model.special import ACTIONS
from tests.support.resources import (
    actions_of,
    create_body,
    is_valid,
    patch_body,
    query_of,
    sorts_of,
    values_of,
)

Drawn = tuple[str, dict[str, Any]]
"""The name of a type, and a body or a query for it. Hypothesis would print the whole type."""

WORDS = ["milk", "bread", "call", "Ada", "report", "café", "zoo"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    st.sampled_from(["  milk ", "cafe\u0301 zoo", "ÄÖ", "\U0001f986", "Z", "a", ""]),
)
SEARCHES = ["milk", "MILK bread", "milk -bread", "-zoo", "café", "CAFE", "mi", "", "nothing"]


def _values(kind: ResourceType, name: str) -> st.SearchStrategy[Any]:
    """Valid values of one field."""
    values = values_of(kind, name, WORDS)
    others = [value for value in values if value not in WORDS]
    if len(others) == len(values):
        return st.sampled_from(values)
    texts = TEXTS.filter(lambda text: is_valid(kind, name, text))
    return st.one_of(texts, st.sampled_from(others)) if others else texts


def _whole_bodies(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    fields = {
        name: field for name, field in create_body(kind).model_fields.items() if name != "id"
    }
    return st.fixed_dictionaries(
        {name: _values(kind, name) for name, field in fields.items() if field.is_required()},
        optional={
            name: _values(kind, name) for name, field in fields.items() if not field.is_required()
        },
    )


def _changes(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={name: _values(kind, name) for name in patch_body(kind).model_fields}
    )


def _queries(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    """Queries of a list. A filter is one of `trashed`, `q` and the boolean fields of the type."""
    known = query_of(kind).model_fields
    filters: dict[str, st.SearchStrategy[Any]] = {
        name: st.booleans()
        for name, field in create_body(kind).model_fields.items()
        if field.annotation is bool and name in known
    }
    if "trashed" in known:
        filters["trashed"] = st.booleans()
    if "q" in known:
        filters["q"] = st.sampled_from(SEARCHES)
    sorts = st.sampled_from(sorts_of(kind))
    return st.fixed_dictionaries(
        {"limit": st.integers(1, 5)},
        optional={"include_total": st.booleans(), "sort": sorts, **filters},
    )


def _named(bodies: Any) -> st.SearchStrategy[Drawn]:
    return st.one_of([st.tuples(st.just(kind.name), bodies(kind)) for kind in RESOURCE_TYPES])


def _actions(kind: ResourceType) -> list[Drawn]:
    return [
        (kind.name, {"action": action})
        for action in actions_of(kind)
        if action == "restore" or (kind.name, action) in ACTIONS
    ]


TYPE_NAMES = st.sampled_from(sorted(OPERATIONS))
WHOLE_BODIES = _named(_whole_bodies)
CHANGES = _named(_changes)
QUERIES = _named(_queries)
ACTION_CALLS = st.sampled_from([call for kind in RESOURCE_TYPES for call in _actions(kind)])
