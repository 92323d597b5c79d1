"""Lists of a user's sessions: page by page for the API, whole for the export."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Uuid, bindparam, func, select, true, tuple_

from duly.core.tokens import InvalidToken, Keyring
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import Session, User
from duly.records import pages
from duly.runtime.context import Caller
from duly.schemas.auth import SessionQuery
from duly.utils.tables import table_of
from duly.utils.times import utc

_sessions = table_of(Session)
_users = table_of(User)

_SHAPE = ["sessions"]

_COLUMNS = (
    _sessions.c.id,
    _sessions.c.user_agent,
    utc(_sessions.c.created_at),
    utc(_sessions.c.last_used_at),
    utc(_sessions.c.expires_at),
    (_sessions.c.id == bindparam("session_id", type_=Uuid())).label("is_current"),
)
_LIVE = (_sessions.c.user_id == USER_ID, _sessions.c.expires_at > func.now())

_LIST = owned(
    select(*_COLUMNS).where(*_LIVE).order_by(_sessions.c.created_at.desc(), _sessions.c.id.desc())
)


@cache
def _page(*, resumed: bool, counted: bool) -> OwnedStatement:
    position = []
    if resumed:
        mark = tuple_(
            bindparam("after_value", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid()),
        )
        position.append(tuple_(_sessions.c.created_at, _sessions.c.id) < mark)
    rows = (
        select(*_COLUMNS)
        .where(*_LIVE, *position)
        .order_by(_sessions.c.created_at.desc(), _sessions.c.id.desc())
        .limit(bindparam("limit", type_=Integer()))
        .subquery("page")
    )
    counters: list[Any] = [true().label("_is_there")]
    if counted:
        total = select(func.count()).select_from(_sessions).where(*_LIVE).scalar_subquery()
        counters.append(total.label("_total"))
    # The counters come with every row, and with a row of their own if the page is empty.
    owner = select(*counters).where(_users.c.id == USER_ID).subquery("owner")
    return owned(
        select(owner, rows)
        .select_from(owner.outerjoin(rows, true()))
        .order_by(rows.c.created_at.desc(), rows.c.id.desc())
    )


async def list_sessions(caller: Caller) -> list[Row]:
    """All sessions of the caller, the newest first."""
    return await caller.scope.all(_LIST, session_id=caller.session_id)


async def read_page(caller: Caller, keyring: Keyring, query: SessionQuery) -> dict[str, Any]:
    """Return a page of the caller's sessions, the newest first: `items`, `next_cursor`, `total`.

    Raise `ValidationFailed` for an invalid cursor and `Unauthenticated` if the account is gone.
    """
    params: dict[str, Any] = {"session_id": caller.session_id}
    if query.cursor is not None:
        params["after_value"], params["after_id"] = _open(caller, keyring, query.cursor)
    statement = _page(resumed=query.cursor is not None, counted=query.include_total)
    page, _ = await pages.fetch_page(
        caller.scope,
        keyring,
        statement,
        limit=query.limit,
        mark_of=lambda row: [*_SHAPE, row["created_at"], row["id"]],
        params=params,
    )
    return page


def _open(caller: Caller, keyring: Keyring, cursor: str) -> tuple[datetime, UUID]:
    try:
        *shape, created_at, session_id = keyring.read_cursor(caller.scope.user_id, cursor)
    except InvalidToken:
        shape = []
    if shape != _SHAPE:
        raise pages.invalid_cursor("Pass next_cursor unchanged")
    return datetime.fromisoformat(created_at).replace(tzinfo=UTC), UUID(session_id)
