"""The revision that each change allocates from its user, in the statement of the change.

The owner's row is locked before any other row of the owner except an idempotency key: the
transaction with that lock is the only writer of the user's resources, and revisions are committed
in their order. The statement also moves the counter of the rows that it inserts or deletes, so a
quota needs no look-up.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    bindparam,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.errors import TooManyChanges
from duly.database.statements import USER_ID, owned
from duly.models import User
from duly.utils.tables import table_of

_users = table_of(User)

IS_ACTIVE = (_users.c.id == USER_ID, _users.c.disabled_at.is_(None))
"""The caller's account is there and not disabled."""

LOCK = owned(select(_users.c.revision).where(*IS_ACTIVE).with_for_update(key_share=True))
"""Lock the owner's row until the transaction ends, and return its revision.

No row if the account is deleted or disabled.
"""

MAX_CHANGES = 10_000
"""The largest number of resources that one request may change."""

# The revision that changes of several resources may reach. A batch sets it: see `commands.run_all`.
_LAST_REVISION = bindparam("last_revision", 2**63 - 1, type_=BigInteger())

_seen = _users.alias("seen")
IS_FRESH = _users.c.revision == (
    select(_seen.c.revision).where(_seen.c.id == USER_ID).scalar_subquery()
)
"""Nothing of the user has changed between the statement's snapshot and its lock.

A statement that decides by rows that it does not lock requires this: otherwise it could miss what
another write did while it waited. It then changes nothing, and runs again under the lock.
"""


# The time of the transaction, or just after the last change: another transaction may have begun
# after this one and written before it. At most a minute ahead, if the clock was wrong before. All of
# it suits Citus: `clock_timestamp()` and CASE would not, nor would a sum of a `timestamptz` that
# depends on the time zone of the session.
_just_after = func.timezone("UTC", _users.c.changed_at, type_=DateTime()) + literal(
    timedelta(microseconds=1), INTERVAL()
)
_CHANGED_AT = func.greatest(
    func.now(),
    func.least(
        func.timezone("UTC", _just_after, type_=DateTime(timezone=True)),
        func.now() + literal(timedelta(minutes=1), INTERVAL()),
    ),
)


def next_revision(*conditions: ColumnElement[Any], **counters: ColumnElement[Any]) -> CTE:
    """`WITH owner AS (…)`: the caller's next `revision`, and `changed_at`, if `conditions` hold.

    Each is later than that of any change before, unless the clock was set back. It returns no row,
    so that what builds on it changes nothing, if the account is deleted or disabled.
    `counters` are columns of the owner's row to set, by name.
    """
    return (
        update(_users)
        .where(*IS_ACTIVE, *conditions)
        .values(revision=_users.c.revision + 1, changed_at=_CHANGED_AT, **counters)
        .returning(_users.c.revision, _users.c.changed_at)
        .cte("owner")
    )


def next_revision_of(
    table: Any, *conditions: ColumnElement[Any], **counters: ColumnElement[Any]
) -> CTE:
    """The same for a change of the row of `table` that meets `conditions`, if there is one.

    That row is locked after its owner's. PostgreSQL then checks the conditions again, so a write
    that became stale while it waited changes nothing and allocates no revision.
    """
    locked = select(_users.c.id).where(*IS_ACTIVE).with_for_update(key_share=True).cte("locked")
    target = (
        select(table.c.id)
        .where(exists(select(locked.c.id)), *conditions)
        .with_for_update(key_share=True)
        .cte("target")
    )
    return next_revision(exists(select(target.c.id)), **counters)


def next_revisions(
    count: ColumnElement[Any], *conditions: ColumnElement[Any], **counters: ColumnElement[Any]
) -> CTE:
    """The same for a change of `count` rows, which get the last `count` revisions; no row if 0."""
    return (
        update(_users)
        .where(
            *IS_ACTIVE,
            IS_FRESH,
            count > 0,
            _users.c.revision + count <= _LAST_REVISION,
            *conditions,
        )
        .values(revision=_users.c.revision + count, changed_at=_CHANGED_AT, **counters)
        .returning(_users.c.revision, _users.c.changed_at)
        .cte("owner")
    )


def check_count(count: int) -> None:
    """Raise `TooManyChanges` if one request would change so many resources."""
    if count > MAX_CHANGES:
        raise TooManyChanges(MAX_CHANGES, count)
