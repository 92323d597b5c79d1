"""Registering, signing in and out, and changing the password."""

from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, null, update

from duly.core.errors import RegistrationClosed, Unauthenticated, ValidationFailed
from duly.core.logging import bind_user, log
from duly.core.tokens import InvalidToken
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned, owned_change
from duly.models import User
from duly.runtime.context import Caller, Client, Context
from duly.schemas.auth import Credentials, Registration
from duly.schemas.users import PasswordChange
from duly.services import email_verification, factor_sign_in, mails, security_events
from duly.services.accounts import (
    NewProfile,
    check_password,
    confirm_password,
    create_account,
    find_account,
    read_account,
    require_password,
)
from duly.services.profiles import NEW_CREDENTIALS
from duly.services.security_events import SIGN_IN_FAILED
from duly.services.sessions import END_ONE, END_OTHERS, end, open_session
from duly.utils.emails import email_key
from duly.utils.tables import table_of

_NOBODY = UUID(int=0)

_users = table_of(User)

_with_new_hash = (
    update(_users)
    .where(
        _users.c.id == USER_ID,
        _users.c.password_hash == bindparam("old_hash", type_=Text()),
    )
    .values(password_hash=bindparam("new_hash", type_=Text()))
    .returning(_users.c.id)
)
_SET_PASSWORD = owned_change(_with_new_hash.values(NEW_CREDENTIALS).values(pending_email=null()))
_REHASH = owned(_with_new_hash)


async def register(context: Context, body: Registration, client: Client) -> dict[str, Any]:
    """Create an account and sign it in.

    Raise `RegistrationClosed`, `EmailTaken`, `RateLimited`, or `ServiceUnavailable` if too many
    passwords wait to be hashed.
    """
    if context.settings.registration == "closed":
        raise RegistrationClosed
    await context.throttle.spend_registration(client.address)
    # One queue for all registrations of an address, so that they never delay its sign-ins.
    async with context.passwords.turn(client.address, None):
        password_hash = await context.passwords.hash(body.password)
    sends_mail = await email_verification.may_send(context, body.email, client)
    async with context.across_users.transaction() as across_users:
        profile = NewProfile(body.name, body.timezone, body.week_start, body.language)
        user = await create_account(across_users, body.email, profile, password_hash)
        scope = across_users.user(user["id"])
        opened = await open_session(context, scope, client, user, password_hash)
        await security_events.record(scope, "user.registered", client)
        if sends_mail:
            await mails.add(across_users, mails.VERIFY, body.email, scope.user_id)
    context.mailer.wake()
    bind_user(user["id"])
    log.info("user.registered")
    return opened.announce()


async def login(context: Context, body: Credentials, client: Client) -> dict[str, Any]:
    """Sign in. An unknown address takes the same work, and gets the same response, as a wrong
    password. Raise `Unauthenticated`, `RateLimited`, `SecondFactorRequired` if the password is right
    and the account has a second factor, or `ServiceUnavailable` as above.
    """
    account = email_key(body.email)
    context.passwords.check_room(client.address, account)
    scope = await find_account(context, body.email)
    # An unknown address costs the same look-ups, too.
    user = await read_account(scope or UserScope(context.pool, _NOBODY))
    known_hash = await check_password(context, account, client, body.password, user)
    if known_hash is None or scope is None or user is None:
        if scope is not None:
            context.failed_sign_ins.note(
                scope.user_id, SIGN_IN_FAILED, client.stored_address, client.user_agent
            )
        log.warning(SIGN_IN_FAILED, account=context.keyring.fingerprint(account))
        raise Unauthenticated("Incorrect email or password.")
    if context.passwords.needs_rehash(known_hash):
        async with context.passwords.turn(client.address, account):
            known_hash = await _rehash(context, scope, body.password, known_hash)
    await factor_sign_in.require_factor(context, scope, known_hash)
    async with scope.transaction() as own:
        opened = await open_session(context, own, client, user.profile, known_hash)
        await security_events.record(own, "session.opened", client)
    bind_user(scope.user_id)
    log.info("session.opened", how="password")
    return opened.announce()


async def logout(context: Context, caller: Caller, client: Client) -> None:
    """End the session of this request."""
    async with caller.scope.transaction() as scope:
        await end(context, scope, END_ONE, session_id=caller.session_id)
        await security_events.record(scope, "session.logged_out", client)
    log.info("session.logged_out")


async def logout_by_refresh_token(context: Context, token: str, client: Client) -> None:
    """End the session of a refresh token that was in a cookie, also if it is spent or has expired.

    Do nothing if the session has ended, or if there never was one. Raise `RateLimited`.
    """
    try:
        presented = context.keyring.read_refresh(token, in_cookie=True)
    except InvalidToken:
        return
    bind_user(presented.user_id)
    await context.throttle.spend_request(str(presented.user_id))
    async with UserScope(context.pool, presented.user_id).transaction() as scope:
        if not await end(context, scope, END_ONE, session_id=presented.session_id):
            return
        await security_events.record(scope, "session.logged_out", client)
    log.info("session.logged_out")


async def change_password(
    context: Context, caller: Caller, body: PasswordChange, client: Client
) -> None:
    """Set a new password and end every other session. Raises `ValidationFailed`."""
    await require_password(caller.scope, "body.new_password")
    old_hash = await confirm_password(context, caller.scope, client, body.current_password)
    async with context.passwords.turn(client.address, str(caller.scope.user_id)):
        new_hash = await context.passwords.hash(body.new_password)
    async with caller.scope.transaction() as scope:
        if await scope.one(_SET_PASSWORD, old_hash=old_hash, new_hash=new_hash) is None:
            raise ValidationFailed.of(
                "body.current_password",
                "The account changed while this request was being processed; try again",
                "wrong_password",
            )
        ended = await end(context, scope, END_OTHERS, session_id=caller.session_id)
        await security_events.record(scope, "user.password_changed", client)
    log.info("user.password_changed", sessions_ended=len(ended))


async def _rehash(context: Context, scope: UserScope, password: str, old_hash: str) -> str:
    """Store a hash with the current work factor; return the hash that is stored then."""
    new_hash = await context.passwords.hash(password)
    stored = await scope.one(_REHASH, old_hash=old_hash, new_hash=new_hash)
    return old_hash if stored is None else new_hash
