"""Completing, skipping and reopening tasks, recurring ones included."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Integer,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    null,
    select,
)

from duly.core.config import Settings
from duly.core.errors import PreconditionFailed, ValidationFailed
from duly.core.logging import log
from duly.database.pool import Row
from duly.database.scope import Call, UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.models import TaskLabel, User
from duly.records import changes, commands
from duly.records.cascades import changing_all
from duly.records.changes import Versions
from duly.records.commands import Operation, Procedure
from duly.records.revisions import check_count, next_revision
from duly.records.types import ID
from duly.recurrence import occurrences
from duly.recurrence.occurrences import Recurrence as State
from duly.recurrence.zones import local_date
from duly.schemas.tasks import Completion, Skip, TaskCreate
from duly.schemas.times import Moment
from duly.services.task_recurrence import recurring
from duly.services.task_trees import COMPLETE, COMPLETE_WHOLE, ERASE, REOPEN, tree_of
from duly.services.task_type import TYPE, Recurring, done_at
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

_tasks = TYPE.table
_users, _task_labels = table_of(User), table_of(TaskLabel)

_CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much a client's clock may be ahead."""

_MAX_COMPLETED = 1_000
"""Completed occurrences in the future that are looked at: as many as COUNT can be."""

_COPY_ID = bindparam("copy_id", type_=Uuid())
_TOGETHER = bindparam("together", type_=BigInteger())


def complete(
    _: UserScope,
    task_id: UUID,
    body: Completion | None,
    versions: Versions,
    settings: Settings,
) -> Operation[Row]:
    """Complete a task and its open subtasks, or move a recurring task on.

    A recurring task needs its `occurrence`: one that is over changes nothing, a later one raises
    `PreconditionFailed`, and none `ValidationFailed`. Moving on leaves a completed copy, unless the
    user has as many tasks as allowed.
    """
    at = past(body.completed_at if body else None)
    if body is None or body.occurrence is None:
        return COMPLETE.of(task_id, versions, completed_at=at)
    sent = body.occurrence

    async def work(transaction: UserScope, reads: list[list[Row]], __: int) -> Row:
        task, facts = changes.checked(TYPE, reads[0], versions), reads[1][0]
        current = recurring(task)
        if current is None or task["is_completed"]:
            whole = COMPLETE.of(task_id, None, completed_at=at)
            return await commands.run(transaction, whole)
        if not _is_current(sent, current.state, facts):
            return task
        today, completed_on = _days(task, facts, at)
        after = occurrences.complete(
            current.state,
            today=today,
            completed_on=completed_on,
            completed=set(facts["completed"]),
        )
        if after is None:
            whole = COMPLETE_WHOLE.of(task_id, None, completed_at=at)
            return await commands.run(transaction, whole)
        copying = {
            "id": task_id,
            "copy_id": new_id(),
            "completed_at": at,
            "together": facts["revision"] + 1,
            "limit": settings.max_tasks,
        }
        calls: list[Call] = [(_COPY, copying), (_COPY_LABELS, copying)]
        moved = Recurring(current.text, after)
        return await _move_on(transaction, task, facts, moved, calls)

    reads = [changes.read_call(TYPE, task_id), _facts_call(task_id, at)]
    return Procedure(None, task_id, reads, work)


def skip(
    _: UserScope, task_id: UUID, body: Skip, versions: Versions, ___: Settings
) -> Operation[Row]:
    """Move a recurring task on without a completed copy; see `complete`."""

    async def work(transaction: UserScope, reads: list[list[Row]], __: int) -> Row:
        task, facts = changes.checked(TYPE, reads[0], versions), reads[1][0]
        current = recurring(task)
        if current is None:
            raise ValidationFailed.of(
                "body.occurrence", "Can only be sent for a recurring task", "contradiction"
            )
        if task["is_completed"] or not _is_current(body.occurrence, current.state, facts):
            return task
        today = _days(task, facts, None)[0]
        completed = set(facts["completed"])
        after = occurrences.skip(current.state, today=today, completed=completed)
        if after is None:
            whole = COMPLETE_WHOLE.of(task_id, None, completed_at=None)
            return await commands.run(transaction, whole)
        moved = Recurring(current.text, after)
        return await _move_on(transaction, task, facts, moved, [])

    reads = [changes.read_call(TYPE, task_id), _facts_call(task_id, None)]
    return Procedure(None, task_id, reads, work)


