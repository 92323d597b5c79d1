"""Refresh tokens: each is exchanged for the next one, and a reused one ends its session."""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    LargeBinary,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL, array

from duly.core.errors import LocalAccountsDisabled, RateLimited, Unauthenticated
from duly.core.logging import bind_user, log
from duly.core.tokens import InvalidToken
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import Session, User
from duly.models.sessions import MAX_SPENT
from duly.runtime.context import Context
from duly.services import security_events
from duly.services.accounts import read_account
from duly.services.profiles import PROFILE
from duly.services.sessions import LIFETIME, SESSION_ID, end, ending, session_response
from duly.utils.tables import table_of

REPLAY_WINDOW = timedelta(seconds=10)
"""How long a used refresh token still gets the successor that it got before."""

COOKIE_REPLAY_WINDOW = timedelta(hours=24)
"""The same for a token in a cookie, as long as its successor has not been used."""

_REFUSED = "The refresh token is invalid, expired or already used."

_sessions = table_of(Session)
_users = table_of(User)
_PRESENTED = bindparam("presented", type_=LargeBinary())
_window = bindparam("replay_window", type_=INTERVAL())
_unused_window = bindparam("unused_window", type_=INTERVAL())
_is_current = _sessions.c.refresh_hash == _PRESENTED

# The position of the presented token among the spent ones, and its successor.
_position = func.array_position(_sessions.c.spent_hashes, _PRESENTED, type_=Integer())
_chain = _sessions.c.spent_hashes + array([_sessions.c.refresh_hash])
_successor = _chain[_position + 1]
_count = func.cardinality(_sessions.c.spent_hashes, type_=Integer())
_spent_at = _sessions.c.spent_at[_position]
# The successor of the last spent token is the current one, which was not used yet.
_is_repeatable = or_(
    _spent_at > func.now() - _window,
    and_(_position == _count, _spent_at > func.now() - _unused_window),
)

# How many of the oldest spent tokens have left the window; by now(), which is one time in all of
# the statement.
_times = func.unnest(_sessions.c.spent_at).column_valued("spent")
_lapsed = select(func.count(_times)).where(_times <= func.now() - _window).scalar_subquery()
_first_kept = _lapsed + 1
_now = func.now(type_=DateTime(timezone=True))
_THIS = (
    _sessions.c.user_id == USER_ID,
    _sessions.c.id == SESSION_ID,
    _sessions.c.expires_at > func.now(),
    _users.c.id == USER_ID,
    _users.c.disabled_at.is_(None),
)
_FOUND = (
    _successor.label("_successor_hash"),
    _users.c.password_hash.is_not(None).label("_is_local"),
    *PROFILE,
)
_used_now: dict[str, Any] = {"last_used_at": func.now(), "expires_at": func.now() + LIFETIME}
# Two statements and not one with CASE, in which Citus refuses `now()`.
_ROTATE = owned(
    update(_sessions)
    .where(*_THIS, _is_current, _count - _lapsed < MAX_SPENT)
    .values(
        refresh_hash=bindparam("successor", type_=LargeBinary()),
        spent_hashes=_sessions.c.spent_hashes[_first_kept:MAX_SPENT] + array([_PRESENTED]),
        spent_at=_sessions.c.spent_at[_first_kept:MAX_SPENT] + array([_now]),
        **_used_now,
    )
    .returning(*_FOUND)
)
_REPEAT = owned(
    update(_sessions)
    .where(
        *_THIS,
        or_(
            _is_current,  # with too many spent ones: there is no successor
            and_(
                _is_repeatable,
                _successor == any_(bindparam("successors", type_=ARRAY(LargeBinary()))),
            ),
        ),
    )
    .values(_used_now)
    .returning(*_FOUND)
)

_END_REUSED = ending(
    and_(
        _sessions.c.id == SESSION_ID,
        _sessions.c.refresh_hash != _PRESENTED,
        _is_repeatable.is_not(true()),
    )
)


async def refresh_session(
    context: Context, token: str, *, in_cookie: bool = False
) -> dict[str, Any]:
    """Exchange a refresh token; each works once.

    Within `REPLAY_WINDOW` of its exchange, a token gets the same successor again, however often
    that one was exchanged itself; one in a cookie also within `COOKIE_REPLAY_WINDOW` until its
    successor is exchanged. A later replay ends the session. Raise `Unauthenticated`, and
    `RateLimited` for more than `MAX_SPENT` exchanges in one window, and `LocalAccountsDisabled`.
    """
    try:
        presented = context.keyring.read_refresh(token, in_cookie=in_cookie)
    except InvalidToken:
        raise Unauthenticated(_REFUSED) from None
    bind_user(presented.user_id)
    await context.throttle.spend_refresh(str(presented.session_id))
    successors = {token.digest: token for token in context.keyring.successors(presented)}
    scope = UserScope(context.pool, presented.user_id)
    if not context.settings.local_accounts:
        await _require_no_password(scope)
    this: dict[str, Any] = {
        "session_id": presented.session_id,
        "presented": presented.digest,
        "replay_window": REPLAY_WINDOW,
        "unused_window": COOKIE_REPLAY_WINDOW if in_cookie else REPLAY_WINDOW,
    }
    lifetime = context.session_lifetime
    found = await scope.find(_ROTATE, **this, successor=next(iter(successors)), lifetime=lifetime)
    if found is None:
        found = await scope.find(_REPEAT, **this, successors=list(successors), lifetime=lifetime)
    if found is None:
        # A rejection for another reason (session expired, account disabled) is not a reuse.
        async with scope.transaction() as transaction:
            ended = await end(context, transaction, _END_REUSED, **this)
            if ended:
                await security_events.record(transaction, "session.refresh_reused")
        if ended:
            log.warning("session.refresh_reused", session_id=str(presented.session_id))
        raise Unauthenticated(_REFUSED)
    successor = found.facts["successor_hash"]
    assert found.resource is not None
    if successor is None:
        raise RateLimited(int(REPLAY_WINDOW.total_seconds()), limit="refreshes")
    is_local = found.facts["is_local"]
    return session_response(context, successors[successor], found.resource, is_local)


async def _require_no_password(scope: UserScope) -> None:
    """Raise `LocalAccountsDisabled` for an account with a password."""
    account = await read_account(scope)
    if account is not None and account.password_hash is not None:
        raise LocalAccountsDisabled
