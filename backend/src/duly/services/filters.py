"""Saved filters."""

from uuid import UUID

from duly.core.config import Settings
from duly.database.scope import UserScope
from duly.database.values import Row
from duly.models import Filter, User
from duly.records import changes, creation, moves
from duly.records.commands import Operation
from duly.records.creation import Created
from duly.records.types import ResourceType, stored_as_sent
from duly.records.versions import Versions
from duly.schemas.filters import FilterCreate, FilterPatch, FilterReplace
from duly.schemas.order import Move
from duly.utils.tables import table_of
from duly.utils.times import utc

_filters = table_of(Filter)

TYPE = ResourceType(
    name="filter",
    table=_filters,
    shown=(
        _filters.c.id,
        _filters.c.user_id,
        _filters.c.name,
        _filters.c.query,
        _filters.c.color,
        _filters.c.position,
        utc(_filters.c.created_at),
        utc(_filters.c.updated_at),
        _filters.c.revision.label("version"),
    ),
    fields={
        "name": stored_as_sent(_filters.c.name),
        "query": stored_as_sent(_filters.c.query),
        "color": stored_as_sent(_filters.c.color),
    },
    counter=table_of(User).c.filter_count,
)


def create(scope: UserScope, body: FilterCreate, settings: Settings) -> Operation[Created]:
    """Create a filter."""
    return creation.create(TYPE, scope.user_id, body, settings.max_filters)


def replace(
    scope: UserScope, filter_id: UUID, body: FilterReplace, versions: Versions
) -> Operation[Row]:
    """Set every field of a filter."""
    return changes.update(TYPE, scope.user_id, filter_id, body.model_dump(), versions)


def patch(
    scope: UserScope, filter_id: UUID, body: FilterPatch, versions: Versions
) -> Operation[Row]:
    """Set the fields that were sent."""
    return changes.update(TYPE, scope.user_id, filter_id, body.changes(), versions)


def move(_: UserScope, filter_id: UUID, body: Move, versions: Versions) -> Operation[Row]:
    """Move a filter among the filters."""
    return moves.move(TYPE, filter_id, body, versions)


def delete_filter(_: UserScope, filter_id: UUID, __: None, versions: Versions) -> Operation[Row]:
    """Delete a filter permanently."""
    return changes.erasing(TYPE).of(filter_id, versions)