def reopen(
    _: UserScope, task_id: UUID, ___: None, versions: Versions, ____: Settings
) -> Operation[Row]:
    """Open a task, the tasks above it, and the subtasks that were completed with it.

    For the newest completed occurrence of a recurring task, undo the completion: delete the copy,
    move what is below it to its parent, and return the task with its former dates.
    """

    async def work(transaction: UserScope, reads: list[list[Row]], __: int) -> Row:
        copy, series = changes.checked(TYPE, reads[0], versions), reads[1]
        if not copy["is_completed"] or not series:
            return await commands.run(transaction, REOPEN.of(task_id, None))
        [task] = series
        current = recurring(task)
        assert current is not None
        check_count(task.pop("size") + 1)
        due, start = _former_moments(task, copy)
        before = occurrences.reopen(
            current.state, copy["occurrence"], due.date, None if start is None else start.date
        )
        whole = {"recurrence": Recurring(current.text, before), "due": due, "start": start}
        back = changes.setting(TYPE, transaction.user_id, task["id"], whole, None)
        erase = ERASE.of(task_id, None)
        calls: list[Call] = [
            (_MOVE_UP, {"id": task_id}),
            (_COMPLETE_AGAIN, {"id": task["id"], "copy_id": task_id}),
            (back.statement, back.params),
            (erase.statement, erase.params),
            changes.read_call(TYPE, task["id"]),
        ]
        *_, [row] = await transaction.many(calls)
        log.info("task.occurrence_reopened", id=str(task["id"]))
        return row

    reads = [changes.read_call(TYPE, task_id), (_SERIES, {"copy_id": task_id})]
    return Procedure(None, task_id, reads, work)


def _former_moments(task: Row, copy: Row) -> tuple[Moment, Moment | None]:
    """The due date and the start of a task before the completion that `copy` records."""
    if copy["due"] is None:  # cleared since
        due = Moment.model_validate(task["due"])
        return due.model_copy(update={"date": copy["occurrence"]}), None
    start = copy["start"] and Moment.model_validate(copy["start"])
    return Moment.model_validate(copy["due"]), start


def completion_of(body: TaskCreate) -> dict[str, Any]:
    """Whether a new task is completed, or the time at which it was."""
    if body.completed_at is None:
        return {"is_completed": body.is_completed}
    if "is_completed" in body.model_fields_set and not body.is_completed:
        raise ValidationFailed.of(
            "body.completed_at", "Cannot be set if is_completed is false", "contradiction"
        )
    return {"is_completed": past(body.completed_at)}


def past(at: datetime | None) -> datetime | None:
    """Return a time that is not in the future. Raise `ValidationFailed` for any other."""
    now = datetime.now(UTC)
    if at is not None and at > now + _CLOCK_TOLERANCE:
        raise ValidationFailed.of("body.completed_at", "Must not be in the future", "future")
    return at if at is None else min(at, now)


def _is_current(sent: date, state: State, facts: Row) -> bool:
    """Whether the occurrence is the current one. Raise `PreconditionFailed` if it is still to come."""
    if sent > state.occurrence and sent not in facts["completed"]:
        raise PreconditionFailed(
            message="The task's current occurrence is earlier than the one that was sent."
        )
    return sent == state.occurrence


def _days(task: Row, facts: Row, at: datetime | None) -> tuple[date, date | None]:
    """Today, and the day of completion, in the zone of the due date or of the user."""
    zone = task["due"]["timezone"] or facts["timezone"]
    today = local_date(datetime.now(UTC), zone)
    return today, None if at is None else local_date(at, zone)


async def _move_on(
    transaction: UserScope,
    task: Row,
    facts: Row,
    after: Recurring,
    calls: Sequence[Call],
) -> Row:
    """Run `calls`, then open the subtasks and set the next date."""
    check_count(facts["size"] + 1)
    due = Moment.model_validate(task["due"]).model_copy(update={"date": after.state.due})
    start = task["start"] and Moment.model_validate(task["start"]).model_copy(
        update={"date": after.state.start}
    )
    whole = {"recurrence": after, "due": due, "start": start}
    move = changes.setting(TYPE, transaction.user_id, task["id"], whole, None)
    opening = {"id": task["id"], "together": facts["revision"] + 1}
    *_, [row] = await transaction.many(
        [
            *calls,
            (_OPEN_BELOW, opening),
            (move.statement, move.params),
            changes.read_call(TYPE, task["id"]),
        ]
    )
    log.info("task.moved_on", id=str(task["id"]))
    return row


_FRESH = {
    "id",
    "created_at",
    "updated_at",
    "revision",
    "creation_hash",
    "completed_at",
    "completed_with",
    "trashed_at",
    "trashed_with",
    "occurrence_of",
    "occurrence",
    "reset_at",
    "reset_with",
}
"""Columns that a completed occurrence does not copy from its task, besides the recurrence."""


def _copying() -> OwnedStatement:
    """Insert the completed occurrence, unless the quota is reached."""
    limit = bindparam("limit", type_=Integer())
    counter = TYPE.counter
    owner = next_revision(counter < limit, **{counter.name: counter + 1})
    new: Mapping[str, Any] = {
        "id": _COPY_ID,
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
        "completed_at": done_at(owner),
        "completed_with": _TOGETHER,
        "occurrence_of": ID,
    }
    original = _tasks.alias("original")
    kept = {
        column.name: original.c[column.name]
        for column in _tasks.c
        if column.name not in _FRESH and not column.name.startswith("recurrence_")
    }
    values = {**kept, **new, "user_id": USER_ID, "occurrence": original.c.recurrence_occurrence}
    source: Select[Any] = select(*values.values()).where(
        original.c.user_id == USER_ID, original.c.id == ID, owner.c.revision.is_not(None)
    )
    return owned_change(insert(_tasks).from_select(list(values), source).returning(_tasks.c.id))


