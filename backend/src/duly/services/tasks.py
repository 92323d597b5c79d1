"""Tasks: how they are created, changed, moved and deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CTE, Insert, Uuid, any_, bindparam, delete, func, insert, select
from sqlalchemy.dialects import postgresql

from duly.core.config import Settings
from duly.core.errors import ValidationFailed
from duly.core.logging import log
from duly.database.scope import Call, UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import TaskLabel
from duly.records import changes, commands, creation
from duly.records.cascades import changing_all
from duly.records.commands import Command, Operation, Procedure
from duly.records.creation import PLAIN, Created, Shape
from duly.records.moves import place_at
from duly.records.order import Spot, appended
from duly.records.revisions import check_count
from duly.records.versions import Versions
from duly.schemas.base import RequestBody
from duly.schemas.operations import DeleteOptions
from duly.schemas.tasks import MAX_LABELS, TaskCreate, TaskMove, TaskPatch, TaskReplace
from duly.schemas.times import Moment
from duly.services.task_completion import completion_of
from duly.services.task_places import (
    MAX_LEVELS,
    Place,
    check_labels,
    facts_call,
    is_list_live,
    resolve,
    unknown_reference,
)
from duly.services.task_recurrence import begun, changed
from duly.services.task_trees import COMPLETE, ERASE, REOPEN, RESTORE, TRASH, tree_of
from duly.services.task_type import TYPE
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

__all__ = ["TYPE", "create", "delete_task", "move", "patch", "replace", "restore"]

_task_labels = table_of(TaskLabel)

_ALONE = {"title", "description", "priority", "duration_minutes"}
"""Fields that do not depend on the current values or on other fields."""
_STAYING = {"is_completed", "list_id", "section_id", "parent_id"}
"""Fields that PUT leaves unchanged if they are absent."""
_PLACE = ("list_id", "section_id", "parent_id")


def _labelled(task: CTE) -> Insert:
    label_ids = func.unnest(bindparam("label_ids", type_=ARRAY(Uuid())), type_=Uuid())
    return insert(_task_labels).from_select(
        ["user_id", "task_id", "label_id"], select(USER_ID, task.c.id, label_ids)
    )


def _explain_list(facts: Row) -> None:
    if not facts["fits"]:
        raise unknown_reference("list_id", "list")


_IN_LIST = Shape(condition=is_list_live(), explain=_explain_list)
_LABELLED = Shape(beside=_labelled)

_MOVE_BELOW = changing_all(
    TYPE,
    select((_moved := tree_of(TYPE.is_named)).c.id).where(_moved.c.level > 1),
    lambda _: {name: bindparam(name, type_=Uuid()) for name in ("list_id", "section_id")},
)
_IS_OF_TASK = (
    _task_labels.c.user_id == USER_ID,
    _task_labels.c.task_id == bindparam("id", type_=Uuid()),
)
_KEPT = bindparam("label_ids", type_=ARRAY(Uuid()))
_UNLABEL = owned(
    delete(_task_labels).where(*_IS_OF_TASK, ~(_task_labels.c.label_id == any_(_KEPT)))
)
_LABEL = owned(
    postgresql.insert(_task_labels)
    .from_select(
        ["user_id", "task_id", "label_id"],
        select(USER_ID, bindparam("id", type_=Uuid()), func.unnest(_KEPT, type_=Uuid())),
    )
    .on_conflict_do_nothing(index_elements=["user_id", "task_id", "label_id"])
)


def create(
    scope: UserScope, body: TaskCreate, settings: Settings, *, sent: RequestBody | None = None
) -> Operation[Created]:
    """Create a task; see `records.creation`. It also raises `ValidationFailed` for its references."""
    values: dict[str, Any] = completion_of(body)
    if body.recurrence is not None:
        values["recurrence"] = begun(body.recurrence, body.due, body.start)
    limit = settings.max_tasks
    if body.section_id is None and body.parent_id is None and not body.label_ids:
        shape = PLAIN if body.list_id is None else _IN_LIST
        return creation.create(
            TYPE, scope.user_id, body, limit, shape=shape, values=values, sent=sent
        )
    place_sent = {name: getattr(body, name) for name in _PLACE if name in body.model_fields_set}

    async def work(transaction: UserScope, reads: list[list[Row]], _: int) -> Created:
        [facts] = reads[0]
        try:
            place = resolve(Place(), place_sent, facts)
            check_labels("label_ids", body.label_ids, facts)
        except ValidationFailed:
            # The id may be taken: by the same create, if what it refers to has been deleted since.
            done = await creation.find_created(transaction, TYPE, body.id, sent or body)
            if done is None:
                raise
            return done, False
        shape = _LABELLED if body.label_ids else PLAIN
        placed = {**values, **place._asdict()}
        operation = creation.create(
            TYPE, scope.user_id, body, limit, shape=shape, values=placed, sent=sent
        )
        return await commands.run(transaction, operation)

    task_id = body.id or new_id()
    read = facts_call(task_id, place_sent, body.label_ids)
    return Procedure(None, task_id, [read], work)


def replace(
    scope: UserScope, task_id: UUID, body: TaskReplace, versions: Versions
) -> Operation[Row]:
    """Set every field of a task; those of `_STAYING` only if they were sent."""
    sent = {
        name: getattr(body, name)
        for name in type(body).model_fields
        if name in body.model_fields_set or name not in _STAYING
    }
    return _update(scope, task_id, sent, versions, is_patch=False)


def patch(scope: UserScope, task_id: UUID, body: TaskPatch, versions: Versions) -> Operation[Row]:
    """Set the fields that were sent."""
    sent = body.changes()
    if sent.keys() <= _ALONE:
        return changes.update(TYPE, scope.user_id, task_id, sent, versions)
    return _update(scope, task_id, sent, versions, is_patch=True)


def move(_: UserScope, task_id: UUID, body: TaskMove, versions: Versions) -> Operation[Row]:
    """Move a task with its subtasks to another place, or among its siblings."""
    sent = {name: getattr(body, name) for name in _PLACE if name in body.model_fields_set}

    async def work(transaction: UserScope, reads: list[list[Row]], revision: int) -> Row:
        current = changes.checked(TYPE, reads[0], versions)
        place = resolve(_place_of(current), sent, reads[1][0])
        if place != _place_of(current):
            calls = [*_moving(task_id, place, reads[1][0]), changes.read_call(TYPE, task_id)]
            *_, [current] = await transaction.many(calls)
            log.info("task.moved", id=str(task_id))
            revision += reads[1][0]["size"]
            if not body.is_anchored:
                return current
        spot = Spot(TYPE, task_id, place._asdict(), body)
        return await place_at(transaction, spot, current, revision)

    reads = [changes.read_call(TYPE, task_id), facts_call(task_id, sent, [])]
    return Procedure(None, task_id, reads, work)


def delete_task(
    _: UserScope, task_id: UUID, options: DeleteOptions, versions: Versions
) -> Command[Row]:
    """Move a task with its subtasks to the trash, or delete them permanently."""
    return (ERASE if options.permanent else TRASH).of(task_id, versions)


def restore(
    _: UserScope, task_id: UUID, __: None, versions: Versions, ___: Settings
) -> Command[Row]:
    """Take a task out of the trash, with the subtasks that were deleted with it."""
    return RESTORE.of(task_id, versions)


def _update(
    scope: UserScope,
    task_id: UUID,
    sent: Mapping[str, Any],
    versions: Versions,
    *,
    is_patch: bool,
) -> Procedure[Row]:
    place_sent = {name: sent[name] for name in _PLACE if name in sent}
    label_ids = [*sent.get("label_ids", ()), *sent.get("add_label_ids", ())]

    async def work(transaction: UserScope, reads: list[list[Row]], __: int) -> Row:
        current, [facts] = changes.checked(TYPE, reads[0], versions), reads[1]
        place = resolve(_place_of(current), place_sent, facts)
        whole = _whole(current, sent, is_patch=is_patch)
        check_labels("add_label_ids" if "add_label_ids" in sent else "label_ids", label_ids, facts)
        is_turned = sent.get("is_completed", current["is_completed"]) != current["is_completed"]
        is_recurring = whole.get("recurrence", current["recurrence"]) is not None
        if is_turned and sent["is_completed"] and is_recurring:
            raise ValidationFailed.of(
                "body.is_completed",
                "Cannot be set on a recurring task: call complete, or clear recurrence",
                "contradiction",
            )
        is_alone = facts["size"] == 1 and place.parent_id is None and not current["occurrence_of"]
        if is_turned and is_alone:
            whole["is_completed"] = sent["is_completed"]  # there is nothing above or below
            is_turned = False
        calls: list[Call] = []
        if whole:
            command = changes.setting(TYPE, scope.user_id, task_id, whole, None)
            calls.append((command.statement, command.params))
        if "label_ids" in whole:
            labels = {"id": task_id, "label_ids": whole["label_ids"]}
            calls += [(_UNLABEL, labels), (_LABEL, labels)]
        if place != _place_of(current):
            calls += _moving(task_id, place, facts)
        if is_turned:
            # Reopening also changes the tasks above.
            check_count(facts["size"] + (0 if sent["is_completed"] else MAX_LEVELS - 1))
            if sent["is_completed"]:
                command = COMPLETE.of(task_id, None, completed_at=None)
            else:
                command = REOPEN.of(task_id, None)
            calls.append((command.statement, command.params))
        if not calls:
            return current
        *_, [row] = await transaction.many([*calls, changes.read_call(TYPE, task_id)])
        return row

    reads = [changes.read_call(TYPE, task_id), facts_call(task_id, place_sent, label_ids)]
    return Procedure("task.changed", task_id, reads, work)


def _whole(current: Row, sent: Mapping[str, Any], *, is_patch: bool) -> dict[str, Any]:
    """Return the new values of the fields that were sent, except for those of `_STAYING`."""
    own = {
        name: value for name, value in sent.items() if name in TYPE.fields and name not in _STAYING
    }
    whole = changes.merged(TYPE, current, own) if is_patch else dict(own)
    if "recurrence" in own or "due" in own:
        _set_recurrence(whole, current)
    if "add_label_ids" in sent or "remove_label_ids" in sent:
        if "label_ids" in sent:
            raise ValidationFailed.of(
                "body.label_ids",
                "Cannot be combined with add_label_ids or remove_label_ids",
                "contradiction",
            )
        removed = set(sent.get("remove_label_ids", ()))
        added = [*map(_uuid, current["label_ids"]), *sent.get("add_label_ids", ())]
        whole["label_ids"] = [one for one in dict.fromkeys(added) if one not in removed]
        if len(whole["label_ids"]) > MAX_LABELS:
            raise ValidationFailed.of(
                "body.add_label_ids", f"Must leave at most {MAX_LABELS} labels", "too_long"
            )
    return whole


def _set_recurrence(whole: dict[str, Any], current: Row) -> None:
    """Add the recurrence to a change: it needs a due date, and is cleared with it."""
    moments = {
        name: whole[name] if name in whole else _moment_of(current[name])
        for name in ("due", "start")
    }
    if "recurrence" in whole:
        whole["recurrence"] = changed(current, whole["recurrence"], **moments)
    elif moments["due"] is None and current["recurrence"] is not None:
        whole["recurrence"] = None


def _moment_of(shown: Any) -> Moment | None:
    return None if shown is None else Moment.model_validate(shown)


def _moving(task_id: UUID, place: Place, facts: Row) -> list[Call]:
    """The statements that move a task, with its subtasks, to the end of another place."""
    check_count(facts["size"])
    command = _PLACING.of(task_id, None, **place._asdict())
    below = {"id": task_id, "list_id": place.list_id, "section_id": place.section_id}
    return [(command.statement, command.params), (_MOVE_BELOW, below)]


_PLACING = changes.change(
    TYPE,
    "task.placed",
    lambda owner: {
        **{name: bindparam(name, type_=Uuid()) for name in _PLACE},
        "position": appended(owner.c.revision),
    },
)


def _place_of(task: Row) -> Place:
    return Place(*(None if task[name] is None else _uuid(task[name]) for name in _PLACE))


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
