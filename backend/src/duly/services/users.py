"""Accounts, as their owners manage them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from sqlalchemy import bindparam, delete, select, update

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.logging import log
from duly.core.scopes import OWN_SESSION
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.database.values import Row
from duly.models import ExportLease, IdempotencyKey, User
from duly.runtime.context import Caller, Client, Context
from duly.schemas.users import AccountDeletion, UserPatch
from duly.services import api_tokens, email_keys, email_verification, passkeys, security_events
from duly.services.accounts import confirm_password, read_account, require_password
from duly.services.identities import delete_identities
from duly.services.profiles import NEW_CREDENTIALS, NEXT_PROFILE, PROFILE
from duly.services.sessions import END_ALL, RECENT, end, is_recent
from duly.utils.tables import table_of

_DELETION_TIMEOUT = 60.0

_users = table_of(User)
_keys = table_of(IdempotencyKey)
_leases = table_of(ExportLease)

_READ = owned(select(*PROFILE).where(_users.c.id == USER_ID))
_LOCK = owned(
    select(_users.c.email, _users.c.email_verified_at, _users.c.password_hash)
    .where(_users.c.id == USER_ID)
    .with_for_update()
)
_DELETE_LEASE = owned(delete(_leases).where(_leases.c.user_id == USER_ID))
_DELETE_KEYS = owned(delete(_keys).where(_keys.c.user_id == USER_ID))
_DELETE = owned(delete(_users).where(_users.c.id == USER_ID))


@cache
def _update(fields: frozenset[str]) -> OwnedStatement:
    return owned_change(
        update(_users)
        .where(_users.c.id == USER_ID)
        .values({name: bindparam(name, type_=_users.c[name].type) for name in sorted(fields)})
        .values(NEW_CREDENTIALS if "email_verified_at" in fields else NEXT_PROFILE)
        .returning(*PROFILE)
    )


async def read(scope: UserScope) -> Row:
    """The caller's account. Raises `Unauthenticated` if it is deleted."""
    user = await scope.one(_READ)
    if user is None:
        raise Unauthenticated
    return user


async def patch(context: Context, caller: Caller, body: UserPatch, client: Client) -> Row:
    """Change the caller's account. A new email needs the password.

    Raises `ValidationFailed` without it, `EmailTaken`, and `RateLimited` for too many new ones.
    """
    changes = {
        name: getattr(body, name) for name in body.model_fields_set if name != "current_password"
    }
    user = await read(caller.scope)
    if not changes:
        return user
    verified = None
    if changes.get("email", user["email"]) != user["email"]:
        await require_password(caller.scope, "body.email")
        if body.current_password is None:
            raise ValidationFailed.of(
                "body.current_password", "Must be sent to change the email address", "missing"
            )
        verified = await confirm_password(context, caller.scope, client, body.current_password)
        await email_verification.spend(context, changes["email"], client)
        await email_verification.spend_note(context, caller.scope.user_id, client)
    async with context.across_users.transaction() as across_users:
        scope = across_users.user(caller.scope.user_id)
        locked = await scope.one(_LOCK)
        if locked is None:
            raise Unauthenticated
        is_new = changes.get("email", locked["email"]) != locked["email"]
        if is_new and locked["password_hash"] != verified:
            raise ValidationFailed.of(
                "body.current_password",
                "The account changed while this request was being processed; try again",
                "wrong_password",
            )
        if "email" in changes:
            changes |= await email_verification.change(
                context, across_users, scope, locked, changes.pop("email")
            )
        changed = await scope.one(_update(frozenset(changes)), **changes)
        if is_new:
            is_pending = changes.get("pending_email") is not None
            event = "user.email_change_requested" if is_pending else "user.email_changed"
            await security_events.record(scope, event, client)
            log.info(event)
    assert changed is not None
    context.mailer.wake()
    log.info("user.changed", fields=sorted(changes))
    return changed


async def delete_account(
    context: Context, caller: Caller, body: AccountDeletion, client: Client
) -> None:
    """Delete the caller's account and all its rows. Raises `ValidationFailed`."""
    verified = await _confirm_deletion(context, caller, body, client)
    async with locked_account(caller.scope) as (scope, locked):
        if locked is None or locked["password_hash"] != verified:
            raise ValidationFailed.of(
                "body.current_password",
                "The account changed while this request was being processed; try again",
                "wrong_password",
            )
        await delete_locked(context, scope, locked)
    log.info("user.deleted")


@asynccontextmanager
async def locked_account(scope: UserScope) -> AsyncIterator[tuple[UserScope, Row | None]]:
    """A transaction for a deletion, and the account's row, which is locked; None if there is none."""
    async with scope.transaction(timeout=_DELETION_TIMEOUT) as transaction:
        # Keys, then their owner, as writers lock them.
        await transaction.all(_DELETE_KEYS)
        yield transaction, await transaction.one(_LOCK)


async def delete_locked(context: Context, scope: UserScope, locked: Row) -> None:
    """Delete an account and all its rows, in the transaction of `locked_account`."""
    await end(context, scope, END_ALL)
    await api_tokens.delete_all(context, scope)
    await delete_identities(context, scope)
    await email_keys.drop(scope, locked["email"] or "")
    await passkeys.release_all(scope)
    await scope.all(_DELETE_LEASE)
    await scope.all(_DELETE)  # the rest is deleted with the owner's row


async def _confirm_deletion(
    context: Context, caller: Caller, body: AccountDeletion, client: Client
) -> str | None:
    """Return the password hash that the caller has confirmed, or None if the account has none.

    Then the user must have signed in lately.
    """
    if body.current_password is not None:
        return await confirm_password(context, caller.scope, client, body.current_password)
    account = await read_account(caller.scope)
    if account is None:
        raise Unauthenticated
    if account.password_hash is not None:
        raise ValidationFailed.of("body.current_password", "Must be present", "missing")
    if not await _has_just_signed_in(caller):
        raise ValidationFailed.of(
            "header.authorization",
            "Must come from a sign-in in the last ten minutes: sign in again",
            "token_too_old",
        )
    return None


async def _has_just_signed_in(caller: Caller) -> bool:
    """Whether the token of another issuer, or the session, is at most ten minutes old."""
    if caller.issued_at is not None:
        return caller.issued_at >= time.time() - RECENT.total_seconds()
    return OWN_SESSION in caller.scopes and await is_recent(caller.scope, caller.session_id)
