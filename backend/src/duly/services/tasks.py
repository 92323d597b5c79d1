"""Tasks. Each function is one statement and one round trip, save where nothing was found."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Text,
    Uuid,
    bindparam,
    case,
    delete,
    exists,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import IdTaken, NotFound, Unauthenticated
from duly.core.logging import log
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Task
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskReplace
from duly.services.columns import TASK
from duly.services.revisions import next_revision
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

_EXPORT_PAGE = 500

_tasks = table_of(Task)

_ID = bindparam("id", type_=Uuid())
_TITLE = bindparam("title", type_=Text())
_DESCRIPTION = bindparam("description", type_=Text())
_IS_COMPLETED = bindparam("is_completed", type_=Boolean())

_THIS = (_tasks.c.user_id == USER_ID, _tasks.c.id == _ID)
_IS_OPEN = _tasks.c.completed_at.is_(None)
_IS_DONE = _tasks.c.completed_at.is_not(None)


def _create() -> OwnedStatement:
    owner = next_revision()
    values = {
        "user_id": USER_ID,
        "id": _ID,
        "title": _TITLE,
        "description": _DESCRIPTION,
        "completed_at": case((_IS_COMPLETED, owner.c.changed_at), else_=null()),
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
    }
    return owned(
        postgresql.insert(_tasks)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing()
        .returning(*TASK)
    )


@cache
def _update(fields: frozenset[str]) -> OwnedStatement:
    """Set the named fields of one task."""
    owner = next_revision(exists().where(*_THIS))
    values: dict[str, Any] = {
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
    }
    if "title" in fields:
        values["title"] = _TITLE
    if "description" in fields:
        values["description"] = _DESCRIPTION
    if "is_completed" in fields:
        # A task that is completed already keeps the time when it was.
        done_at = case((_IS_DONE, _tasks.c.completed_at), else_=owner.c.changed_at)
        values["completed_at"] = case((_IS_COMPLETED, done_at), else_=null())
    return owned(update(_tasks).where(*_THIS).values(values).returning(*TASK))


def _turn(before: ColumnElement[bool], completed: bool) -> OwnedStatement:
    """Complete or reopen a task that is not so already."""
    owner = next_revision(exists().where(*_THIS, before))
    return owned(
        update(_tasks)
        .where(*_THIS, before)
        .values(
            completed_at=owner.c.changed_at if completed else null(),
            updated_at=owner.c.changed_at,
            revision=owner.c.revision,
        )
        .returning(*TASK)
    )


def _delete() -> OwnedStatement:
    owner = next_revision(exists().where(*_THIS))
    return owned(
        delete(_tasks).where(*_THIS, owner.c.revision.is_not(None)).returning(_tasks.c.id)
    )


_CREATE = _create()
_READ = owned(select(*TASK).where(*_THIS))
_COMPLETE = _turn(_IS_OPEN, completed=True)
_REOPEN = _turn(_IS_DONE, completed=False)
_DELETE = _delete()
_AFTER = bindparam("after", type_=Uuid())
_EXPORT = owned(
    select(*TASK)
    # No id is before all others that a client may choose: the nil UUID is one of them.
    .where(_tasks.c.user_id == USER_ID, or_(_AFTER.is_(None), _tasks.c.id > _AFTER))
    .order_by(_tasks.c.id)
    .limit(_EXPORT_PAGE)
)


async def create(scope: UserScope, body: TaskCreate) -> Row:
    """Make a task. Raises `IdTaken` where the caller has one under the id that was sent."""
    task = await scope.one(
        _CREATE,
        id=body.id or new_id(),
        title=body.title,
        description=body.description,
        is_completed=body.is_completed,
    )
    if task is None:
        # Nothing was inserted: the id is taken, or the account has just gone.
        if body.id is not None and await scope.one(_READ, id=body.id) is not None:
            raise IdTaken
        raise Unauthenticated
    log.info("task.created", task_id=str(task["id"]))
    return task


async def read(scope: UserScope, task_id: UUID) -> Row:
    """One task of the caller's. Raises `NotFound`."""
    task = await scope.one(_READ, id=task_id)
    if task is None:
        raise NotFound
    return task


async def replace(scope: UserScope, task_id: UUID, body: TaskReplace) -> Row:
    """Set every field of a task. Raises `NotFound`."""
    return await _change(scope, task_id, body.model_dump())


async def patch(scope: UserScope, task_id: UUID, body: TaskPatch) -> Row:
    """Set the fields that were sent; without any, nothing changes. Raises `NotFound`."""
    changes = body.changes()
    return await _change(scope, task_id, changes) if changes else await read(scope, task_id)


async def complete(scope: UserScope, task_id: UUID) -> Row:
    """Complete a task; one that is completed stays as it is. Raises `NotFound`."""
    return await _turned(scope, task_id, _COMPLETE, "task.completed")


async def reopen(scope: UserScope, task_id: UUID) -> Row:
    """Reopen a task; one that is open stays as it is. Raises `NotFound`."""
    return await _turned(scope, task_id, _REOPEN, "task.reopened")


async def remove(scope: UserScope, task_id: UUID) -> None:
    """Delete a task. Raises `NotFound`."""
    if await scope.one(_DELETE, id=task_id) is None:
        raise NotFound
    log.info("task.deleted", task_id=str(task_id))


async def everything(scope: UserScope) -> AsyncIterator[list[Row]]:
    """All tasks of the caller, in pages by id; no connection is held between them."""
    after: UUID | None = None
    while page := await scope.all(_EXPORT, after=after):
        yield page
        after = page[-1]["id"]


async def _change(scope: UserScope, task_id: UUID, changes: dict[str, Any]) -> Row:
    task = await scope.one(_update(frozenset(changes)), id=task_id, **changes)
    if task is None:
        raise NotFound
    log.info("task.changed", task_id=str(task_id), fields=sorted(changes))
    return task


async def _turned(scope: UserScope, task_id: UUID, statement: OwnedStatement, event: str) -> Row:
    task = await scope.one(statement, id=task_id)
    if task is None:
        return await read(scope, task_id)
    log.info(event, task_id=str(task_id))
    return task
