"""The number that each change takes from its user, in the statement that makes the change."""

from typing import Any

from sqlalchemy import CTE, ColumnElement, Table, exists, func, select, update

from duly.core.errors import Unauthenticated
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import User
from duly.utils.tables import table_of
from duly.utils.times import utc

_users = table_of(User)

_IS_ACTIVE = (_users.c.id == USER_ID, _users.c.disabled_at.is_(None))
_FIND_ACTIVE = owned(select(_users.c.id).where(*_IS_ACTIVE))

LOCK = owned(
    select(_users.c.revision, utc(func.clock_timestamp()).label("changed_at"))
    .where(*_IS_ACTIVE)
    .with_for_update(key_share=True)
)
"""Locks the caller's row, for changes that take several numbers; gives the last one taken."""


def next_revision(*conditions: ColumnElement[Any]) -> CTE:
    """`WITH owner AS (…)`: the caller's next `revision`, and `changed_at`, if `conditions` hold.

    It locks the owner's row to the end of the transaction and reads the clock after that, so
    both are committed in their order. It gives no row, so that what builds on it changes
    nothing, for a user who is gone or disabled.
    """
    return (
        update(_users)
        .where(*_IS_ACTIVE, *conditions)
        .values(revision=_users.c.revision + 1)
        .returning(_users.c.revision, func.clock_timestamp().label("changed_at"))
        .cte("owner")
    )


def take_up_to(revision: ColumnElement[Any]) -> CTE:
    """Take all numbers up to `revision`, in a transaction that has the lock of `LOCK`."""
    return update(_users).where(*_IS_ACTIVE).values(revision=revision).cte("owner")


def next_revision_of(table: Table, *this: ColumnElement[Any]) -> CTE:
    """As above, for a change of the row that `this` picks: without it, no number is taken.

    The row is locked first and its owner after it, in this order everywhere, so that no two
    changes wait for each other, and whoever comes too late takes no number.
    """
    target = select(table.c.id).where(*this).with_for_update(key_share=True).cte("target")
    return next_revision(exists(select(target.c.id)))


async def check_active(scope: UserScope) -> None:
    """Raise `Unauthenticated` for a user who gets no number any more, being gone or disabled."""
    if await scope.one(_FIND_ACTIVE) is None:
        raise Unauthenticated
