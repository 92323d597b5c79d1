"""Sign-ins with a challenge: after the password with a second factor, or with a passkey alone."""

import hashlib
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Text, Uuid, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.errors import (
    LocalAccountsDisabled,
    SecondFactorRequired,
    Unauthenticated,
    ValidationFailed,
)
from duly.core.logging import bind_user, log
from duly.core.passkeys import InvalidPasskey, challenge_to_sign, credential_id_of
from duly.core.tokens import Challenge, InvalidToken
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import Factor, SignInChallenge, User
from duly.runtime.context import Client, Context
from duly.schemas.factors import FactorSignIn
from duly.services import one_time_code_use, passkeys, security_events
from duly.services.accounts import Account, is_known_address, read_account
from duly.services.factors import IS_CONFIRMED, PASSKEY
from duly.services.security_events import FACTOR_FAILED
from duly.services.sessions import open_session
from duly.utils.emails import email_key
from duly.utils.identifiers import issued_at, new_id
from duly.utils.tables import table_of

LIFETIME = timedelta(minutes=5)
MAX_ATTEMPTS = 5

_REFUSED = "The challenge or the second factor is invalid, expired or already used."

_ANYBODY = UUID(int=0)
"""The user of challenges for a passkey alone: whose it is shows later."""

_users = table_of(User)
_factors = table_of(Factor)
_challenges = table_of(SignInChallenge)

_CHALLENGE_ID = bindparam("challenge_id", type_=Uuid())
_DIGEST = bindparam("digest", type_=LargeBinary())
_is_challenge = (_challenges.c.user_id == USER_ID) & (_challenges.c.id == _CHALLENGE_ID)

_TYPES = owned(
    select(_factors.c.type).where(_factors.c.user_id == USER_ID, IS_CONFIRMED).distinct()
)
# No row matches if the account was disabled, deleted or given another password since the one sent
# was checked.
_LOCK = owned(
    select(_users.c.id)
    .where(
        _users.c.id == USER_ID,
        _users.c.disabled_at.is_(None),
        _users.c.password_hash.is_not_distinct_from(bindparam("password_hash", type_=Text())),
    )
    .with_for_update()
)
# Nothing is returned if the challenge is there already.
_BEGIN = owned(
    postgresql.insert(_challenges)
    .values(
        user_id=USER_ID,
        id=_CHALLENGE_ID,
        password_digest=_DIGEST,
        expires_at=func.now() + bindparam("lifetime", LIFETIME, type_=INTERVAL()),
    )
    .on_conflict_do_nothing()
    .returning(_challenges.c.id)
)
_TRY = owned(
    update(_challenges)
    .where(
        _is_challenge,
        _challenges.c.password_digest == _DIGEST,
        _challenges.c.expires_at > func.now(),
        _challenges.c.attempts < MAX_ATTEMPTS,
    )
    .values(attempts=_challenges.c.attempts + 1)
    .returning(_challenges.c.id)
)
_END = owned(delete(_challenges).where(_is_challenge).returning(_challenges.c.id))


async def require_factor(
    context: Context, scope: UserScope, password_hash: str | None, provider: str = ""
) -> None:
    """Raise `SecondFactorRequired` with a challenge if the user has a second factor.

    The password must have been found to fit `password_hash`, or the user has signed in at
    `provider`. Raise `Unauthenticated` if the account has changed since.
    """
    types = sorted(row["type"] for row in await scope.all(_TYPES))
    if not types:
        return
    challenge = context.keyring.issue_challenge(scope.user_id, new_id(), provider)
    async with scope.transaction() as own:
        if await own.one(_LOCK, password_hash=password_hash) is None:
            raise Unauthenticated("Incorrect email or password.")
        await own.one(_BEGIN, challenge_id=challenge.id, digest=_digest(password_hash))
    allowed = await passkeys.credential_ids(scope) if PASSKEY in types else []
    options = passkeys.options_for(context, challenge_to_sign(challenge), allowed)
    raise SecondFactorRequired(challenge.token, types, options)


async def begin_with_passkey(context: Context, client: Client) -> dict[str, Any]:
    """Return a challenge that any passkey can sign, and the options for a browser.

    Nothing is stored until it is used. Raise `PasskeysNotConfigured`, and `RateLimited` if too many
    sign-ins from the address have failed.
    """
    party = passkeys.party_of(context)
    await context.throttle.check_address(client.address)
    challenge = context.keyring.issue_challenge(_ANYBODY, new_id())
    options = party.request_options(challenge_to_sign(challenge))
    return {"challenge": challenge.token, "options": options}


