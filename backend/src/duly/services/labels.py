"""Labels: their names are unique, and deleting one takes it off its tasks."""

from uuid import UUID

from sqlalchemy import func, select

from duly.core.config import Settings
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import Label, TaskLabel, User
from duly.records import changes, creation, moves
from duly.records.cascades import changing_all, erase_referred, erasing_all
from duly.records.commands import Operation
from duly.records.creation import Created
from duly.records.types import ID, ResourceType, name_with_key, stored_as_sent
from duly.records.versions import Versions
from duly.schemas.labels import LabelCreate, LabelPatch, LabelReplace
from duly.schemas.order import Move
from duly.services.task_type import TYPE as TASK
from duly.utils.tables import table_of
from duly.utils.times import utc

_labels, _task_labels = table_of(Label), table_of(TaskLabel)

TYPE = ResourceType(
    name="label",
    table=_labels,
    shown=(
        _labels.c.id,
        _labels.c.user_id,
        _labels.c.name,
        _labels.c.color,
        _labels.c.position,
        utc(_labels.c.created_at),
        utc(_labels.c.updated_at),
        _labels.c.revision.label("version"),
    ),
    fields={
        "name": name_with_key(_labels.c.name, _labels.c.name_key),
        "color": stored_as_sent(_labels.c.color),
    },
    counter=table_of(User).c.label_count,
    has_unique_name=True,
    is_referred_to=True,
)


def create(scope: UserScope, body: LabelCreate, settings: Settings) -> Operation[Created]:
    """Create a label. It raises `NameTaken`."""
    return creation.create(TYPE, scope.user_id, body, settings.max_labels)


def replace(
    scope: UserScope, label_id: UUID, body: LabelReplace, versions: Versions
) -> Operation[Row]:
    """Set every field of a label. It raises `NameTaken`."""
    return changes.update(TYPE, scope.user_id, label_id, body.model_dump(), versions)


def patch(
    scope: UserScope, label_id: UUID, body: LabelPatch, versions: Versions
) -> Operation[Row]:
    """Set the fields that were sent. It raises `NameTaken`."""
    return changes.update(TYPE, scope.user_id, label_id, body.changes(), versions)


def move(_: UserScope, label_id: UUID, body: Move, versions: Versions) -> Operation[Row]:
    """Move a label among the labels."""
    return moves.move(TYPE, label_id, body, versions)


def delete_label(_: UserScope, label_id: UUID, __: None, versions: Versions) -> Operation[Row]:
    """Delete a label permanently, and remove it from its tasks. It raises `TooManyChanges`."""
    return erase_referred(TYPE, label_id, versions, count=_COUNT, statements=[_TAKE_OFF, _ERASE])


_ITS_TASKS = select(_task_labels.c.task_id.label("id")).where(
    _task_labels.c.user_id == USER_ID, _task_labels.c.label_id == ID
)
_COUNT = owned(select(func.count().label("count")).select_from(_ITS_TASKS.subquery("its_tasks")))
_TAKE_OFF = changing_all(
    TASK,
    _ITS_TASKS,
    lambda _: {
        "label_ids": func.array_remove(
            TASK.table.c.label_ids, ID, type_=TASK.table.c.label_ids.type
        )
    },
)
_ERASE = erasing_all(TYPE, select(_labels.c.id).where(TYPE.is_named))
