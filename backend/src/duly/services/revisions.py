"""The number that each change takes from its user, in the statement that makes the change.

The same statement moves the counter of the rows that it inserts or deletes, so that a quota costs
no look-up, and no race gets past it.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    bindparam,
    exists,
    func,
    select,
    update,
)

from duly.core.errors import QuotaExceeded, Unauthenticated
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import User
from duly.services.nouns import SYNCED, Noun
from duly.utils.tables import table_of
from duly.utils.times import utc

_users = table_of(User)

_IS_ACTIVE = (_users.c.id == USER_ID, _users.c.disabled_at.is_(None))
_FIND_ACTIVE = owned(select(_users.c.id, *(noun.counter for noun in SYNCED)).where(*_IS_ACTIVE))
_LIMIT = bindparam("limit", type_=Integer())


def lock(noun: Noun) -> OwnedStatement:
    """Lock the caller's row, for changes that take several numbers.

    Returns the last number taken, the time, and the `count` of the caller's rows of `noun`.
    """
    return owned(
        select(
            _users.c.revision,
            utc(func.clock_timestamp()).label("changed_at"),
            noun.counter.label("count"),
        )
        .where(*_IS_ACTIVE)
        .with_for_update(key_share=True)
    )


def take_up_to_newest(noun: Noun) -> CTE:
    """Take all numbers up to `:newest`, and count `:added` new rows of `noun`.

    For a transaction that has the lock of `lock`.
    """
    added = noun.counter + bindparam("added", type_=Integer())
    newest = bindparam("newest", type_=BigInteger())
    values = {_users.c.revision: newest, noun.counter: added}
    return update(_users).where(*_IS_ACTIVE).values(values).cte("owner")


def next_revision(*conditions: ColumnElement[Any], **counters: Any) -> CTE:
    """`WITH owner AS (…)`: the caller's next `revision`, and `changed_at`, if `conditions` hold.

    It locks the owner's row to the end of the transaction and reads the clock after that, so
    both are committed in their order. It returns no row, so that what builds on it changes
    nothing, for a user who is deleted or disabled. `counters` are columns to set, by name.
    """
    return (
        update(_users)
        .where(*_IS_ACTIVE, *conditions)
        .values(revision=_users.c.revision + 1, **counters)
        .returning(_users.c.revision, func.clock_timestamp().label("changed_at"))
        .cte("owner")
    )


def next_revision_for_new(noun: Noun, *conditions: ColumnElement[Any]) -> CTE:
    """As above, for the insertion of one row: it is counted, and returns no row at `:limit`.

    The insertion must fail, not do nothing, on a conflict: it would have been counted.
    """
    counted = {noun.counter.name: noun.counter + 1}
    return next_revision(noun.counter < _LIMIT, *conditions, **counted)


def next_revision_of(noun: Noun, *this: ColumnElement[Any], deletes: bool = False) -> CTE:
    """As above, for a change of the row that `this` picks: without it, no number is taken.

    The row is locked first and its owner after it, in this order everywhere, so that no two
    changes wait for each other, and a stale write takes no number.
    """
    target = select(noun.table.c.id).where(*this).with_for_update(key_share=True).cte("target")
    counted = {noun.counter.name: noun.counter - 1} if deletes else {}
    return next_revision(exists(select(target.c.id)), **counted)


async def check_active(scope: UserScope) -> None:
    """Raise `Unauthenticated` for a user who is deleted or disabled, and so gets no number."""
    if await scope.one(_FIND_ACTIVE) is None:
        raise Unauthenticated


async def check_quota(scope: UserScope, noun: Noun, limit: int) -> None:
    """Raise `QuotaExceeded` if the caller has `limit` rows of `noun`, or `Unauthenticated`."""
    row = await scope.one(_FIND_ACTIVE)
    if row is None:
        raise Unauthenticated
    if row[noun.counter.name] >= limit:
        raise QuotaExceeded(noun.plural, limit)
