"""Lists of tasks, which are deleted and restored with their sections and tasks."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Uuid,
    bindparam,
    exists,
    func,
    null,
    select,
)

from duly.core.config import Settings
from duly.core.errors import NotFound, ValidationFailed
from duly.core.tokens import Keyring
from duly.database.scope import Call, UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import List, User
from duly.records import changes, creation, moves, pages
from duly.records.cascades import changing_all, changing_tree, erasing_all
from duly.records.commands import Operation, Procedure
from duly.records.creation import Created
from duly.records.revisions import check_count
from duly.records.types import ID, ResourceType, json_object, name_with_key, stored_as_sent
from duly.records.versions import Versions
from duly.schemas.lists import ListCreate, ListDeleteOptions, ListPatch, ListQuery, ListReplace
from duly.schemas.order import Move
from duly.services import sections
from duly.services.task_type import TYPE as TASK
from duly.utils.tables import table_of
from duly.utils.times import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

_lists, _users = table_of(List), table_of(User)
_INBOX = "inbox"

TYPE = ResourceType(
    name="list",
    table=_lists,
    shown=(
        _lists.c.id,
        _lists.c.user_id,
        _lists.c.name,
        _lists.c.color,
        _lists.c.is_archived,
        _lists.c.metadata,
        _lists.c.position,
        utc(_lists.c.trashed_at),
        utc(_lists.c.created_at),
        utc(_lists.c.updated_at),
        _lists.c.revision.label("version"),
    ),
    fields={
        "name": name_with_key(_lists.c.name, _lists.c.name_key),
        "color": stored_as_sent(_lists.c.color),
        "is_archived": stored_as_sent(_lists.c.is_archived),
        "metadata": json_object(_lists.c.metadata),
    },
    counter=table_of(User).c.list_count,
    has_trash=True,
    is_referred_to=True,
)

_TARGET = bindparam("target_id", type_=Uuid())
_TOGETHER = bindparam("together", type_=BigInteger())


def create(scope: UserScope, body: ListCreate, settings: Settings) -> Operation[Created]:
    """Create a list."""
    return creation.create(TYPE, scope.user_id, body, settings.max_lists)


def replace(
    scope: UserScope, list_id: UUID, body: ListReplace, versions: Versions
) -> Operation[Row]:
    """Set every field of a list."""
    whole = {name: getattr(body, name) for name in TYPE.fields}
    return changes.setting(TYPE, scope.user_id, list_id, whole, versions)


def patch(scope: UserScope, list_id: UUID, body: ListPatch, versions: Versions) -> Operation[Row]:
    """Set the fields that were sent."""
    return changes.update(TYPE, scope.user_id, list_id, body.changes(), versions)


def move(_: UserScope, list_id: UUID, body: Move, versions: Versions) -> Operation[Row]:
    """Move a list among the lists."""
    return moves.move(TYPE, list_id, body, versions)


def delete_list(
    _: UserScope, list_id: UUID, options: ListDeleteOptions, versions: Versions
) -> Operation[Row]:
    """Move a list to the trash with its sections and tasks, or delete them permanently.

    `move_tasks_to` keeps the tasks, in the inbox or in another list. Raises `NotFound`,
    `PreconditionFailed`, `TooManyChanges`, and `ValidationFailed` if that list does not exist.
    """
    target = options.move_tasks_to
    target_id = target if isinstance(target, UUID) else None

    async def work(transaction: UserScope, reads: list[list[Row]], revision: int) -> Row:
        found, [counts] = reads
        if not found or (found[0]["trashed_at"] and not options.permanent):
            raise NotFound
        changes.checked(TYPE, found, versions)
        if target_id is not None and not counts["has_target"]:
            raise ValidationFailed.of(
                "query.move_tasks_to",
                "Must be inbox, or the id of another list that is not deleted",
                "unknown_reference",
            )
        # With `permanent` and for another list, tasks in the trash count, too.
        tasks = counts["tasks" if options.permanent or target else "live_tasks"]
        check_count(1 + tasks + counts["sections"])
        calls: list[Call] = []
        if target is not None:
            calls.append((_MOVE_TASKS, {"id": list_id, "target_id": target_id}))
        if options.permanent:
            calls += [(statement, {"id": list_id}) for statement in _ERASE]
        else:
            together = {"id": list_id, "together": revision + 1}
            calls += [(statement, together) for statement in _TRASH]
        await transaction.many(calls)
        return found[0]

    reads: list[Call] = [
        (_READ_ANY, {"id": list_id}),
        (_COUNTS, {"id": list_id, "target_id": target_id}),
    ]
    return Procedure("list.deleted", list_id, reads, work)


def restore(
    _: UserScope, list_id: UUID, ___: None, versions: Versions, ____: Settings
) -> Operation[Row]:
    """Take a list out of the trash, with the sections and tasks that were deleted with it."""

    async def work(transaction: UserScope, reads: list[list[Row]], __: int) -> Row:
        current = changes.checked(TYPE, reads[0], versions)
        if current["trashed_at"] is None:
            return current
        calls: Sequence[Call] = [(statement, {"id": list_id}) for statement in _RESTORE]
        *_, [restored] = await transaction.many(calls)
        return restored

    return Procedure("list.restored", list_id, [(_READ_ANY, {"id": list_id})], work)


async def read_page(
    scope: UserScope, keyring: Keyring, query: ListQuery
) -> tuple[dict[str, Any], str]:
    """A page of the caller's lists and its entity tag."""
    return await pages.read_plain_page(scope, keyring, TYPE, query, is_trashed=query.is_trashed)


