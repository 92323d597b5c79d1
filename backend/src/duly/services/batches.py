"""Batches: many operations in few round trips, by the rules that `tasks` has for each.

The tasks named are locked and read, then their owner's row is locked; the operations are played on
them in memory; what came of it is written at once, with one revision for each change.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import (
    BatchNotApplied,
    DulyError,
    IdTaken,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    QuotaExceeded,
    Unauthenticated,
)
from duly.core.logging import log
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import Task
from duly.schemas.batches import Batch, CreateOperation, Operation, UpdateOperation
from duly.services import nouns, revisions
from duly.services.tasks import creation_hash
from duly.utils.identifiers import new_id
from duly.utils.search import description_vector, title_vector
from duly.utils.tables import table_of
from duly.utils.times import utc

_tasks = table_of(Task)

_IDS = bindparam("ids", type_=ARRAY(Uuid()))
_TIMES = DateTime(timezone=True)

_NAMED = and_(_tasks.c.user_id == USER_ID, _tasks.c.id == any_(_IDS))
# Before the owner's row, as `revisions` says, and in one order, as other batches do.
_LOCK = owned(
    select(
        _tasks.c.id,
        _tasks.c.title,
        _tasks.c.description,
        utc(_tasks.c.completed_at),
        utc(_tasks.c.created_at),
        utc(_tasks.c.updated_at),
        utc(_tasks.c.trashed_at),
        _tasks.c.revision,
        _tasks.c.creation_hash,
    )
    .where(_NAMED)
    .order_by(_tasks.c.id)
    .with_for_update(key_share=True)
)
_FIND = owned(select(_tasks.c.id).where(_NAMED))
_LOCK_OWNER = revisions.lock(nouns.TASKS)
_COLUMNS: dict[str, Any] = {
    "id": Uuid(),
    "title": Text(),
    "description": Text(),
    "completed_at": _TIMES,
    "created_at": _TIMES,
    "updated_at": _TIMES,
    "trashed_at": _TIMES,
    "revision": BigInteger(),
    "creation_hash": LargeBinary(),
}
_WORDS = ("title_words", "description_words")
# Saved for a text that the batch leaves as it was. The words of a text are never empty.
_SAME_WORDS = ""


def _save() -> Any:
    types = {**_COLUMNS, **dict.fromkeys(_WORDS, Text())}
    arrays: list[Any] = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
    rows = func.unnest(*arrays).table_valued(*types).render_derived(name="saved")
    words = [cast(rows.c[name], postgresql.TSVECTOR) for name in _WORDS]
    insert = postgresql.insert(_tasks).from_select(
        ["user_id", *types], select(USER_ID, *(rows.c[name] for name in _COLUMNS), *words)
    )
    changes: dict[str, Any] = {name: insert.excluded[name] for name in _COLUMNS if name != "id"}
    for name in _WORDS:
        is_same = insert.excluded[name] == cast(_SAME_WORDS, postgresql.TSVECTOR)
        changes[name] = case((is_same, _tasks.c[name]), else_=insert.excluded[name])
    return owned(
        insert.on_conflict_do_update(index_elements=["user_id", "id"], set_=changes)
        .returning(_tasks.c.id)
        .add_cte(revisions.take_up_to_newest(nouns.TASKS))
    )


_SAVE = _save()

_TEXTS = ("title", "description")
"""Fields that may be long. A result has only those that its operation set: otherwise short requests
could store long responses."""


@dataclass(slots=True)
class _Draft:
    """A task as the operations so far have left it."""

    id: UUID
    title: str
    description: str | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    revision: int
    creation_hash: bytes | None
    is_changed: bool = False

    def shown(self, user_id: UUID, texts: Collection[str]) -> Row:
        """The task as `schemas.batches.TaskResult` has it, with those of its texts."""
        return {
            "id": self.id,
            "user_id": user_id,
            **{name: getattr(self, name) for name in _TEXTS if name in texts},
            "is_completed": self.completed_at is not None,
            "completed_at": self.completed_at,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "version": self.revision,
        }


class _Abort(Exception):  # not an error, but the way out of a transaction, as the next one
    """An atomic batch cannot be applied whole; `results` say why."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        super().__init__()
        self.results = results


class _StartOver(Exception):
    """A task that the batch names has just been created, and is not locked."""


