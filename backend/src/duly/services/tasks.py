"""Tasks. Each function is one statement and one round trip, save where nothing was found."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any
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
    cast,
    exists,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import IdTaken, NotFound, PreconditionFailed
from duly.core.logging import log
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Task
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskReplace
from duly.services import nouns, tombstones
from duly.services.columns import TASK
from duly.services.revisions import (
    check_active,
    check_quota,
    next_revision_for_new,
    next_revision_of,
)
from duly.utils.encoding import encode
from duly.utils.identifiers import new_id
from duly.utils.search import description_vector, title_vector
from duly.utils.tables import table_of

Versions = Sequence[int] | None
"""What `If-Match` names; None where any version will do."""

_EXPORT_PAGE = 50

_tasks = table_of(Task)

_ID = bindparam("id", type_=Uuid())
_TITLE = bindparam("title", type_=Text())
_DESCRIPTION = bindparam("description", type_=Text())
_TITLE_WORDS = cast(bindparam("title_words", type_=Text()), postgresql.TSVECTOR)
_DESCRIPTION_WORDS = cast(bindparam("description_words", type_=Text()), postgresql.TSVECTOR)
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
    # An id that is taken already takes no number. One taken at the same moment is a conflict, and
    # undoes the statement: the task would have been counted.
    conditions = [~exists().where(_MINE)] if own_id else []
    owner = next_revision_for_new(nouns.TASKS, *conditions)
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
        "title_words": _TITLE_WORDS,
        "description_words": _DESCRIPTION_WORDS,
    }
    return owned(
        postgresql.insert(_tasks)
        .from_select(list(values), select(*values.values()))
        .returning(*TASK)
    )


def _write(this: ColumnElement[bool], values: dict[str, Any]) -> OwnedStatement:
    """Change one task, if it is as `this` and as expected; `values` may refer to `owner`."""
    owner = next_revision_of(nouns.TASKS, _MINE, this, _EXPECTED)
    taken = {"revision": owner.c.revision, "updated_at": owner.c.changed_at}
    given = {name: value(owner) if callable(value) else value for name, value in values.items()}
    return owned(
        update(_tasks).where(_MINE, this, _EXPECTED).values({**taken, **given}).returning(*TASK)
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """A kind of change. Of a task that is so already, `is_needless` says so, and it stays."""

    event: str
    statement: OwnedStatement
    finds_trashed: bool = False
    is_needless: Callable[[Row], bool] = lambda _: False


def _completed_at(owner: Any) -> ColumnElement[Any]:
    # A task that is completed already keeps the time when it was.
    done_at = case((_IS_DONE, _tasks.c.completed_at), else_=owner.c.changed_at)
    return case((_IS_COMPLETED, done_at), else_=null())


def _now(owner: Any) -> ColumnElement[Any]:
    changed_at: ColumnElement[Any] = owner.c.changed_at
    return changed_at


@cache
def _update(fields: frozenset[str]) -> _Change:
    """Set the named fields of one task."""
    settable: dict[str, dict[str, Any]] = {
        "title": {"title": _TITLE, "title_words": _TITLE_WORDS},
        "description": {"description": _DESCRIPTION, "description_words": _DESCRIPTION_WORDS},
        "is_completed": {"completed_at": _completed_at},
    }
    values = {name: value for field in fields for name, value in settable[field].items()}
    return _Change("task.changed", _write(_IS_LIVE, values))


_CREATE = _create(own_id=False)
_CREATE_UNDER_ID = _create(own_id=True)
_IS_SAME = _tasks.c.creation_hash == bindparam("creation_hash", type_=LargeBinary())
_READ_CREATED = owned(select(*TASK, and_(_IS_LIVE, _IS_SAME).label("is_same")).where(_MINE))
_READ = owned(select(*TASK).where(_MINE, _IS_LIVE))
_READ_ANY = owned(select(*TASK, _IS_LIVE.label("is_live")).where(_MINE))

_COMPLETE = _Change(
    "task.completed",
    _write(and_(_IS_LIVE, _IS_OPEN), {"completed_at": _now}),
    is_needless=lambda task: bool(task["is_completed"]),
)
_REOPEN = _Change(
    "task.reopened",
    _write(and_(_IS_LIVE, _IS_DONE), {"completed_at": null()}),
    is_needless=lambda task: not task["is_completed"],
)
# Lying in the trash is no change of the task itself: its `updated_at` stays.
_TRASH = _Change(
    "task.deleted", _write(_IS_LIVE, {"trashed_at": _now, "updated_at": _tasks.c.updated_at})
)
_RESTORE = _Change(
    "task.restored",
    _write(_IS_TRASHED, {"trashed_at": null(), "updated_at": _tasks.c.updated_at}),
    finds_trashed=True,
    is_needless=lambda task: bool(task["is_live"]),
)
_ERASE = _Change(
    "task.erased", tombstones.erase(nouns.TASKS, _MINE, _EXPECTED), finds_trashed=True
)
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
    # Without defaults: a field that is added some day must not make another create of this one.
    return sha256(encode(body.model_dump(exclude={"id"}, exclude_defaults=True))).digest()


async def create(scope: UserScope, body: TaskCreate, limit: int) -> tuple[Row, bool]:
    """Create a task, and return it and True; False if the same create was done before.

    Raises `IdTaken` if the caller has another task under the id that was sent, `QuotaExceeded` at
    `limit` tasks, and psycopg's `UniqueViolation` if another request has taken the id at the same
    moment: then nothing was done, and the caller starts over.
    """
    this = {"id": body.id or new_id(), "creation_hash": creation_hash(body)}
    values = {**_with_words(scope, body.model_dump()), **this, "limit": limit}
    statement = _CREATE if body.id is None else _CREATE_UNDER_ID
    while (task := await scope.one(statement, **values)) is None:
        # The id is taken, the quota is reached, or the account has just been deleted.
        found = await scope.one(_READ_CREATED, **this)
        if found is None:
            await check_quota(scope, nouns.TASKS, limit)
            continue  # the id or the quota has just become free
        if not found.pop("is_same"):
            raise IdTaken
        return found, False
    log.info("task.created", task_id=str(task["id"]))
    return task, True


async def read(scope: UserScope, task_id: UUID) -> Row:
    """One task of the caller's. Raises `NotFound`."""
    task = await scope.one(_READ, id=task_id)
    if task is None:
        raise NotFound
    return task


