"""Verified addresses: a link in a mail shows that its reader has the address."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, null, select, update

from duly.core.errors import EmailTaken, RateLimited
from duly.core.logging import bind_user, log
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, owned, owned_change
from duly.database.values import Row
from duly.models import User
from duly.runtime.context import Caller, Client, Context
from duly.schemas.auth import EmailVerification
from duly.services import email_keys, email_links, mails, security_events
from duly.services.profiles import NEW_CREDENTIALS, NEXT_PROFILE
from duly.utils.emails import email_key, is_same_mailbox
from duly.utils.tables import table_of

_users = table_of(User)

_addresses = select(
    _users.c.email,
    _users.c.email_verified_at,
    _users.c.pending_email,
    _users.c.password_hash.is_not(None).label("is_local"),
).where(_users.c.id == USER_ID)
_READ = owned(_addresses)
_LOCK = owned(_addresses.with_for_update())
_VERIFY = owned_change(
    update(_users)
    .where(_users.c.id == USER_ID, _users.c.email_verified_at.is_(None))
    .values(email_verified_at=func.now())
    .values(NEXT_PROFILE)
    .returning(_users.c.id)
)
_REPLACE = owned_change(
    update(_users)
    .where(_users.c.id == USER_ID)
    .values(email=_users.c.pending_email, pending_email=null(), email_verified_at=func.now())
    .values(NEW_CREDENTIALS)
    .returning(_users.c.id)
)


async def resend(context: Context, caller: Caller, client: Client) -> None:
    """Send another link to the address that is not verified, if there is one.

    Raise `MailNotConfigured`, and `RateLimited`.
    """
    mails.require_mail(context.settings)
    user = await caller.scope.one(_READ)
    # The issuer of the others' tokens says whether it has verified the address.
    if user is None or not user["is_local"]:
        return
    email = user["pending_email"] or user["email"]
    if user["pending_email"] is None and user["email_verified_at"] is not None:
        return
    await spend(context, email, client)
    await mails.add(context.across_users, mails.VERIFY, email, caller.scope.user_id)
    context.mailer.wake()


async def spend(context: Context, email: str, client: Client) -> None:
    """Count a link to verify an address. Raise `RateLimited`.

    Not with the links to set a password: how many of those are left would show that the address was
    registered lately.
    """
    if context.settings.smtp_url is not None:
        await context.throttle.spend_mail(f"verify {email_key(email)}", client.address)


async def spend_note(context: Context, user_id: UUID, client: Client) -> None:
    """Count the note to the address that another one is to replace. Raise `RateLimited`.

    Not with the mails to that address: others can request those.
    """
    if context.settings.smtp_url is not None:
        await context.throttle.spend_mail(str(user_id), client.address)


async def may_send(context: Context, email: str, client: Client) -> bool:
    """Count the mail to the address of a new account, and say whether it may be sent.

    The account is created in any case: others could use the limit up.
    """
    try:
        await spend(context, email, client)
    except RateLimited:
        log.warning("mail.limited", kind=mails.VERIFY)
        return False
    return context.settings.smtp_url is not None


async def change(
    context: Context, across_users: AcrossUsers, scope: UserScope, user: Row, new: str
) -> dict[str, Any]:
    """Return the fields of the account that a new address sets. Raise `EmailTaken`.

    With mail configured, another address is pending until it is verified, and the old one is told if
    it was verified: before that, it may be the address of somebody else.
    """
    old = user["email"]
    if is_same_mailbox(old, new):
        return {"email": new, "pending_email": None}
    if context.settings.smtp_url is None:
        await _move(across_users, scope, old, new)
        return {"email": new, "email_verified_at": None, "pending_email": None}
    if await email_keys.find(across_users, new) not in {None, scope.user_id}:
        raise EmailTaken
    await mails.add(across_users, mails.VERIFY, new, scope.user_id)
    if user["email_verified_at"] is not None:
        await mails.add(across_users, mails.ADDRESS, old, scope.user_id)
    return {"pending_email": new}


async def verify(context: Context, body: EmailVerification, client: Client) -> None:
    """Verify the address that a link was sent to. A pending one becomes that of the account.

    Raise `ValidationFailed` if the link does not work, and `EmailTaken` if another account has the
    address by now.
    """
    token = email_links.read(context.keyring, body.token)
    async with context.across_users.transaction() as across_users:
        scope = across_users.user(token.user_id)
        user = await scope.one(_LOCK)
        email = await email_links.use(scope, email_links.VERIFY, token)
        if user is None:
            raise email_links.invalid()
        is_changed = await _verify(across_users, scope, user, email)
        event = "user.email_changed" if is_changed else "user.email_verified"
        await security_events.record(scope, event, client)
    bind_user(token.user_id)
    log.info(event)


async def _verify(across_users: AcrossUsers, scope: UserScope, user: Row, email: str) -> bool:
    """Mark an address as verified; return whether it replaces another one."""
    pending = user["pending_email"]
    if pending is not None and is_same_mailbox(pending, email):
        await _move(across_users, scope, user["email"], pending)
        await scope.one(_REPLACE)
        return True
    if user["email"] is None or not is_same_mailbox(user["email"], email):
        raise email_links.invalid()
    await scope.one(_VERIFY)
    return False


async def _move(across_users: AcrossUsers, scope: UserScope, old: str, new: str) -> None:
    """Let another address sign in to the account. Raise `EmailTaken`."""
    if email_key(old) != email_key(new):
        await email_keys.take(across_users, scope.user_id, new)
        await email_keys.drop(scope, old)
