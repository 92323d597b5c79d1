"""Permanent deletion of old trash, and of old records of deletions, of one user at a time."""

from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ForeignKeyConstraint,
    Integer,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.database.scope import UserScope
from duly.database.statements import (
    USER_ID,
    CrossUserStatement,
    OwnedStatement,
    across_users,
    owned,
    owned_change,
)
from duly.models import Tombstone, User
from duly.records.types import ResourceType, listed
from duly.utils.tables import table_of

DELETION_MEMORY = timedelta(days=30)
"""How long the trash keeps resources, and how long sync reports deletions."""

MAX_OWNERS = 10_000
"""The largest number of users whose rows of one kind a round of maintenance purges."""

_users = table_of(User)
_tombstones = table_of(Tombstone)

_LIFETIME = bindparam("lifetime", DELETION_MEMORY, type_=INTERVAL())

# Disabled accounts, too, unlike that of `records.revisions`.
_LOCK = owned(select(_users.c.id).where(_users.c.id == USER_ID).with_for_update(key_share=True))


class Purge(NamedTuple):
    """How rows of one kind are purged.

    `owners` returns the users who have some, those with the oldest first. It locks nothing, since
    Citus locks rows on one node only. `statement` purges those of one user and returns their number,
    or no row if there are none.
    """

    owners: CrossUserStatement
    statement: OwnedStatement


def purge_trash(kind: ResourceType) -> Purge:
    """Purge what has been in the trash for over 30 days.

    Rows that other resources refer to are kept; purge the referring type first.
    """
    table = kind.table
    is_unused = [~_has_references(key, table.c.user_id) for key in _keys_to(table)]
    owners = _owners(table, table.c.trashed_at, listed(kind.is_trashed), *is_unused)
    return Purge(owners, _trash_of_one(kind))


def purge_tombstones() -> Purge:
    """Purge the records of deletions over 30 days ago."""
    return Purge(_owners(_tombstones, _tombstones.c.created_at), _TOMBSTONES_OF_ONE)


async def purge_one(transaction: UserScope, statement: OwnedStatement) -> int:
    """Purge rows of one user by the statement of a `Purge`; return their number.

    The owner is locked first, by a statement of its own, so that all that was committed is seen.
    """
    _, rows = await transaction.many([(_LOCK, {}), (statement, {})])
    return int(rows[0]["count"]) if rows else 0


def _owners(
    table: Table, since: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> CrossUserStatement:
    return across_users(
        select(table.c.user_id)
        .where(since < func.now() - _LIFETIME, *conditions)
        .group_by(table.c.user_id)
        .order_by(func.min(since))
        .limit(bindparam("limit", MAX_OWNERS, type_=Integer()))
    )


def _keys_to(table: Table) -> list[ForeignKeyConstraint]:
    """The foreign keys of other tables that prevent rows of `table` from being deleted."""
    others = [other for other in table.metadata.tables.values() if other is not table]
    keys = [key for other in others for key in other.foreign_key_constraints]
    return [key for key in keys if key.referred_table is table and key.ondelete is None]


def _has_references(key: ForeignKeyConstraint, owner: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row of the referred table has rows that refer to it; `owner` is its user."""
    pairs = [
        element.parent == (owner if element.column.name == "user_id" else element.column)
        for element in key.elements
    ]
    return exists().where(and_(*pairs)).correlate(key.referred_table)


@cache
def _trash_of_one(kind: ResourceType) -> OwnedStatement:
    is_unused = [~_has_references(key, USER_ID) for key in _keys_to(kind.table)]
    return _of_one(
        kind.table,
        kind.table.c.trashed_at,
        listed(kind.is_trashed),
        *is_unused,
        counter=kind.counter,
    )


def _of_one(
    table: Table, since: ColumnElement[Any], *conditions: ColumnElement[bool], counter: Any = None
) -> OwnedStatement:
    """Purge rows and raise their owner's purge horizon, since sync can no longer report them.

    A device whose last sync was before the newest of them does a full sync. `counter` is the owner's
    column that counts the rows.
    """
    # In another form than for all users, or PostgreSQL may read the old rows of all of them.
    is_old = func.now() - since > _LIFETIME
    gone = (
        delete(table)
        .where(table.c.user_id == USER_ID, is_old, *conditions)
        .returning(table.c.revision)
        .cte("gone")
    )
    newest = select(
        func.max(gone.c.revision).label("revision"), func.count().label("count")
    ).subquery("newest")
    counted = {} if counter is None else {counter.name: counter - newest.c.count}
    return owned_change(
        update(_users)
        .where(_users.c.id == USER_ID, newest.c.count > 0)
        .values(
            horizon=func.greatest(_users.c.horizon, newest.c.revision),
            # A page may have shown a purged row, so its tag must change.
            revision=_users.c.revision + 1,
            **counted,
        )
        .returning(newest.c.count)
    )


_TOMBSTONES_OF_ONE = _of_one(_tombstones, _tombstones.c.created_at)