class _Play:
    """The operations of one batch, played on drafts."""

    def __init__(self, drafts: list[Row], owner: Row, *, requires_match: bool, limit: int) -> None:
        self.drafts = {row["id"]: _Draft(**row) for row in drafts}
        self._refs: dict[str, UUID] = {}
        self._created: set[UUID] = set()
        self.revision: int = owner["revision"]
        self._now: datetime = owner["changed_at"]
        self._requires_match = requires_match
        self._count: int = owner["count"]
        self._limit = limit

    @property
    def added(self) -> int:
        """How many tasks the operations have created."""
        return len(self._created)

    def play(self, operation: Operation) -> tuple[int, _Draft | None, Collection[str]]:
        """Apply one operation and return its status, the task, and the texts that it has set.

        Raises `DulyError`.
        """
        if isinstance(operation, CreateOperation):
            return self._create(operation)
        draft = self._find(operation)
        if operation.op == "delete":
            self._change(draft, trashed_at=self._now)
            return 204, None, ()
        texts: Collection[str] = ()
        if isinstance(operation, UpdateOperation):
            changes = operation.changes.changes()
            texts = changes.keys() & _TEXTS
            if "is_completed" in changes:
                changes["completed_at"] = self._done(draft) if changes["is_completed"] else None
                del changes["is_completed"]
            if changes:
                self._change(draft, updated_at=self._now, **changes)
        elif (operation.op == "complete") != (draft.completed_at is not None):
            completed_at = self._now if operation.op == "complete" else None
            self._change(draft, updated_at=self._now, completed_at=completed_at)
        return 200, draft, texts

    def _create(self, operation: CreateOperation) -> tuple[int, _Draft, Collection[str]]:
        body = operation.task
        task_id = body.id or new_id()
        found = self.drafts.get(task_id)
        is_new = found is None
        if found is None:
            if self._count + self.added >= self._limit:
                raise QuotaExceeded(nouns.TASKS.plural, self._limit)
            completed_at = self._now if body.is_completed else None
            found = self.drafts[task_id] = _Draft(
                id=task_id,
                title=body.title,
                description=body.description,
                completed_at=completed_at,
                created_at=self._now,
                updated_at=self._now,
                trashed_at=None,
                revision=0,
                creation_hash=creation_hash(body),
            )
            self._change(found)
            self._created.add(task_id)
        elif found.trashed_at is not None or found.creation_hash != creation_hash(body):
            raise IdTaken
        if operation.ref is not None:
            self._refs[operation.ref] = task_id
        return (201, found, _TEXTS) if is_new else (200, found, ())

    def _find(self, operation: Any) -> _Draft:
        task_id = self._refs.get(operation.ref) if operation.ref else operation.id
        # Nobody can know the version of a task that this batch creates.
        is_new = task_id is None or task_id in self._created
        if operation.if_match is None and self._requires_match and not is_new:
            raise PreconditionRequired
        draft = self.drafts.get(task_id) if task_id else None
        if draft is None or draft.trashed_at is not None:
            raise NotFound
        if operation.if_match not in {None, draft.revision}:
            raise PreconditionFailed
        return draft

    def _done(self, draft: _Draft) -> datetime:
        # A task that is completed already keeps the time when it was.
        return draft.completed_at or self._now

    def _change(self, draft: _Draft, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(draft, name, value)
        self.revision += 1
        draft.revision = self.revision
        draft.is_changed = True


async def run(
    scope: UserScope, batch: Batch, *, requires_match: bool, limit: int
) -> dict[str, Any]:
    """Apply a batch, up to `limit` tasks; return `applied` and the result of each operation."""
    while True:
        try:
            async with scope.transaction() as transaction:
                results = await _run(
                    transaction, batch, requires_match=requires_match, limit=limit
                )
        except _StartOver:
            continue
        except _Abort as abort:
            return {"applied": False, "results": [_not_applied(one) for one in abort.results]}
        log.info("task.batch", operations=len(results))
        return {"applied": True, "results": results}


async def _run(
    scope: UserScope, batch: Batch, *, requires_match: bool, limit: int
) -> list[dict[str, Any]]:
    ids = _named(batch)
    drafts = await scope.all(_LOCK, ids=ids)
    owner = await scope.one(_LOCK_OWNER)
    if owner is None:
        raise Unauthenticated
    unknown = list(set(ids) - {draft["id"] for draft in drafts})
    # A writer may hold one of these new tasks and be waiting for the owner row that we hold. Locking
    # it now could deadlock: start over.
    if unknown and await scope.one(_FIND, ids=unknown) is not None:
        raise _StartOver
    play = _Play(drafts, owner, requires_match=requires_match, limit=limit)
    results = []
    for operation in batch.operations:
        try:
            status, draft, texts = play.play(operation)
        except DulyError as error:
            results.append(_failed(error))
        else:
            task = None if draft is None else draft.shown(scope.user_id, texts)
            results.append({"status": status, "task": task, "error": None})
    if batch.atomic and any(result["error"] for result in results):
        raise _Abort(results)
    changed = [draft for draft in play.drafts.values() if draft.is_changed]
    if changed:
        columns = {name: [_aware(getattr(draft, name)) for draft in changed] for name in _COLUMNS}
        words = await _words_of(scope.user_id, changed, {draft["id"]: draft for draft in drafts})
        await scope.all(_SAVE, newest=play.revision, added=play.added, **columns, **words)
    return results


async def _words_of(
    user_id: UUID, changed: list[_Draft], before: dict[UUID, Row]
) -> dict[str, list[str]]:
    """Return the words of each text that changed, a list for each of `_WORDS`."""
    titles, descriptions = [], []
    for draft in changed:
        old = before.get(draft.id)
        title = description = _SAME_WORDS
        if old is None or draft.title != old["title"]:
            title = title_vector(user_id, draft.title)
        if old is None or draft.description != old["description"]:
            description = description_vector(user_id, draft.description)
        titles.append(title)
        descriptions.append(description)
        await asyncio.sleep(0)  # long texts take milliseconds each: let others run between them
    return dict(zip(_WORDS, (titles, descriptions), strict=True))


def _named(batch: Batch) -> list[UUID]:
    ids = [
        operation.task.id if isinstance(operation, CreateOperation) else operation.id
        for operation in batch.operations
    ]
    return [task_id for task_id in ids if task_id is not None]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _failed(error: DulyError) -> dict[str, Any]:
    body = {"code": error.code, "message": error.message, "details": error.details}
    return {"status": error.status, "task": None, "error": body}


def _not_applied(result: dict[str, Any]) -> dict[str, Any]:
    return result if result["error"] else _failed(BatchNotApplied())
