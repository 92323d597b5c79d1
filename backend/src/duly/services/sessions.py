"""Sessions: opened at sign-in, and ended one by one or all at once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL, array

from duly.core.config import MAX_ACCESS_TOKEN_MINUTES
from duly.core.errors import NotFound, Unauthenticated
from duly.core.logging import log
from duly.core.tokens import RefreshToken
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import RevokedSession, Session, User
from duly.models.users import MAX_KNOWN_ADDRESSES
from duly.runtime.context import Caller, Client, Context
from duly.services import security_events
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

REVOCATION_LIFETIME = timedelta(minutes=MAX_ACCESS_TOKEN_MINUTES + 1)
"""How long an ended session is recorded as revoked: longer than any access token is valid.

It does not depend on this instance's setting, which may have been higher before, or be higher on
another instance. The extra minute is for clocks that differ and for a refresh that raced with the
end of its session.
"""

RECENT = timedelta(minutes=10)
"""How long a sign-in shows that the user is present."""

_MAX_USER_AGENT = 255

_sessions = table_of(Session)
_users = table_of(User)
_revoked = table_of(RevokedSession)

LIFETIME = bindparam("lifetime", type_=INTERVAL())
SESSION_ID = bindparam("session_id", type_=Uuid())
_ADDRESS = bindparam("address", type_=LargeBinary())
_OTHERS = func.array_remove(_users.c.known_addresses, _ADDRESS, type_=ARRAY(LargeBinary()))
_LATEST_ADDRESSES = (array([_ADDRESS]) + _OTHERS)[1:MAX_KNOWN_ADDRESSES]


def _admitting(password: ColumnElement[bool]) -> OwnedStatement:
    """Lock the account, so that its sessions are counted by one sign-in at a time.

    No row matches if the account was disabled or deleted, or if its password has changed since the
    one sent was checked.
    """
    return owned(
        update(_users)
        .where(_users.c.id == USER_ID, _users.c.disabled_at.is_(None), password)
        .values(
            # Citus 13.2 crashes on a slice that is not an argument of a function.
            known_addresses=func.coalesce(_LATEST_ADDRESSES, type_=ARRAY(LargeBinary()))
        )
        .returning(_users.c.id)
    )


_ADMIT = _admitting(_users.c.password_hash == bindparam("password_hash", type_=Text()))
_ADMIT_WITHOUT_PASSWORD = _admitting(_users.c.password_hash.is_(None))


# A statement of its own: Citus has none that change both a user's rows and those of all nodes.
_RECORD = owned(
    insert(_revoked)
    .from_select(
        ["session_id", "expires_at"],
        select(
            func.unnest(bindparam("ids", type_=ARRAY(Uuid())), type_=Uuid()),
            func.now() + bindparam("lifetime", REVOCATION_LIFETIME, type_=INTERVAL()),
        ),
    )
    .returning(_revoked.c.session_id)
)


def ending(which: ColumnElement[bool]) -> OwnedStatement:
    """The end of sessions, for `end`."""
    return owned(
        delete(_sessions).where(_sessions.c.user_id == USER_ID, which).returning(_sessions.c.id)
    )


def _opening() -> OwnedStatement:
    """Open a session and end the user's oldest ones beyond `kept` others.

    It runs under the lock that `_ADMIT` took, in a statement of its own, so that it sees the
    sessions of all sign-ins before it.
    """
    opened = (
        insert(_sessions)
        .values(
            user_id=USER_ID,
            id=SESSION_ID,
            refresh_hash=bindparam("refresh_hash", type_=LargeBinary()),
            user_agent=bindparam("user_agent", type_=Text()),
            expires_at=func.now() + LIFETIME,
        )
        .returning(_sessions.c.id)
        .cte("opened")
    )
    beyond = (
        select(_sessions.c.id)
        .where(_sessions.c.user_id == USER_ID)
        .order_by(
            _sessions.c.last_used_at.desc(), _sessions.c.created_at.desc(), _sessions.c.id.desc()
        )
        .offset(bindparam("kept", type_=Integer()))
        .subquery("beyond")
    )
    return owned(
        delete(_sessions)
        .where(_sessions.c.user_id == USER_ID, _sessions.c.id == beyond.c.id)
        .returning(_sessions.c.id)
        .add_cte(opened)
    )


_OPEN = _opening()

_IS_RECENT = owned(
    select(_sessions.c.id).where(
        _sessions.c.user_id == USER_ID,
        _sessions.c.id == SESSION_ID,
        _sessions.c.created_at > func.now() - bindparam("age", type_=INTERVAL()),
    )
)

END_ONE = ending(_sessions.c.id == SESSION_ID)
END_OTHERS = ending(_sessions.c.id != SESSION_ID)
END_ALL = ending(true())


async def open_session(
    context: Context, scope: UserScope, client: Client, user: Row, password_hash: str | None
) -> "Opened":
    """Sign in a user whose password was found to fit `password_hash`, or whose account has none.

    `scope` must be in a transaction; once that is committed, `Opened.announce` returns the
    response. Sessions beyond `max_sessions` end, the least recently used first. Raise
    `Unauthenticated` if the account has changed since the password was checked.
    """
    address = context.keyring.address_digests(scope.user_id, client.address)[0]
    if password_hash is None:
        admitted = await scope.one(_ADMIT_WITHOUT_PASSWORD, address=address)
    else:
        admitted = await scope.one(_ADMIT, password_hash=password_hash, address=address)
    if admitted is None:
        raise Unauthenticated("Incorrect email or password.")
    refresh = context.keyring.issue_refresh(scope.user_id, new_id(), in_cookie=client.has_cookie)
    ended = await scope.all(
        _OPEN,
        session_id=refresh.session_id,
        refresh_hash=refresh.digest,
        user_agent=client.user_agent and client.user_agent[:_MAX_USER_AGENT],
        lifetime=context.session_lifetime,
        kept=context.settings.max_sessions - 1,
    )
    ids = [row["id"] for row in ended]
    await _record(scope, ids)
    is_local = password_hash is not None
    return Opened(context, refresh, user, ids, is_local)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened in a transaction, and the ids of those that it ended."""

    _context: Context
    _refresh: RefreshToken
    _user: Row
    _ended: list[UUID]
    _is_local: bool

    def announce(self) -> dict[str, Any]:
        """Note that the transaction is committed, and return the session response."""
        if self._ended:
            self._context.revocations.add(self._ended)
            log.info("session.oldest_ended", count=len(self._ended))
        return session_response(self._context, self._refresh, self._user, self._is_local)


