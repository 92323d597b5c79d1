"""Changes of one existing resource: update, delete permanently, and others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from uuid import UUID

from pydantic_core import PydanticCustomError
from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    literal,
    select,
    true,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects import postgresql

from duly.core.errors import NameTaken, NotFound, ValidationFailed
from duly.database.scope import Call, Found, UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.database.values import Row
from duly.models import Tombstone
from duly.records import commands
from duly.records.commands import Command, Operation, Procedure, Raced, lookup
from duly.records.revisions import next_revision_of
from duly.records.types import ID, ResourceType, Values, returning_shown
from duly.records.versions import Versions, check_version, has_version
from duly.utils.tables import table_of

_tombstones = table_of(Tombstone)


@dataclass(frozen=True, slots=True)
class Change:
    """One way to change a resource. `explain` raises the error that the look-up implies."""

    kind: ResourceType
    event: str
    statement: OwnedStatement
    lookup: OwnedStatement
    finds_trashed: bool = False
    affects_others: bool = False
    explain: Callable[[Row], None] = lambda _: None

    def of(self, resource_id: UUID, versions: Versions, **params: Any) -> Command[Row]:
        """The command that changes one resource, if it has one of `versions`.

        It returns the resource, and leaves one that needs no change as it is. It raises `NotFound`
        or `PreconditionFailed`.
        """
        params = {"id": resource_id, "versions": versions, **params}
        finish = self._finish(versions)
        return Command(
            self.event,
            resource_id,
            self.statement,
            self.lookup,
            params,
            finish,
            self.affects_others,
        )

    def _finish(self, versions: Versions) -> Callable[[Row | None, Found | None], Row]:
        def finish(row: Row | None, found: Found | None) -> Row:
            if row is not None:
                return row
            resource = _existing(found, finds_trashed=self.finds_trashed)
            check_version(self.kind, resource, versions)
            assert found is not None
            self.explain(found.facts)
            if found.facts["can_change"]:
                raise Raced
            return resource

        return finish


def change(
    kind: ResourceType,
    event: str,
    values: Values,
    *,
    of: ColumnElement[bool] | None = None,
    finds_trashed: bool = False,
    affects_others: bool = False,
    explain: Callable[[Row], None] = lambda _: None,
    **facts: ColumnElement[Any],
) -> Change:
    """A change that sets `values`. A resource that does not meet `of` needs no change.

    `explain` gets `facts` if nothing changes.
    """
    is_there = true() if finds_trashed else kind.is_live
    condition = is_there if of is None else and_(is_there, of)
    expected = (kind.is_named, condition, has_version(kind))
    owner = next_revision_of(kind.table, *expected)
    always = {"revision": owner.c.revision, "updated_at": owner.c.changed_at}
    statement = sql_update(kind.table).where(*expected).values({**always, **values(owner)})
    _, shown = returning_shown(kind, statement, kind.shown)
    return Change(
        kind,
        event,
        owned_change(select(*shown)),
        lookup_of(kind, condition, **facts),
        finds_trashed,
        affects_others,
        explain,
    )


def update(
    kind: ResourceType,
    user_id: UUID,
    resource_id: UUID,
    sent: Mapping[str, Any],
    versions: Versions,
) -> Operation[Row]:
    """The operation that sets the fields that were sent; without any, nothing changes.

    It raises `NotFound`, `PreconditionFailed`, `NameTaken`, and `ValidationFailed` for a patch that
    does not fit the current values.
    """
    if not sent:
        return _unchanged(kind, resource_id, versions)
    if any(kind.fields[name].merge for name in sent):
        return _merging(kind, user_id, resource_id, sent, versions)
    return setting(kind, user_id, resource_id, sent, versions)


def setting(
    kind: ResourceType,
    user_id: UUID,
    resource_id: UUID,
    sent: Mapping[str, Any],
    versions: Versions,
) -> Command[Row]:
    """The command that sets fields to whole values."""
    params: dict[str, Any] = {}
    for name, value in sent.items():
        params |= kind.fields[name].params(user_id, value)
    return _setting(kind, frozenset(sent)).of(resource_id, versions, **params)


def _merging(
    kind: ResourceType,
    user_id: UUID,
    resource_id: UUID,
    sent: Mapping[str, Any],
    versions: Versions,
) -> Procedure[Row]:
    async def work(transaction: UserScope, reads: list[list[Row]], _: int) -> Row:
        current = checked(kind, reads[0], versions)
        whole = merged(kind, current, sent)
        return await commands.run(transaction, setting(kind, user_id, resource_id, whole, None))

    return Procedure(None, resource_id, [read_call(kind, resource_id)], work)


def read_call(kind: ResourceType, resource_id: UUID) -> Call:
    """The statement that reads a live resource, and its parameters."""
    return _read(kind), {"id": resource_id}


def checked(kind: ResourceType, rows: Sequence[Row], versions: Versions) -> Row:
    """Return the resource that was read. Raise `NotFound` or `PreconditionFailed`."""
    if not rows:
        raise NotFound
    check_version(kind, rows[0], versions)
    return rows[0]


def merged(kind: ResourceType, current: Row, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole values of the fields that were sent. Raise `ValidationFailed`."""
    whole: dict[str, Any] = {}
    for name, value in sent.items():
        merge = kind.fields[name].merge
        try:
            whole[name] = value if merge is None else merge(current[name], value)
        except ValueError as error:
            type_ = error.type if isinstance(error, PydanticCustomError) else "value_error"
            raise ValidationFailed.of(f"body.{name}", str(error), type_) from None
    return whole


