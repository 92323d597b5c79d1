"""Tasks. Each function is one statement and one round trip, save where nothing was found."""

from collections.abc import AsyncIterator, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    LargeBinary,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import IdTaken, NotFound, PreconditionFailed, Unauthenticated
from duly.core.logging import log
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Task
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskReplace
from duly.services import nouns, tombstones
from duly.services.columns import TASK
from duly.services.revisions import next_revision, next_revision_of
from duly.utils.encoding import encode
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

Versions = Sequence[int] | None
"""What `If-Match` names; None where any version will do."""

_EXPORT_PAGE = 500

_tasks = table_of(Task)

_ID = bindparam("id", type_=Uuid())
_TITLE = bindparam("title", type_=Text())
_DESCRIPTION = bindparam("description", type_=Text())
_IS_COMPLETED = bindparam("is_completed", type_=Boolean())
_VERSIONS = bindparam("versions", type_=ARRAY(BigInteger()))

_MINE = and_(_tasks.c.user_id == USER_ID, _tasks.c.id == _ID)
# Decided inside the statement that writes: who comes too late changes nothing.
_EXPECTED = or_(_VERSIONS.is_(None), _tasks.c.revision == any_(_VERSIONS))
_IS_OPEN = _tasks.c.completed_at.is_(None)
_IS_DONE = _tasks.c.completed_at.is_not(None)
_IS_LIVE = _tasks.c.trashed_at.is_(None)
_IS_TRASHED = _tasks.c.trashed_at.is_not(None)


def _create(*, own_id: bool) -> OwnedStatement:
    # An id that is taken already takes no number, either.
    owner = next_revision(~exists().where(_MINE)) if own_id else next_revision()
    values = {
        "user_id": USER_ID,
        "id": _ID,
        "title": _TITLE,
        "description": _DESCRIPTION,
        "completed_at": case((_IS_COMPLETED, owner.c.changed_at), else_=null()),
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
        "creation_hash": bindparam("creation_hash", type_=LargeBinary()),
    }
    return owned(
        postgresql.insert(_tasks)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing()
        .returning(*TASK)
    )


def _write(this: ColumnElement[bool], values: dict[str, Any]) -> OwnedStatement:
    """Change one task, if it is as `this` and as expected; `values` may refer to `owner`."""
    owner = next_revision_of(_tasks, _MINE, this, _EXPECTED)
    taken = {"revision": owner.c.revision, "updated_at": owner.c.changed_at}
    given = {name: value(owner) if callable(value) else value for name, value in values.items()}
    return owned(
        update(_tasks).where(_MINE, this, _EXPECTED).values({**taken, **given}).returning(*TASK)
    )


def _completed_at(owner: Any) -> ColumnElement[Any]:
    # A task that is completed already keeps the time when it was.
    done_at = case((_IS_DONE, _tasks.c.completed_at), else_=owner.c.changed_at)
    return case((_IS_COMPLETED, done_at), else_=null())


def _now(owner: Any) -> ColumnElement[Any]:
    changed_at: ColumnElement[Any] = owner.c.changed_at
    return changed_at


@cache
def _update(fields: frozenset[str]) -> OwnedStatement:
    """Set the named fields of one task."""
    settable = {
        "title": _TITLE,
        "description": _DESCRIPTION,
        "is_completed": _completed_at,
    }
    columns = {"is_completed": "completed_at"}
    return _write(_IS_LIVE, {columns.get(name, name): settable[name] for name in fields})


_CREATE = _create(own_id=False)
_CREATE_UNDER_ID = _create(own_id=True)
_READ = owned(select(*TASK).where(_MINE, _IS_LIVE))
_READ_CREATED = owned(select(*TASK, _tasks.c.creation_hash).where(_MINE, _IS_LIVE))
_COMPLETE = _write(and_(_IS_LIVE, _IS_OPEN), {"completed_at": _now})
_REOPEN = _write(and_(_IS_LIVE, _IS_DONE), {"completed_at": null()})
# Lying in the trash is no change of the task itself: its `updated_at` stays.
_TRASH = _write(_IS_LIVE, {"trashed_at": _now, "updated_at": _tasks.c.updated_at})
_RESTORE = _write(_IS_TRASHED, {"trashed_at": null(), "updated_at": _tasks.c.updated_at})
_ERASE = tombstones.erase(nouns.TASKS, _MINE, _EXPECTED)
_EXISTS = owned(select(_tasks.c.id, _IS_LIVE.label("is_live")).where(_MINE))
_AFTER = bindparam("after", type_=Uuid())
_EXPORT = owned(
    select(*TASK)
    .where(
        _tasks.c.user_id == USER_ID,
        # No id is before all others that a client may choose: the nil UUID is one of them.
        or_(_AFTER.is_(None), _tasks.c.id > _AFTER),
        bindparam("trashed", type_=Boolean()) == _IS_TRASHED,
    )
    .order_by(_tasks.c.id)
    .limit(_EXPORT_PAGE)
)