async def end_session(context: Context, caller: Caller, session_id: UUID, client: Client) -> None:
    """End one of the caller's sessions. Raise `NotFound`."""
    async with caller.scope.transaction() as scope:
        if not await end(context, scope, END_ONE, session_id=session_id):
            raise NotFound
        await security_events.record(scope, "session.ended", client)
    log.info("session.ended", session_id=str(session_id))


async def end_all_sessions(context: Context, caller: Caller, client: Client) -> None:
    """End all sessions of the caller, the current one included."""
    async with caller.scope.transaction() as scope:
        ended = await end(context, scope, END_ALL)
        await security_events.record(scope, "session.all_ended", client)
    log.info("session.all_ended", count=len(ended))


async def is_recent(scope: UserScope, session_id: UUID, age: timedelta = RECENT) -> bool:
    """Whether a session was opened at most `age` ago."""
    return await scope.one(_IS_RECENT, session_id=session_id, age=age) is not None


async def end(
    context: Context, scope: UserScope, statement: OwnedStatement, **params: Any
) -> list[UUID]:
    """Run `END_ONE` or another statement that returns ids, and list these as revoked; return them.

    `scope` must be in a transaction. Every worker notices within a second of its commit.
    """
    ended = [row["id"] for row in await scope.all(statement, **params)]
    await revoke(context, scope, ended)
    return ended


async def revoke(context: Context, scope: UserScope, ids: list[UUID]) -> None:
    """List sessions, API tokens or identities of a user as revoked, in a transaction."""
    await _record(scope, ids)
    context.revocations.add(ids)


async def _record(scope: UserScope, ids: list[UUID]) -> None:
    if ids:
        await scope.all(_RECORD, ids=ids)


def session_response(
    context: Context, refresh: RefreshToken, user: Row, is_local: bool
) -> dict[str, Any]:
    """Return what a sign-in or a refresh returns: both tokens, and the user.

    `is_local` says that the account has a password. The issuers of others say what they verify.
    """
    seconds = int(context.access_lifetime.total_seconds())
    is_verified = user["email_verified_at"] is not None or not is_local
    return {
        "access_token": context.keyring.issue_access(
            refresh.user_id,
            refresh.session_id,
            seconds,
            is_verified=is_verified or not context.settings.require_verified_email,
        ),
        "refresh_token": refresh.token,
        "token_type": "bearer",
        "expires_in": seconds,
        "user": user,
    }