async def finish(context: Context, body: FactorSignIn, client: Client) -> dict[str, Any]:
    """Sign in with a challenge and a second factor, or a passkey alone.

    A wrong factor counts like a wrong password, also if others are tried at the same moment. Raise
    `ValidationFailed` unless there is one factor, `Unauthenticated`, in the same words whatever the
    reason, `RateLimited`, and `LocalAccountsDisabled`.
    """
    try:
        challenge = context.keyring.read_challenge(body.challenge)
    except InvalidToken:
        raise Unauthenticated(_REFUSED) from None
    if (body.code is None) == (body.assertion is None):
        raise ValidationFailed.of("body", "Must have either code or assertion", "contradiction")
    user_id = challenge.user_id
    if user_id == _ANYBODY:
        user_id = await _find_user(context, challenge, body, client)
    account = await read_account(UserScope(context.pool, user_id))
    if account is None:
        raise Unauthenticated(_REFUSED)
    is_local = challenge.user_id == _ANYBODY or account.password_hash is not None
    if is_local and not context.settings.local_accounts:
        raise LocalAccountsDisabled
    bind_user(user_id)
    key = email_key(account.profile["email"] or str(user_id))
    is_known = is_known_address(context, account, client)
    await context.throttle.reserve_login(key, client.address, is_known=is_known)
    try:
        session = await _open(context, account, challenge, body, client)
    except Unauthenticated:
        context.failed_sign_ins.note(
            user_id, FACTOR_FAILED, client.stored_address, client.user_agent
        )
        log.warning(FACTOR_FAILED, account=context.keyring.fingerprint(key))
        raise
    await context.throttle.refund_login(key, client.address)
    return session


async def _find_user(
    context: Context, challenge: Challenge, body: FactorSignIn, client: Client
) -> UUID:
    """Return whose passkey was used with a challenge for anybody. Raise `Unauthenticated`."""
    try:
        is_recent = time.time() < issued_at(challenge.id) + LIFETIME.total_seconds()
        credential_id = credential_id_of(body.assertion.as_sent() if body.assertion else {})
    except InvalidPasskey:
        is_recent = False
    if not is_recent:
        raise Unauthenticated(_REFUSED)
    await context.throttle.check_address(client.address)
    user_id = await passkeys.find_owner(context.across_users, credential_id)
    if user_id is None:
        # It counts for the address, as an unknown account at sign-in does.
        await context.throttle.reserve_login(str(challenge.id), client.address, is_known=False)
        log.warning(FACTOR_FAILED)
        raise Unauthenticated(_REFUSED)
    return user_id


async def _open(
    context: Context, account: Account, challenge: Challenge, body: FactorSignIn, client: Client
) -> dict[str, Any]:
    """Open a session and return the response. Raise `Unauthenticated`."""
    password_hash = account.password_hash
    scope = UserScope(context.pool, account.profile["id"])
    is_alone = challenge.user_id == _ANYBODY
    of_challenge = {"challenge_id": challenge.id, "digest": _digest(password_hash)}
    # Counted before the code is looked at, so that no burst exceeds the limit.
    if not is_alone and await scope.one(_TRY, **of_challenge) is None:
        raise Unauthenticated(_REFUSED)
    async with scope.transaction() as own:
        if await own.one(_LOCK, password_hash=password_hash) is None:
            raise Unauthenticated(_REFUSED)
        how = await _use(context, own, challenge, body)
        # One for anybody is stored when it is used, so that it cannot be used again.
        is_first = await (
            own.one(_BEGIN, **of_challenge)
            if is_alone
            else own.one(_END, challenge_id=challenge.id)
        )
        # A code that is used with a challenge that another request has used stays unused.
        if how is None or is_first is None:
            raise Unauthenticated(_REFUSED)
        opened = await open_session(context, own, client, account.profile, password_hash)
        await security_events.record(own, "session.opened", client)
    first = challenge.provider or "password"
    log.info("session.opened", how=how if is_alone else f"{first} and {how}")
    return opened.announce()


async def _use(
    context: Context, scope: UserScope, challenge: Challenge, body: FactorSignIn
) -> str | None:
    """Use a factor for a challenge. Return what it was, or None for a wrong one."""
    if body.assertion is not None:
        to_sign = challenge_to_sign(challenge)
        is_right = await passkeys.use(context, scope, to_sign, body.assertion.as_sent())
        return PASSKEY if is_right else None
    return await one_time_code_use.use(context, scope, body.code or "")


def _digest(password_hash: str | None) -> bytes:
    return hashlib.sha256((password_hash or "").encode()).digest()
