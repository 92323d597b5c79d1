"""Forgotten passwords: a link in a mail sets a new one."""

from sqlalchemy import Text, bindparam, func, null, select, update

from duly.core.logging import bind_user, log
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned, owned_change
from duly.models import User
from duly.runtime.context import Client, Context
from duly.schemas.auth import PasswordForgotten, PasswordReset
from duly.services import api_tokens, email_links, factors, mails, security_events
from duly.services.profiles import NEW_CREDENTIALS
from duly.services.sessions import END_ALL, end
from duly.utils.emails import email_key
from duly.utils.tables import table_of

_users = table_of(User)

_LOCK = owned(
    select(_users.c.email, _users.c.email_verified_at)
    .where(_users.c.id == USER_ID)
    .with_for_update()
)
# Whoever has opened the link has read the mail.
_SET = owned_change(
    update(_users)
    .where(_users.c.id == USER_ID)
    .values(
        password_hash=bindparam("password_hash", type_=Text()),
        # The first time; `least` ignores a null, and Citus refuses `now()` in COALESCE.
        email_verified_at=func.least(_users.c.email_verified_at, func.now()),
        pending_email=null(),
    )
    .values(NEW_CREDENTIALS)
    .returning(_users.c.id)
)


async def request(context: Context, body: PasswordForgotten, client: Client) -> None:
    """Have a link sent, if the address has an account; that is found out later.

    Raise `MailNotConfigured`, and `RateLimited`.
    """
    mails.require_mail(context.settings)
    account = email_key(body.email)
    await context.throttle.spend_mail(account, client.address)
    await mails.add(context.across_users, mails.RESET, body.email)
    context.mailer.wake()
    log.info("password_reset.requested", account=context.keyring.fingerprint(account))


async def reset(context: Context, body: PasswordReset, client: Client) -> None:
    """Set a new password with a link, end all sessions, and delete all API tokens.

    If nobody has shown before that the address is theirs, remove all second factors, too.

    Raise `ValidationFailed` if the link does not work.
    """
    token = email_links.read(context.keyring, body.token)
    scope = UserScope(context.pool, token.user_id)
    await email_links.find(scope, email_links.RESET, token)
    async with context.passwords.turn(client.address, str(token.user_id)):
        new_hash = await context.passwords.hash(body.new_password)
    async with scope.transaction() as own:
        user = await own.one(_LOCK)
        email = await email_links.use(own, email_links.RESET, token)
        if user is None or email_key(user["email"]) != email_key(email):
            raise email_links.invalid()
        await own.one(_SET, password_hash=new_hash)
        if user["email_verified_at"] is None:
            # Whoever has registered this address may not own it, and could sign in by a passkey.
            await factors.remove_all(own, client)
        ended = await end(context, own, END_ALL)
        deleted = await api_tokens.delete_all(context, own)
        await security_events.record(own, "user.password_reset", client)
    bind_user(token.user_id)
    log.info("user.password_reset", sessions_ended=len(ended), api_tokens_deleted=deleted)
