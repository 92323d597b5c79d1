"""Hypothesis strategies for each resource type, derived from its schemas."""

from typing import Any

from hypothesis import strategies as st

from duly.records.types import ResourceType
from duly.services.resource_types import OPERATIONS, RESOURCE_TYPES
from tests.model.special import ACTIONS
from tests.support.resources import (
    REFERRED_ID,
    actions_of,
    create_body,
    fields_of,
    is_valid,
    query_of,
    required_references,
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


def _replacements(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    fields = fields_of(kind)
    return st.fixed_dictionaries(
        {name: _values(kind, name) for name, field in fields.items() if field.is_required()},
        optional={
            name: _values(kind, name) for name, field in fields.items() if not field.is_required()
        },
    )


def _whole_bodies(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies of creates: what they must refer to is what the machine begins with."""
    references = dict.fromkeys(required_references(kind), REFERRED_ID)
    return _replacements(kind).map(lambda body: {**body, **references})


def _changes(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={name: _values(kind, name) for name in fields_of(kind)}
    )


def _queries(kind: ResourceType) -> st.SearchStrategy[dict[str, Any]]:
    """Queries of a list. A filter is one of `is_trashed`, `q` and the boolean fields of the type."""
    known = query_of(kind).model_fields
    filters: dict[str, st.SearchStrategy[Any]] = {
        name: st.booleans()
        for name, field in create_body(kind).model_fields.items()
        if field.annotation is bool and name in known
    }
    if "is_trashed" in known:
        filters["is_trashed"] = st.booleans()
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
REPLACEMENTS = _named(_replacements)
CHANGES = _named(_changes)
QUERIES = _named(_queries)
ACTION_CALLS = st.sampled_from([call for kind in RESOURCE_TYPES for call in _actions(kind)])