def _copying_labels() -> OwnedStatement:
    copy = _tasks.alias("copy")
    source = select(USER_ID, copy.c.id, func.unnest(copy.c.label_ids, type_=Uuid())).where(
        copy.c.user_id == USER_ID, copy.c.id == _COPY_ID
    )
    return owned(insert(_task_labels).from_select(["user_id", "task_id", "label_id"], source))


def _facts_call(task_id: UUID, completed_at: datetime | None) -> Call:
    # Earlier ones can't be next. A day more than any time zone is off.
    since = (completed_at or datetime.now(UTC)).date() - timedelta(days=2)
    return _FACTS, {"id": task_id, "since": since}


def _facts() -> OwnedStatement:
    """The owner's time zone and revision, the size of a task's tree, its completed occurrences."""
    tree = tree_of(TYPE.is_named)
    size = select(func.count()).select_from(tree).scalar_subquery()
    copy = _tasks.alias("copy")
    newest = (
        select(copy.c.occurrence)
        .where(
            copy.c.user_id == USER_ID,
            copy.c.occurrence_of == ID,
            copy.c.occurrence >= bindparam("since", type_=Date()),
        )
        .order_by(copy.c.occurrence)
        .limit(_MAX_COMPLETED)
    )
    completed = func.array(newest.scalar_subquery(), type_=ARRAY(Date()))
    columns = (_users.c.timezone, _users.c.revision, size.label("size"))
    return owned(select(*columns, completed.label("completed")).where(_users.c.id == USER_ID))


def _series() -> OwnedStatement:
    """The open recurring task whose newest completed occurrence is `:copy_id`, and its size."""
    later = _tasks.alias("later")
    original = _of_copy("occurrence_of")
    tree = tree_of(_tasks.c.user_id == USER_ID, _tasks.c.id == original)
    size = select(func.count()).select_from(tree).scalar_subquery()
    is_newest = ~exists().where(
        later.c.user_id == USER_ID,
        later.c.occurrence_of == original,
        later.c.created_at > _of_copy("created_at"),
        later.c.trashed_at.is_(None),
    )
    return owned(
        select(*TYPE.shown, size.label("size")).where(
            _tasks.c.user_id == USER_ID,
            _tasks.c.id == original,
            TYPE.is_live,
            _tasks.c.completed_at.is_(None),
            _tasks.c.recurrence_rule.is_not(None),
            is_newest,
        )
    )


def _of_copy(name: str) -> Any:
    """A column of the completed occurrence. Not joined, so that it is looked up by its key."""
    copy = _tasks.alias("copy")
    found = select(copy.c[name]).where(copy.c.user_id == USER_ID, copy.c.id == _COPY_ID)
    return found.scalar_subquery()


def _opening_below() -> OwnedStatement:
    """Open the completed subtasks, and remember when they were completed.

    Completed occurrences of recurring subtasks stay as they are, with all that is below them.
    """
    tree = tree_of(TYPE.is_named, below=lambda child: child.c.occurrence_of.is_(None))
    targets = select(tree.c.id).where(
        tree.c.level > 1, tree.c.trashed_at.is_(None), tree.c.completed_at.is_not(None)
    )
    return changing_all(
        TYPE,
        targets,
        lambda _: {
            "completed_at": null(),
            "completed_with": null(),
            "reset_at": _tasks.c.completed_at,
            "reset_with": _TOGETHER,
        },
    )


def _completing_again() -> OwnedStatement:
    """Complete the subtasks that were completed before the copy was made, if they are open."""
    tree, below = tree_of(TYPE.is_named), _tasks.alias("below")
    targets = (
        select(tree.c.id)
        .join(below, (below.c.user_id == USER_ID) & (below.c.id == tree.c.id))
        .where(
            tree.c.trashed_at.is_(None),
            tree.c.completed_at.is_(None),
            below.c.reset_with == _of_copy("completed_with"),
        )
    )
    return changing_all(
        TYPE,
        targets,
        lambda owner: {
            "completed_at": _tasks.c.reset_at,
            "completed_with": owner.c.revision,
            "reset_at": null(),
            "reset_with": null(),
        },
    )


def _moving_up() -> OwnedStatement:
    """Move what is directly below a task to where that task is, the trash included."""
    named = _tasks.alias("named")
    above = select(named.c.parent_id).where(named.c.user_id == USER_ID, named.c.id == ID)
    targets = select(_tasks.c.id).where(_tasks.c.user_id == USER_ID, _tasks.c.parent_id == ID)
    return changing_all(TYPE, targets, lambda _: {"parent_id": above.scalar_subquery()})


_COPY = _copying()
_COPY_LABELS = _copying_labels()
_FACTS = _facts()
_SERIES = _series()
_OPEN_BELOW = _opening_below()
_MOVE_UP = _moving_up()
_COMPLETE_AGAIN = _completing_again()
