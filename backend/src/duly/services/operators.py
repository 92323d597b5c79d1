"""The operator's commands: accounts, and what to do after restoring a backup."""

from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    Text,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.errors import NotFound, ValidationFailed
from duly.core.logging import log
from duly.database.statements import (
    USER_ID,
    CrossUserStatement,
    OwnedStatement,
    across_users,
    owned,
    owned_change,
)
from duly.models import ApiToken, ApiTokenDigest, Installation, RevokedSession, Session, User
from duly.runtime.context import Context
from duly.services import api_tokens, email_links, factors, security_events
from duly.services.account_creation import PASSWORD, valid
from duly.services.account_list import FoundAccount, find
from duly.services.identities import end_identities
from duly.services.profiles import NEW_CREDENTIALS
from duly.services.sessions import END_ALL, REVOCATION_LIFETIME, end
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

Found = TypeVar("Found")

_users = table_of(User)
_sessions = table_of(Session)
_revoked = table_of(RevokedSession)
_api_tokens = table_of(ApiToken)


def _setting_disabled_at(value: ColumnElement[Any]) -> OwnedStatement:
    return owned(
        update(_users)
        .where(_users.c.id == USER_ID)
        .values(disabled_at=value)
        .returning(_users.c.id)
    )


_DISABLE = _setting_disabled_at(func.now())
_ENABLE = _setting_disabled_at(null())
_SET_PASSWORD = owned_change(
    update(_users)
    .where(_users.c.id == USER_ID, _users.c.password_hash.is_not(None))
    .values(password_hash=bindparam("password_hash", type_=Text()), pending_email=null())
    .values(NEW_CREDENTIALS)
    .returning(_users.c.id)
)
_SKIPPED = 2**32
"""More changes than a user can have made since a backup; versions stay far below 2^53."""

_SKIP_REVISIONS = across_users(
    select(func.count().label("count")).select_from(
        update(_users)
        .values(revision=_users.c.revision + _SKIPPED)
        .returning(_users.c.id)
        .cte("skipped")
    )
)
_SKIP_TIMEOUT = 600.0
_NEW_EPOCH = across_users(
    update(table_of(Installation)).values(epoch=func.gen_random_uuid()).returning(true())
)
_LIST_REVOCATIONS_AGAIN = across_users(update(_revoked).values(xid=func.pg_current_xact_id()))
"""The numbers of transactions in a backup mean nothing where it is restored: a worker would miss
revocations whose numbers are small, and read those with large ones each second.
"""
AFTER_MOVE = (_LIST_REVOCATIONS_AGAIN,)
"""The statements that a complete copy on another server needs."""
AFTER_RESTORE = (_NEW_EPOCH, _SKIP_REVISIONS, *AFTER_MOVE)
"""What invalidates all sync tokens and versions, and makes workers read the revocations."""


def _revoking_all(key: Column[Any], *others: Delete) -> CrossUserStatement:
    """Delete all rows of the table of `key`, list its values as revoked, and count them."""
    ids = delete(key.table).returning(key).cte("ended")
    revoked = (
        insert(_revoked)
        .from_select(
            ["session_id", "expires_at"],
            select(*ids.c, func.now() + bindparam("lifetime", type_=INTERVAL())),
        )
        .returning(_revoked.c.session_id)
        .cte("revoked")
    )
    counted = select(func.count().label("count")).select_from(revoked)
    for number, other in enumerate(others):
        counted = counted.add_cte(other.cte(f"other_{number}"))
    return across_users(counted)


_END_EVERY_SESSION = _revoking_all(_sessions.c.id)
_DELETE_EVERY_API_TOKEN = _revoking_all(
    _api_tokens.c.revocation_id, delete(table_of(ApiTokenDigest))
)


