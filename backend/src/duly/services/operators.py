"""The operator's commands: accounts, and what to do after restoring a backup."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import (
    Boolean,
    Column,
    Delete,
    Text,
    Uuid,
    bindparam,
    case,
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
from duly.database.scope import UserScope
from duly.database.statements import (
    USER_ID,
    CrossUserStatement,
    across_users,
    owned,
    owned_change,
)
from duly.database.values import Row
from duly.models import ApiToken, ApiTokenDigest, Installation, RevokedSession, Session, User
from duly.runtime.context import Context
from duly.schemas.auth import Registration
from duly.schemas.messages import message_of
from duly.services import api_tokens, email_links, factors, security_events
from duly.services.accounts import create_account, find_account
from duly.services.identities import end_identities
from duly.services.profiles import NEW_CREDENTIALS
from duly.services.sessions import END_ALL, REVOCATION_LIFETIME, end
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

Found = TypeVar("Found")

_PAGE = 500

_users = table_of(User)
_sessions = table_of(Session)
_revoked = table_of(RevokedSession)
_api_tokens = table_of(ApiToken)

_LIST = across_users(
    select(
        _users.c.id,
        _users.c.email,
        _users.c.created_at,
        _users.c.disabled_at.is_not(None).label("is_disabled"),
    )
    .where(_users.c.id > bindparam("after", type_=Uuid()))
    .order_by(_users.c.id)
    .limit(_PAGE)
)
_READ_EMAIL = owned(
    select(_users.c.email).where(
        _users.c.id == USER_ID,
        _users.c.disabled_at.is_(None),
        _users.c.password_hash.is_not(None),
    )
)
_SET_DISABLED = owned(
    update(_users)
    .where(_users.c.id == USER_ID)
    .values(
        disabled_at=case((bindparam("is_disabled", type_=Boolean()), func.now()), else_=null())
    )
    .returning(_users.c.id)
)
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
AFTER_RESTORE = (_NEW_EPOCH, _SKIP_REVISIONS, _LIST_REVOCATIONS_AGAIN)
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


async def create_user(context: Context, email: str, password: str, name: str | None) -> UUID:
    """Create an account by the rules of registration. Raises `ValidationFailed`, `EmailTaken`."""
    body = _checked(email, password, name)
    password_hash = await context.passwords.hash(body.password)
    async with context.across_users.transaction() as across_users:
        user = await create_account(across_users, body.email, body.name, password_hash)
    log.info("user.created", user_id=str(user["id"]))
    return UUID(str(user["id"]))


async def set_password(context: Context, email: str, password: str) -> int:
    """Set an account's password, end its sessions, and delete its API tokens.

    Return how many sessions there were. The rules for passwords are those of registration. Raises
    `NotFound`, `ValidationFailed`.
    """
    found = require(await find_account(context, email))
    password_hash = await context.passwords.hash(_checked(email, password).password)
    async with found.transaction() as scope:
        if await scope.one(_SET_PASSWORD, password_hash=password_hash) is None:
            raise NotFound("This account signs in at another issuer; it has no password.")
        ended = await end(context, scope, END_ALL)
        deleted = await api_tokens.delete_all(context, scope)
        await security_events.record(scope, "user.password_set")
    log.info(
        "user.password_set",
        user_id=str(found.user_id),
        sessions_ended=len(ended),
        api_tokens_deleted=deleted,
    )
    return len(ended)


async def reset_link(context: Context, email: str) -> str:
    """Create a link that sets a new password of an account, within half an hour.

    Raises `NotFound`.
    """
    found = await find_user(context, email)
    user = await found.one(_READ_EMAIL)
    if user is None:
        raise NotFound("This account is disabled (enable it first), or has no password.")
    settings = context.settings
    path = await email_links.create(
        found,
        context.keyring,
        email_links.RESET,
        link_id=new_id(),
        email=user["email"],
    )
    await security_events.record(found, "user.reset_link_created")
    log.info("user.reset_link_created", user_id=str(found.user_id))
    return (settings.public_url or f"http://{settings.host}:{settings.port}") + path


async def remove_factors(context: Context, email: str) -> int:
    """Remove all second factors and recovery codes of an account; return how many factors.

    Raises `NotFound`.
    """
    found = await find_user(context, email)
    removed = await factors.remove_all(found)
    log.info("user.factors_removed", user_id=str(found.user_id), count=removed)
    return removed


async def list_users(context: Context) -> AsyncIterator[Row]:
    """All accounts, the oldest first."""
    after = UUID(int=0)
    while page := await context.across_users.all(_LIST, after=after):
        for user in page:
            yield user
        after = page[-1]["id"]


async def disable_user(context: Context, account: str) -> None:
    """Keep an account from signing in, end its sessions, and have its other tokens rejected.

    Raises `NotFound`.
    """
    found = await find_user(context, account)
    async with found.transaction() as scope:
        require(await scope.one(_SET_DISABLED, is_disabled=True))
        await end(context, scope, END_ALL)
        await api_tokens.announce_all(context, scope)
        await end_identities(context, scope)
        await security_events.record(scope, "user.disabled")
    log.info("user.disabled", user_id=str(found.user_id))


async def enable_user(context: Context, account: str) -> None:
    """Let an account sign in again, and its API tokens work again. Raises `NotFound`."""
    found = await find_user(context, account)
    async with found.transaction() as scope:
        require(await scope.one(_SET_DISABLED, is_disabled=False))
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


def _checked(email: str, password: str, name: str | None = None) -> Registration:
    try:
        return Registration(email=email, password=password, name=name)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ValidationFailed(f"{first['loc'][0]}: {message_of(first)}") from None


async def find_user(context: Context, account: str) -> UserScope:
    """The scope of the account with an address, or with an id, which may not exist.

    Raises `NotFound` for an address without an account.
    """
    with suppress(ValueError):
        return context.across_users.user(UUID(account))
    return require(await find_account(context, account))


def require(found: Found | None) -> Found:
    """Return what was found. Raises `NotFound` for None."""
    if found is None:
        raise NotFound("There is no account with this email address or id.")
    return found
