"""Changes of many resources of one type in one statement, each with a revision of its own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    cast,
    delete,
    func,
    literal,
    select,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned_change
from duly.database.values import Row
from duly.models import Tombstone
from duly.records import changes
from duly.records.commands import Procedure
from duly.records.order import appended
from duly.records.revisions import MAX_CHANGES, check_count, next_revisions
from duly.records.types import ID, ResourceType, Values, returning_shown
from duly.records.versions import Versions
from duly.utils.tables import table_of

_tombstones = table_of(Tombstone)


def changing_all(
    kind: ResourceType, targets: Select[Any], values: Values, *, puts_last: bool = False
) -> OwnedStatement:
    """Set `values` in the resources whose ids `targets` selects; return their number.

    Nothing changes if there are more than `MAX_CHANGES`. Their revisions are in the order of the
    columns of `targets`; with `puts_last`, this is also their manual order, after all others.
    """
    changed, _ = _changed(kind, targets, values, puts_last=puts_last)
    return owned_change(select(func.count().label("count")).select_from(changed))


def changing_tree(kind: ResourceType, targets: Select[Any], values: Values) -> OwnedStatement:
    """The same; return the resource with the id `ID`, or no row if nothing changes."""
    changed, shown = _changed(kind, targets, values)
    return owned_change(select(*shown).where(changed.c.id == ID))


def erasing_all(kind: ResourceType, targets: Select[Any]) -> OwnedStatement:
    """Delete the resources whose ids `targets` selects, and record that for sync.

    It returns a row for each. A recursive CTE of `targets` must be nested in it: Citus runs this
    statement on one node only if the INSERT is not in a CTE, and has none that is recursive.
    """
    numbered, count = _numbered(targets)
    owner = next_revisions(
        count, count <= MAX_CHANGES, **{kind.counter.name: kind.counter - count}
    )
    gone = (
        delete(kind.table)
        .where(
            kind.table.c.user_id == USER_ID,
            _is_numbered(kind, numbered),
            owner.c.revision.is_not(None),
        )
        .returning(kind.table.c.id)
        .cte("gone")
    )
    revision = owner.c.revision - count + _number_of(gone.c.id, numbered)
    insert = postgresql.insert(_tombstones).from_select(
        ["user_id", "id", "type", "revision"],
        select(USER_ID, gone.c.id, literal(kind.name, Text()), revision),
    )
    # An id that was used, deleted and used again has a record already.
    noted = insert.on_conflict_do_update(
        index_elements=["user_id", "id", "type"],
        set_={"revision": insert.excluded.revision, "created_at": insert.excluded.created_at},
    )
    return owned_change(noted.returning(_tombstones.c.id))


def erase_referred(
    kind: ResourceType,
    resource_id: UUID,
    versions: Versions,
    *,
    count: OwnedStatement,
    statements: Sequence[OwnedStatement],
) -> Procedure[Row]:
    """The operation that deletes a resource to which others refer, by `statements`.

    `count` returns how many others they change. It raises `NotFound`, `PreconditionFailed` or
    `TooManyChanges`.
    """
    named = {"id": resource_id}

    async def work(transaction: UserScope, reads: list[list[Row]], _: int) -> Row:
        [current, [others]] = reads
        resource = changes.checked(kind, current, versions)
        check_count(1 + others["count"])
        await transaction.many([(statement, named) for statement in statements])
        return resource

    reads = [changes.read_call(kind, resource_id), (count, named)]
    return Procedure(f"{kind.name}.erased", resource_id, reads, work)


def _changed(
    kind: ResourceType, targets: Select[Any], values: Values, *, puts_last: bool = False
) -> tuple[CTE, list[ColumnElement[Any]]]:
    numbered, count = _numbered(targets)
    owner = next_revisions(count, count <= MAX_CHANGES)
    revision = owner.c.revision - count + _number_of(kind.table.c.id, numbered)
    always: dict[str, Any] = {"revision": revision, "updated_at": owner.c.changed_at}
    if puts_last:
        always["position"] = appended(revision)
    changed = (
        sql_update(kind.table)
        .where(kind.table.c.user_id == USER_ID, _is_numbered(kind, numbered))
        .values({**always, **values(owner)})
    )
    return returning_shown(kind, changed, kind.shown)


def _numbered(targets: Select[Any]) -> tuple[CTE, ColumnElement[Any]]:
    """Ids with numbers from 1, and how many there are."""
    # OFFSET: or PostgreSQL reads all resources of the user in order, so as not to sort these.
    target = targets.offset(0).cte("target")
    number = func.row_number().over(order_by=list(target.c)).label("number")
    numbered = select(target.c.id, number).cte("numbered")
    return numbered, select(func.count()).select_from(numbered).scalar_subquery()


def _is_numbered(kind: ResourceType, numbered: CTE) -> ColumnElement[bool]:
    # Not a join: PostgreSQL may expect one resource, and then compare each with each.
    ids = func.array(select(numbered.c.id).scalar_subquery(), type_=ARRAY(Uuid()))
    return kind.table.c.id == any_(ids)


def _number_of(resource_id: ColumnElement[Any], numbered: CTE) -> ColumnElement[Any]:
    """The number of a resource, from a map of all of them, which is built once."""
    key = cast(numbered.c.id, Text())
    numbers = select(func.jsonb_object_agg(key, numbered.c.number, type_=JSONB()))
    number = numbers.scalar_subquery().op("->>")(cast(resource_id, Text()))
    return cast(number, BigInteger())
