"""Sessions: made at sign-in, renewed by refresh tokens, ended one by one or all at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Interval,
    LargeBinary,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from duly.core.errors import NotFound, Unauthenticated
from duly.core.logging import bind_user, log
from duly.core.security import InvalidToken, RefreshToken
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import RevokedSession, Session, User
from duly.services.columns import PROFILE
from duly.services.context import Caller, Client, Context
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of
from duly.utils.times import utc

REPLAY_WINDOW = timedelta(seconds=10)
"""How long a used refresh token still gets the successor that it got before."""

_MAX_USER_AGENT = 255

# Tokens of a refresh that raced with the end of its session may be that much younger.
_REVOCATION_MARGIN = timedelta(minutes=1)

_sessions = table_of(Session)
_users = table_of(User)
_revoked = table_of(RevokedSession)

_LIFETIME = bindparam("lifetime", type_=Interval())
_SESSION_ID = bindparam("session_id", type_=Uuid())
_PRESENTED = bindparam("presented", type_=LargeBinary())

# Nothing is inserted for an account that was disabled, deleted or given another password
# since the one presented was checked; FOR SHARE makes those wait, or this one see them.
_OPEN = owned(
    insert(_sessions)
    .from_select(
        ["user_id", "id", "refresh_hash", "user_agent", "expires_at"],
        select(
            USER_ID,
            _SESSION_ID,
            bindparam("refresh_hash", type_=LargeBinary()),
            bindparam("user_agent", type_=Text()),
            func.now() + _LIFETIME,
        )
        .select_from(_users)
        .where(
            _users.c.id == USER_ID,
            _users.c.disabled_at.is_(None),
            _users.c.password_hash == bindparam("password_hash", type_=Text()),
        )
        .with_for_update(read=True),
    )
    .returning(_sessions.c.id)
)

_is_current = _sessions.c.refresh_hash == _PRESENTED
_is_recent_replay = and_(
    _sessions.c.previous_hash == _PRESENTED,
    _sessions.c.rotated_at > func.now() - bindparam("replay_window", type_=Interval()),
    _sessions.c.refresh_hash == any_(bindparam("successors", type_=ARRAY(LargeBinary()))),
)
_ROTATE = owned(
    update(_sessions)
    .where(
        _sessions.c.user_id == USER_ID,
        _sessions.c.id == _SESSION_ID,
        _sessions.c.expires_at > func.now(),
        or_(_is_current, _is_recent_replay),
        _users.c.id == USER_ID,
        _users.c.disabled_at.is_(None),
    )
    .values(
        refresh_hash=case(
            (_is_current, bindparam("successor", type_=LargeBinary())),
            else_=_sessions.c.refresh_hash,
        ),
        previous_hash=_PRESENTED,
        rotated_at=case((_is_current, func.now()), else_=_sessions.c.rotated_at),
        last_used_at=func.now(),
        expires_at=func.now() + _LIFETIME,
    )
    .returning(_sessions.c.refresh_hash, *PROFILE)
)

_LIST = owned(
    select(
        _sessions.c.id,
        _sessions.c.user_agent,
        utc(_sessions.c.created_at),
        utc(_sessions.c.last_used_at),
        utc(_sessions.c.expires_at),
        (_sessions.c.id == _SESSION_ID).label("is_current"),
    )
    .where(_sessions.c.user_id == USER_ID, _sessions.c.expires_at > func.now())
    .order_by(_sessions.c.created_at.desc(), _sessions.c.id)
)


def _ending(which: ColumnElement[bool]) -> OwnedStatement:
    """End sessions and list them as revoked, in one statement."""
    ended = (
        delete(_sessions)
        .where(_sessions.c.user_id == USER_ID, which)
        .returning(_sessions.c.id)
        .cte("ended")
    )
    return owned(
        insert(_revoked)
        .from_select(
            ["session_id", "expires_at"],
            select(ended.c.id, func.now() + bindparam("access_lifetime", type_=Interval())),
        )
        .returning(_revoked.c.session_id)
    )


_END_ONE = _ending(_sessions.c.id == _SESSION_ID)
_END_REUSED = _ending(and_(_sessions.c.id == _SESSION_ID, _sessions.c.refresh_hash != _PRESENTED))
_END_OTHERS = _ending(_sessions.c.id != _SESSION_ID)
_END_ALL = _ending(true())


async def open_session(
    context: Context, scope: UserScope, client: Client, user: Row, password_hash: str
) -> dict[str, Any]:
    """Sign a user in whose password was found to fit `password_hash`; gives the session answer.

    Raises `Unauthenticated` where the account has changed since.
    """
    refresh = context.keyring.issue_refresh(scope.user_id, new_id())
    opened = await scope.one(
        _OPEN,
        session_id=refresh.session_id,
        refresh_hash=refresh.digest,
        user_agent=client.user_agent and client.user_agent[:_MAX_USER_AGENT],
        lifetime=context.session_lifetime,
        password_hash=password_hash,
    )
    if opened is None:
        raise Unauthenticated("Incorrect email or password.")
    return _answer(context, refresh, user)


async def refresh_session(context: Context, token: str) -> dict[str, Any]:
    """Exchange a refresh token; each works once.

    One that is replayed within `REPLAY_WINDOW` gets the same successor; a later replay ends the
    session. Raises `Unauthenticated`.
    """
    try:
        presented = context.keyring.read_refresh(token)
    except InvalidToken:
        raise Unauthenticated("The refresh token is invalid, expired or already used.") from None
    bind_user(presented.user_id)
    await context.throttle.spend_refresh(str(presented.session_id))
    successors = {token.digest: token for token in context.keyring.successors(presented)}
    scope = UserScope(context.pool, presented.user_id)
    row = await scope.one(
        _ROTATE,
        session_id=presented.session_id,
        presented=presented.digest,
        successor=next(iter(successors)),
        successors=list(successors),
        replay_window=REPLAY_WINDOW,
        lifetime=context.session_lifetime,
    )
    if row is None:
        # Refused for another reason (the session is over, the account disabled), it is no reuse.
        this = {"session_id": presented.session_id, "presented": presented.digest}
        if await _end(context, scope, _END_REUSED, **this):
            log.warning("session.refresh_reused", session_id=str(presented.session_id))
        raise Unauthenticated("The refresh token is invalid, expired or already used.")
    return _answer(context, successors[row.pop("refresh_hash")], row)


async def list_sessions(caller: Caller) -> list[Row]:
    """The caller's sessions, the newest first."""
    return await caller.scope.all(_LIST, session_id=caller.session_id)


