"""Permanent deletion of old trash, and of old records of deletions."""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKeyConstraint,
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

from duly.database.statements import CrossUserStatement, across_users
from duly.models import Tombstone, User
from duly.records.types import ResourceType, listed
from duly.utils.tables import table_of

DELETION_MEMORY = timedelta(days=30)
"""How long the trash keeps resources, and how long sync reports deletions."""

_users = table_of(User)
_tombstones = table_of(Tombstone)


def purge_trash(kind: ResourceType) -> CrossUserStatement:
    """Purge what has been in the trash of any user for over 30 days; return the row count.

    Rows that other resources refer to are kept; purge the referring type first.
    """
    is_unused = [~_has_references(key) for key in _keys_to(kind.table)]
    is_trashed = listed(kind.is_trashed)
    return _purge(
        kind.table, kind.table.c.trashed_at, is_trashed, *is_unused, counter=kind.counter
    )


def purge_tombstones() -> CrossUserStatement:
    """Purge the records of deletions over 30 days ago; return the row count."""
    return _purge(_tombstones, _tombstones.c.created_at)


def _keys_to(table: Table) -> list[ForeignKeyConstraint]:
    """The foreign keys of other tables that prevent rows of `table` from being deleted."""
    others = [other for other in table.metadata.tables.values() if other is not table]
    keys = [key for other in others for key in other.foreign_key_constraints]
    return [key for key in keys if key.referred_table is table and key.ondelete is None]


def _has_references(key: ForeignKeyConstraint) -> ColumnElement[bool]:
    pairs = [element.parent == element.column for element in key.elements]
    return exists().where(and_(*pairs)).correlate(key.referred_table)


def _purge(
    table: Any, since: Any, *conditions: ColumnElement[bool], counter: Any = None
) -> CrossUserStatement:
    """Purge rows and raise each owner's purge horizon, since sync can no longer report them.

    A device whose last sync was before the newest of them does a full sync. `counter` is the owner's
    column that counts the rows. Owners are locked before their rows, as writers do.
    """
    is_old = since < func.now() - bindparam("lifetime", DELETION_MEMORY, type_=INTERVAL())
    has_some = exists().where(table.c.user_id == _users.c.id, is_old)
    owners = select(_users.c.id).where(has_some).with_for_update(key_share=True).cte("owners")
    gone = (
        delete(table)
        .where(is_old, table.c.user_id == owners.c.id, *conditions)
        .returning(table.c.user_id, table.c.revision)
        .cte("gone")
    )
    newest = (
        select(
            gone.c.user_id,
            func.max(gone.c.revision).label("revision"),
            func.count().label("count"),
        )
        .group_by(gone.c.user_id)
        .subquery("newest")
    )
    noted = (
        update(_users)
        .where(_users.c.id == newest.c.user_id)
        .values(
            horizon=func.greatest(_users.c.horizon, newest.c.revision),
            # A page may have shown a purged row, so its tag must change.
            revision=_users.c.revision + 1,
            **({} if counter is None else {counter.name: counter - newest.c.count}),
        )
        .returning(newest.c.count)
        .cte("noted")
    )
    return across_users(select(func.coalesce(func.sum(noted.c.count), 0).label("count")))
