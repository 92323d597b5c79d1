"""Completing, skipping and reopening tasks, recurring ones included."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from duly.core.config import Settings
from duly.core.errors import PreconditionFailed, ValidationFailed
from duly.core.logging import log
from duly.database.scope import Call, UserScope
from duly.database.values import Row
from duly.records import changes, commands
from duly.records.commands import FastPath, Operation, Procedure
from duly.records.revisions import check_count
from duly.records.versions import Versions
from duly.recurrence import occurrences
from duly.recurrence.occurrences import Recurrence as State
from duly.recurrence.zones import local_date
from duly.schemas.tasks import Completion, Skip, TaskCreate
from duly.schemas.times import Moment
from duly.services.task_occurrences import (
    COMPLETE_AGAIN,
    COPY,
    COPY_LABELS,
    MOVE_UP,
    OPEN_BELOW,
    SERIES,
    facts_call,
)
from duly.services.task_recurrence import recurring
from duly.services.task_trees import (
    COMPLETE,
    COMPLETE_ONE,
    COMPLETE_WHOLE,
    ERASE,
    REOPEN,
    REOPEN_ONE,
)
from duly.services.task_type import TYPE, Recurring
from duly.utils.identifiers import new_id

_CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much a client's clock may be ahead."""


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
        completed = set(facts["completed"])
        is_current = current is None or _is_current(sent, current.state, completed)
        if task["is_completed"] or not is_current:
            return task
        if current is None:
            whole = COMPLETE.of(task_id, None, completed_at=at)
            return await commands.run(transaction, whole)
        completed_on = _local_day(task, facts, at or datetime.now(UTC))
        after = occurrences.complete(current.state, completed_on=completed_on, completed=completed)
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
        calls: list[Call] = [(COPY, copying), (COPY_LABELS, copying)]
        moved = Recurring(current.text, after)
        return await _move_on(transaction, task, facts, moved, calls)

    reads = [changes.read_call(TYPE, task_id), facts_call(task_id, at)]
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
        completed = set(facts["completed"])
        if not _is_current(body.occurrence, current.state, completed) or task["is_completed"]:
            return task
        today = _local_day(task, facts, datetime.now(UTC))
        after = occurrences.skip(current.state, today=today, completed=completed)
        if after is None:
            whole = COMPLETE_WHOLE.of(task_id, None, completed_at=None)
            return await commands.run(transaction, whole)
        moved = Recurring(current.text, after)
        return await _move_on(transaction, task, facts, moved, [])

    reads = [changes.read_call(TYPE, task_id), facts_call(task_id, None)]
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
            (MOVE_UP, {"id": task_id}),
            (COMPLETE_AGAIN, {"id": task["id"], "copy_id": task_id}),
            (back.statement, back.params),
            (erase.statement, erase.params),
            changes.read_call(TYPE, task["id"]),
        ]
        *_, [row] = await transaction.many(calls)
        log.info("task.occurrence_reopened", id=str(task["id"]))
        return row

    reads = [changes.read_call(TYPE, task_id), (SERIES, {"copy_id": task_id})]
    return Procedure(None, task_id, reads, work)


def fast_completion(body: Completion | None, versions: Versions) -> FastPath | None:
    """The fast path of `complete`, for a task without subtasks that is not recurring."""
    if body is not None and body.occurrence is not None:
        return None  # it is recurring, as far as the client knows
    at = past(body.completed_at if body else None)
    return FastPath("task.completed", COMPLETE_ONE, {"versions": versions, "completed_at": at})


def fast_reopening(versions: Versions) -> FastPath:
    """The fast path of `reopen`, for a task without subtasks and parent that is no occurrence."""
    return FastPath("task.reopened", REOPEN_ONE, {"versions": versions})


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


def _is_current(sent: date, state: State, completed: Collection[date]) -> bool:
    """Whether the occurrence is the current one. Raise `PreconditionFailed` if it is still to come."""
    if sent > state.occurrence and sent not in completed:
        raise PreconditionFailed(
            message="The task's current occurrence is earlier than the one that was sent."
        )
    return sent == state.occurrence


def _local_day(task: Row, facts: Row, at: datetime) -> date:
    """The day of a time in the zone of the due date, or else of the user."""
    return local_date(at, task["due"]["timezone"] or facts["timezone"])


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
            (OPEN_BELOW, opening),
            (move.statement, move.params),
            changes.read_call(TYPE, task["id"]),
        ]
    )
    log.info("task.moved_on", id=str(task["id"]))
    return row