async def end_one(context: Context, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions. Raises `NotFound`."""
    if not await end_sessions(context, caller.scope, session_id=session_id):
        raise NotFound
    log.info("session.ended", session_id=str(session_id))


async def end_all(context: Context, caller: Caller) -> None:
    """End all sessions of the caller, the one that asks included."""
    ended = await end_sessions(context, caller.scope)
    log.info("session.all_ended", count=len(ended))


async def end_sessions(
    context: Context,
    scope: UserScope,
    *,
    session_id: UUID | None = None,
    all_but: UUID | None = None,
) -> list[UUID]:
    """End one session, all but one, or all; every worker refuses their tokens within a second."""
    if session_id is not None:
        return await _end(context, scope, _END_ONE, session_id=session_id)
    if all_but is not None:
        return await _end(context, scope, _END_OTHERS, session_id=all_but)
    return await _end(context, scope, _END_ALL)


async def _end(
    context: Context, scope: UserScope, statement: OwnedStatement, **params: Any
) -> list[UUID]:
    rows = await scope.all(
        statement, access_lifetime=context.access_lifetime + _REVOCATION_MARGIN, **params
    )
    ended = [row["session_id"] for row in rows]
    context.revocations.add(ended)
    return ended


def _answer(context: Context, refresh: RefreshToken, user: Row) -> dict[str, Any]:
    seconds = int(context.access_lifetime.total_seconds())
    return {
        "access_token": context.keyring.issue_access(refresh.user_id, refresh.session_id, seconds),
        "refresh_token": refresh.token,
        "token_type": "bearer",
        "expires_in": seconds,
        "user": user,
    }