def _in_list(kind: ResourceType, *conditions: ColumnElement[bool]) -> Any:
    """The ids of the tasks or sections of the list with the id `ID`."""
    columns = kind.table.c
    return select(columns.id).where(columns.user_id == USER_ID, columns.list_id == ID, *conditions)


def _number_of(kind: ResourceType, *conditions: ColumnElement[bool]) -> Any:
    ids = _in_list(kind, *conditions).subquery()
    return select(func.count()).select_from(ids).scalar_subquery()


def _counts() -> OwnedStatement:
    target = _lists.alias("target")
    has_target = exists().where(
        target.c.user_id == USER_ID,
        target.c.id == _TARGET,
        target.c.id != ID,
        target.c.trashed_at.is_(None),
    )
    return owned(
        select(
            _number_of(TASK).label("tasks"),
            _number_of(TASK, TASK.is_live).label("live_tasks"),
            _number_of(sections.TYPE).label("sections"),
            has_target.label("has_target"),
        ).where(_users.c.id == USER_ID)
    )


def _trashed(kind: ResourceType) -> dict[str, Any]:
    return {"trashed_with": _TOGETHER, "updated_at": kind.table.c.updated_at}


def _trashing(kind: ResourceType, targets: Any) -> OwnedStatement:
    return changing_all(
        kind, targets, lambda owner: {"trashed_at": owner.c.changed_at, **_trashed(kind)}
    )


def _restoring(kind: ResourceType) -> OwnedStatement:
    """Restore what went to the trash with the list."""
    trashed = _lists.alias("trashed")
    together = (
        select(trashed.c.trashed_with)
        .where(trashed.c.user_id == USER_ID, trashed.c.id == ID)
        .scalar_subquery()
    )
    targets = _in_list(kind, kind.table.c.trashed_with == together)
    return changing_all(kind, targets, lambda _: _untrashed(kind))


def _untrashed(kind: ResourceType) -> dict[str, Any]:
    return {
        "trashed_at": null(),
        "trashed_with": null(),
        "updated_at": kind.table.c.updated_at,
    }


_ITSELF = select(_lists.c.id).where(TYPE.is_named)

_READ_ANY = owned(select(*TYPE.shown).where(TYPE.is_named))
_COUNTS = _counts()
_MOVE_TASKS = changing_all(
    TASK,
    select(TASK.table.c.position, TASK.table.c.id).where(
        TASK.table.c.user_id == USER_ID, TASK.table.c.list_id == ID
    ),
    lambda _: {"list_id": _TARGET, "section_id": null()},
    puts_last=True,
)
_TRASH = (
    _trashing(TASK, _in_list(TASK, TASK.is_live)),
    _trashing(sections.TYPE, _in_list(sections.TYPE, sections.TYPE.is_live)),
    _trashing(TYPE, _ITSELF),
)
_ERASE = (
    erasing_all(TASK, _in_list(TASK)),
    erasing_all(sections.TYPE, _in_list(sections.TYPE)),
    erasing_all(TYPE, _ITSELF),
)
_RESTORE = (
    _restoring(TASK),
    _restoring(sections.TYPE),
    changing_tree(TYPE, _ITSELF, lambda _: _untrashed(TYPE)),
)