async def replace(scope: UserScope, task_id: UUID, body: TaskReplace, versions: Versions) -> Row:
    """Set every field of a task. Raises `NotFound` or `PreconditionFailed`."""
    return await _change(scope, task_id, versions, **body.model_dump())


async def patch(scope: UserScope, task_id: UUID, body: TaskPatch, versions: Versions) -> Row:
    """Set the fields that were sent; without any, nothing changes.

    Raises `NotFound` or `PreconditionFailed`.
    """
    changes = body.changes()
    if changes:
        return await _change(scope, task_id, versions, **changes)
    return _expected(await read(scope, task_id), versions)


async def complete(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Complete a task; one that is completed stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    return await _carry_out(_COMPLETE, scope, task_id, versions)


async def reopen(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Reopen a task; one that is open stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    return await _carry_out(_REOPEN, scope, task_id, versions)


async def trash(scope: UserScope, task_id: UUID, versions: Versions) -> None:
    """Move a task to the trash. Raises `NotFound` or `PreconditionFailed`."""
    await _carry_out(_TRASH, scope, task_id, versions)


async def restore(scope: UserScope, task_id: UUID, versions: Versions) -> Row:
    """Take a task out of the trash; one that is not in it stays as it is.

    Raises `NotFound` or `PreconditionFailed`.
    """
    return await _carry_out(_RESTORE, scope, task_id, versions)


async def erase(scope: UserScope, task_id: UUID, versions: Versions) -> None:
    """Delete a task for good, in the trash or not. Raises `NotFound` or `PreconditionFailed`."""
    await _carry_out(_ERASE, scope, task_id, versions)


async def everything(scope: UserScope, *, trashed: bool) -> AsyncIterator[list[Row]]:
    """All tasks of the caller, in pages by id; as of one moment in a snapshot."""
    after: UUID | None = None
    while page := await scope.all(_EXPORT, after=after, trashed=trashed):
        yield page
        after = page[-1]["id"]


async def _change(scope: UserScope, task_id: UUID, versions: Versions, **changes: Any) -> Row:
    return await _carry_out(_update(frozenset(changes)), scope, task_id, versions, **changes)


async def _carry_out(
    change: _Change, scope: UserScope, task_id: UUID, versions: Versions, **fields: Any
) -> Row:
    """Change one task, or tell why that changes nothing."""
    params = {"id": task_id, "versions": versions, **_with_words(scope, fields)}
    while (task := await scope.one(change.statement, **params)) is None:
        found = await scope.one(_READ_ANY, id=task_id)
        if found is None or not (found["is_live"] or change.finds_trashed):
            raise NotFound
        _expected(found, versions)
        if change.is_needless(found):
            del found["is_live"]
            return found
        # Somebody was faster, and then somebody else made it as it had been; or nothing of this
        # user's may change any more.
        await check_active(scope)
    log.info(change.event, task_id=str(task_id), **({"fields": sorted(fields)} if fields else {}))
    return task


def _with_words(scope: UserScope, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields, with the words of each text among them."""
    params = {**fields}
    if "title" in fields:
        params["title_words"] = title_vector(scope.user_id, fields["title"])
    if "description" in fields:
        params["description_words"] = description_vector(scope.user_id, fields["description"])
    return params


def _expected(task: Row, versions: Versions) -> Row:
    if versions is not None and task["version"] not in versions:
        raise PreconditionFailed
    return task
