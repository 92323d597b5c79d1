"""Lists of a user's sessions: page by page for the API, whole for the export."""

from functools import cache
from typing import Any

from sqlalchemy import Uuid, bindparam, func

from duly.core.tokens import Keyring
from duly.database.statements import USER_ID, OwnedStatement
from duly.database.values import Row
from duly.models import Session
from duly.runtime.context import Caller
from duly.schemas.auth import SessionQuery
from duly.services import newest_first
from duly.utils.tables import table_of
from duly.utils.times import utc

_sessions = table_of(Session)

_COLUMNS = (
    _sessions.c.id,
    _sessions.c.user_agent,
    utc(_sessions.c.created_at),
    utc(_sessions.c.last_used_at),
    utc(_sessions.c.expires_at),
    (_sessions.c.id == bindparam("session_id", type_=Uuid())).label("is_current"),
)
_LIVE = (_sessions.c.user_id == USER_ID, _sessions.c.expires_at > func.now())

_LIST = newest_first.whole_list(_sessions, _COLUMNS, _LIVE)


@cache
def _page(*, resumed: bool, counted: bool) -> OwnedStatement:
    return newest_first.page_statement(
        _sessions, _COLUMNS, _LIVE, resumed=resumed, counted=counted
    )


async def list_sessions(caller: Caller) -> list[Row]:
    """All sessions of the caller, the newest first."""
    return await caller.scope.all(_LIST, session_id=caller.session_id)


async def read_page(caller: Caller, keyring: Keyring, query: SessionQuery) -> dict[str, Any]:
    """Return a page of the caller's sessions, the newest first: `items`, `next_cursor`, `total`.

    Raise `ValidationFailed` for an invalid cursor and `Unauthenticated` if the account is gone.
    """
    return await newest_first.read_page(
        caller.scope,
        keyring,
        query,
        shape="sessions",
        statement=_page,
        params={"session_id": caller.session_id},
    )