async def set_password(context: Context, account: str, password: str) -> int:
    """Set an account's password, end its sessions, and delete its API tokens.

    Return how many sessions there were. The rules for passwords are those of registration. Raises
    `NotFound`, `ValidationFailed`.
    """
    found = await find(context, account)
    _require_password(found)
    password_hash = await context.passwords.hash(valid("password", PASSWORD, password))
    async with found.scope.transaction() as scope:
        require(await scope.one(_SET_PASSWORD, password_hash=password_hash))
        ended = await end(context, scope, END_ALL)
        deleted = await api_tokens.delete_all(context, scope)
        await security_events.record(scope, "user.password_set")
    log.info(
        "user.password_set",
        user_id=str(found.scope.user_id),
        sessions_ended=len(ended),
        api_tokens_deleted=deleted,
    )
    return len(ended)


async def reset_link(context: Context, account: str) -> str:
    """Create a link that sets a new password of an account, within half an hour.

    Raises `NotFound`, `ValidationFailed`.
    """
    found = await find(context, account)
    _require_password(found)
    if found.is_disabled:
        raise ValidationFailed("This account is disabled; enable it first.")
    settings = context.settings
    path = await email_links.create(
        found.scope,
        context.keyring,
        email_links.RESET,
        link_id=new_id(),
        email=found.email or "",
    )
    await security_events.record(found.scope, "user.reset_link_created")
    log.info("user.reset_link_created", user_id=str(found.scope.user_id))
    return (settings.public_url or f"http://{settings.host}:{settings.port}") + path


async def remove_factors(context: Context, account: str) -> int:
    """Remove all second factors and recovery codes of an account; return how many factors.

    Raises `NotFound`.
    """
    found = (await find(context, account)).scope
    removed = await factors.remove_all(found)
    log.info("user.factors_removed", user_id=str(found.user_id), count=removed)
    return removed


async def disable_user(context: Context, account: str) -> None:
    """Keep an account from signing in, end its sessions, and have its other tokens rejected.

    Raises `NotFound`.
    """
    found = (await find(context, account)).scope
    async with found.transaction() as scope:
        require(await scope.one(_DISABLE))
        await end(context, scope, END_ALL)
        await api_tokens.announce_all(context, scope)
        await end_identities(context, scope)
        await security_events.record(scope, "user.disabled")
    log.info("user.disabled", user_id=str(found.user_id))


async def enable_user(context: Context, account: str) -> None:
    """Re-enable sign-in and API tokens for an account. Raises `NotFound`."""
    found = (await find(context, account)).scope
    async with found.transaction() as scope:
        require(await scope.one(_ENABLE))
        await security_events.record(scope, "user.enabled")
    log.info("user.enabled", user_id=str(found.user_id))


async def note_restore(context: Context, end_sessions: bool = False) -> int:
    """Invalidate all sync tokens: what a device has seen may be missing from the backup.

    Versions allocated since the backup are not allocated again. With `end_sessions`, also end
    every session, refuse its access tokens, and delete every API token; return how many sessions
    there were.
    """
    ended = deleted = 0
    async with context.across_users.transaction(timeout=_SKIP_TIMEOUT) as across_users:
        await across_users.one(_NEW_EPOCH)
        skipped = await across_users.one(_SKIP_REVISIONS)
        await across_users.all(_LIST_REVOCATIONS_AGAIN)
        if end_sessions:
            row = await across_users.one(_END_EVERY_SESSION, lifetime=REVOCATION_LIFETIME)
            ended = row["count"] if row else 0
            row = await across_users.one(_DELETE_EVERY_API_TOKEN, lifetime=REVOCATION_LIFETIME)
            deleted = row["count"] if row else 0
    log.info(
        "database.restored",
        users=skipped["count"] if skipped else 0,
        sessions_ended=ended,
        api_tokens_deleted=deleted,
    )
    return ended


def _require_password(found: FoundAccount) -> None:
    if not found.has_password:
        raise ValidationFailed(
            "This account has no password: its user signs in at another issuer or a provider."
        )


def require(found: Found | None) -> Found:
    """Return what was found. Raises `NotFound` for None."""
    if found is None:
        raise NotFound("There is no account with this email address or id.")
    return found
