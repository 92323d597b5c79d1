"""Labels: nothing sets them apart from other resources."""

from uuid import UUID

from duly.core.config import Settings
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.models import Label, User
from duly.records import changes, creation
from duly.records.changes import Versions
from duly.records.commands import Command
from duly.records.creation import Created
from duly.records.types import ResourceType, stored_as_sent
from duly.schemas.labels import LabelCreate, LabelPatch, LabelReplace
from duly.utils.tables import table_of
from duly.utils.times import utc

_labels = table_of(Label)

TYPE = ResourceType(
    name="label",
    table=_labels,
    shown=(
        _labels.c.id,
        _labels.c.user_id,
        _labels.c.name,
        _labels.c.color,
        utc(_labels.c.created_at),
        utc(_labels.c.updated_at),
        _labels.c.revision.label("version"),
    ),
    fields={"name": stored_as_sent(_labels.c.name), "color": stored_as_sent(_labels.c.color)},
    counter=table_of(User).c.label_count,
)


def create(scope: UserScope, body: LabelCreate, settings: Settings) -> Command[Created]:
    """Create a label."""
    return creation.create(TYPE, scope.user_id, body, client_id=body.id, limit=settings.max_labels)


def replace(
    scope: UserScope, label_id: UUID, body: LabelReplace, versions: Versions
) -> Command[Row]:
    """Set every field of a label."""
    return changes.update(TYPE, scope.user_id, label_id, body.model_dump(), versions)


def patch(scope: UserScope, label_id: UUID, body: LabelPatch, versions: Versions) -> Command[Row]:
    """Set the fields that were sent."""
    return changes.update(TYPE, scope.user_id, label_id, body.changes(), versions)