def creation_hash(body: TaskCreate) -> bytes | None:
    """What tells the same create under the client's own id from another one."""
    if body.id is None:
        return None
    return sha256(encode(body.model_dump(exclude={"id"}))).digest()


async def create(scope: UserScope, body: TaskCreate) -> tuple[Row, bool]:
    """Make a task; tells whether it was made now, or is there from the same create before.

    Raises `IdTaken` where the caller has another one under the id that was sent.
    """
    task = await scope.one(
        _CREATE if body.id is None else _CREATE_UNDER_ID,
        **body.model_dump(exclude={"id"}),
        id=body.id or new_id(),
        creation_hash=creation_hash(body),
    )
    if task is not None:
        log.info("task.created", task_id=str(task["id"]))
        return task, True
    # Nothing was inserted: the id is taken, or the account has just gone.
    found = body.id and await scope.one(_READ_CREATED, id=body.id)
    if found and found.pop("creation_hash") == creation_hash(body):
        return found, False
    if found or (body.id and await scope.one(_EXISTS, id=body.id)):
        raise IdTaken
    raise Unauthenticated


async def read(scope: UserScope, task_id: UUID) -> Row:
    """One task of the caller's. Raises `NotFound`."""
    task = await scope.one(_READ, id=task_id)
    if task is None:
        raise NotFound
    return task


async def replace(scope: UserScope, task_id: UUID, body: TaskReplace, versions: Versions) -> Row:
    """Set every field of a task. Raises `NotFound` or `PreconditionFailed`."""
    return await _change(scope, task_id, body.model_dump(), versions)


async def patch(scope: UserScope, task_id: UUID, body: TaskPatch, versions: Versions) -> Row:
    """Set the fields that were sent; without any, nothing changes.

    Raises `NotFound` or `PreconditionFailed`.
    """
    changes = body.changes()
    if changes:
        return await _change(scope, task_id, changes, versions)
    return await _unchanged(scope, task_id, versions)


async def complete(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Complete a task; one that is completed stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    return await _turn(scope, task_id, _COMPLETE, versions, "task.completed")


async def reopen(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Reopen a task; one that is open stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    return await _turn(scope, task_id, _REOPEN, versions, "task.reopened")


async def trash(scope: UserScope, task_id: UUID, versions: Versions) -> None:
    """Move a task to the trash. Raises `NotFound` or `PreconditionFailed`."""
    if await scope.one(_TRASH, id=task_id, versions=versions) is None:
        await _refuse(scope, task_id)
    log.info("task.deleted", task_id=str(task_id))


async def restore(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Take a task out of the trash; one that is not in it stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    task = await scope.one(_RESTORE, id=task_id, versions=versions)
    if task is not None:
        log.info("task.restored", task_id=str(task_id))
        return task
    if await scope.one(_EXISTS, id=task_id) is None:
        raise NotFound
    return await _unchanged(scope, task_id, versions)


async def erase(scope: UserScope, task_id: UUID, versions: Versions) -> None:
    """Delete a task for good, in the trash or not. Raises `NotFound` or `PreconditionFailed`."""
    if await scope.one(_ERASE, id=task_id, versions=versions) is None:
        if await scope.one(_EXISTS, id=task_id) is None:
            raise NotFound
        raise PreconditionFailed
    log.info("task.erased", task_id=str(task_id))


async def everything(scope: UserScope, *, trashed: bool) -> AsyncIterator[list[Row]]:
    """All tasks of the caller, in pages by id; no connection is held between them."""
    after: UUID | None = None
    while page := await scope.all(_EXPORT, after=after, trashed=trashed):
        yield page
        after = page[-1]["id"]


async def _change(
    scope: UserScope, task_id: UUID, changes: dict[str, Any], versions: Versions
) -> Row:
    statement = _update(frozenset(changes))
    task = await scope.one(statement, id=task_id, versions=versions, **changes)
    if task is None:
        await _refuse(scope, task_id)
    log.info("task.changed", task_id=str(task_id), fields=sorted(changes))
    return task


async def _turn(
    scope: UserScope, task_id: UUID, statement: OwnedStatement, versions: Versions, event: str
) -> Row:
    task = await scope.one(statement, id=task_id, versions=versions)
    if task is None:
        return await _unchanged(scope, task_id, versions)
    log.info(event, task_id=str(task_id))
    return task


async def _unchanged(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """A task that is to stay as it is, if it is as expected."""
    task = await read(scope, task_id)
    if versions is not None and task["version"] not in versions:
        raise PreconditionFailed
    return task


async def _refuse(scope: UserScope, task_id: UUID) -> NoReturn:
    """Tell why a write changed nothing: there is no such task, or it is not as expected."""
    await read(scope, task_id)
    raise PreconditionFailed
