"""What happened to accounts, for their owners to see. The log has the same events."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.tokens import Keyring
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, OwnedStatement, across_users, owned
from duly.database.values import Row
from duly.models import SecurityEvent, User
from duly.schemas.security_events import SecurityEventQuery
from duly.services import newest_first
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of
from duly.utils.times import utc

if TYPE_CHECKING:
    from duly.runtime.context import Client

SIGN_IN_FAILED = "session.login_failed"
FACTOR_FAILED = "factor.failed"

_MAX_ADDRESS, _MAX_USER_AGENT = 45, 255
_MEMORY = timedelta(days=90)
MAX_EVENTS = 10_000
"""How many events of a user are kept: the newest."""

_events = table_of(SecurityEvent)
_users = table_of(User)

_COLUMNS = (
    _events.c.id,
    _events.c.event,
    _events.c.address,
    _events.c.user_agent,
    utc(_events.c.created_at),
)
_MINE = (_events.c.user_id == USER_ID,)

_others = _events.alias("others")
_trimmed = (
    delete(_events)
    .where(
        _events.c.user_id == USER_ID,
        # Compared with one time, which is looked up once, whatever the plan.
        _events.c.created_at
        <= select(_others.c.created_at)
        .where(_others.c.user_id == USER_ID)
        .order_by(_others.c.created_at.desc(), _others.c.id.desc())
        .offset(bindparam("kept", MAX_EVENTS, type_=Integer()))
        .limit(1)
        .scalar_subquery(),
    )
    .returning(_events.c.id)
    .cte("trimmed")
)
# From the user's row, which may be gone.
_RECORD = owned(
    insert(_events)
    .add_cte(_trimmed)
    .from_select(
        ["user_id", "id", "event", "address", "user_agent", "created_at"],
        select(
            USER_ID,
            bindparam("event_id", type_=Uuid()),
            bindparam("event", type_=Text()),
            bindparam("address", type_=Text()),
            bindparam("user_agent", type_=Text()),
            func.now(),  # events of one transaction are in the order of their ids
        )
        .select_from(_users)
        .where(_users.c.id == USER_ID),
    )
    .returning(_events.c.id)
)
_LIST = newest_first.whole_list(_events, _COLUMNS, _MINE)

_failed = (
    func.unnest(
        bindparam("user_ids", type_=ARRAY(Uuid())),
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("events", type_=ARRAY(Text())),
        bindparam("addresses", type_=ARRAY(Text())),
        bindparam("user_agents", type_=ARRAY(Text())),
        bindparam("ages", type_=ARRAY(INTERVAL())),
    )
    .table_valued(
        column("user_id", Uuid()),
        column("id", Uuid()),
        column("event", Text()),
        column("address", Text()),
        column("user_agent", Text()),
        column("age", INTERVAL()),
        name="failed",
    )
    .render_derived("failed")
)
_RECORD_FAILURES = across_users(
    insert(_events)
    .from_select(
        ["user_id", "id", "event", "address", "user_agent", "created_at"],
        select(
            _failed.c.user_id,
            _failed.c.id,
            _failed.c.event,
            _failed.c.address,
            _failed.c.user_agent,
            func.now() - _failed.c.age,
        ).join(_users, _users.c.id == _failed.c.user_id),
    )
    .returning(_events.c.id)
)
PURGE = across_users(
    select(func.count().label("count")).select_from(
        delete(_events)
        .where(_events.c.created_at < func.now() - bindparam("memory", _MEMORY, type_=INTERVAL()))
        .returning(_events.c.id)
        .cte("gone")
    )
)
"""Delete the events of more than 90 days ago; return the count."""


class Failure(NamedTuple):
    """A sign-in that failed, `at` by `time.monotonic`."""

    user_id: UUID
    event: str
    at: float
    address: str | None
    user_agent: str | None


async def record(scope: UserScope, event: str, client: "Client | None" = None) -> None:
    """Record an event of a user, in the transaction of what has happened."""
    await scope.one(
        _RECORD,
        event_id=new_id(),
        event=event,
        address=client and client.stored_address,
        user_agent=client and client.user_agent and client.user_agent[:_MAX_USER_AGENT],
    )


async def record_failures(scope: AcrossUsers, failures: Sequence[Failure], now: float) -> None:
    """Record sign-ins that failed, of accounts that still exist."""
    await scope.all(
        _RECORD_FAILURES,
        user_ids=[failure.user_id for failure in failures],
        ids=[new_id() for _ in failures],
        events=[failure.event for failure in failures],
        addresses=[failure.address for failure in failures],
        user_agents=[
            failure.user_agent and failure.user_agent[:_MAX_USER_AGENT] for failure in failures
        ],
        ages=[timedelta(seconds=now - failure.at) for failure in failures],
    )


@cache
def _page(*, resumed: bool, counted: bool) -> OwnedStatement:
    return newest_first.page_statement(_events, _COLUMNS, _MINE, resumed=resumed, counted=counted)


async def list_events(scope: UserScope) -> list[Row]:
    """All events of a user, the newest first."""
    return await scope.all(_LIST)


async def read_page(
    scope: UserScope, keyring: Keyring, query: SecurityEventQuery
) -> dict[str, Any]:
    """Return a page of a user's events, the newest first: `items`, `next_cursor`, `total`.

    Raise `ValidationFailed` for an invalid cursor and `Unauthenticated` if the account is gone.
    """
    return await newest_first.read_page(
        scope, keyring, query, shape="security_events", statement=_page
    )