async def read(scope: UserScope, kind: ResourceType, resource_id: UUID) -> Row:
    """Read a resource. Raises `NotFound` if it does not exist or is in the trash."""
    row = await scope.one(_read(kind), id=resource_id)
    if row is None:
        raise NotFound
    return row


@cache
def erasing(kind: ResourceType) -> Change:
    """Delete a resource permanently, in the trash or not, and record that for sync.

    The record stays if the id is used again: sync looks for the resource first.
    """
    expected = (kind.is_named, has_version(kind))
    owner = next_revision_of(kind.table, *expected, **{kind.counter.name: kind.counter - 1})
    gone = (
        delete(kind.table)
        .where(*expected, owner.c.revision.is_not(None))
        .returning(kind.table.c.id, owner.c.revision)
        .cte("gone")
    )
    insert = postgresql.insert(_tombstones).from_select(
        ["user_id", "id", "type", "revision"],
        select(USER_ID, gone.c.id, literal(kind.name, Text()), gone.c.revision),
    )
    statement = insert.on_conflict_do_update(
        index_elements=["user_id", "id", "type"],
        set_={"revision": insert.excluded.revision, "created_at": insert.excluded.created_at},
    ).returning(_tombstones.c.id)
    return Change(
        kind,
        f"{kind.name}.erased",
        owned_change(statement),
        lookup_of(kind, true()),
        finds_trashed=True,
        affects_others=True,
    )


def _unchanged(kind: ResourceType, resource_id: UUID, versions: Versions) -> Command[Row]:
    def finish(row: Row | None, found: Found | None) -> Row:
        resource = row or _existing(found, finds_trashed=False)
        check_version(kind, resource, versions)
        return resource

    read, explained = _read(kind), lookup_of(kind, true())
    return Command(
        f"{kind.name}.unchanged", resource_id, read, explained, {"id": resource_id}, finish
    )


@cache
def _setting(kind: ResourceType, fields: frozenset[str]) -> Change:
    def values(owner: CTE) -> Mapping[str, ColumnElement[Any]]:
        columns: dict[str, ColumnElement[Any]] = {}
        for name in sorted(fields):
            columns |= kind.fields[name].values(owner)
        return columns

    if "name" not in fields or not kind.has_unique_name:
        return change(kind, f"{kind.name}.changed", values)
    is_taken = _is_name_taken(kind)
    return change(
        kind,
        f"{kind.name}.changed",
        values,
        of=~is_taken,
        affects_others=True,
        explain=partial(_check_name, kind),
        is_name_taken=is_taken,
    )


def _is_name_taken(kind: ResourceType) -> ColumnElement[bool]:
    other = kind.table.alias("other")
    key = bindparam("name_key", type_=Text())
    return exists().where(other.c.user_id == USER_ID, other.c.name_key == key, other.c.id != ID)


def _check_name(kind: ResourceType, facts: Row) -> None:
    if facts["is_name_taken"]:
        raise NameTaken(kind.name)


@cache
def _read(kind: ResourceType) -> OwnedStatement:
    return owned(select(*kind.shown).where(kind.is_named, kind.is_live))


def lookup_of(
    kind: ResourceType, condition: ColumnElement[bool], **facts: ColumnElement[Any]
) -> OwnedStatement:
    """The look-up of a `Change` that applies to resources that meet `condition`."""
    return lookup(kind, is_live=kind.is_live, can_change=condition, **facts)


def _existing(found: Found | None, *, finds_trashed: bool) -> Row:
    if found is None or found.resource is None:
        raise NotFound
    if not (found.facts["is_live"] or finds_trashed):
        raise NotFound
    return found.resource
