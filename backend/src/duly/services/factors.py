"""Second factors, as their owners manage them, and recovery codes."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core import one_time_codes
from duly.core.errors import (
    NotFound,
    QuotaExceeded,
    RecentSignInRequired,
    Unauthenticated,
    ValidationFailed,
)
from duly.core.logging import log
from duly.core.secret_box import UnreadableSecret, seal, unseal
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import Factor, User
from duly.models.factors import ENROLMENT_LIFETIME
from duly.runtime.context import Caller, Client, Context
from duly.schemas.factors import FactorConfirmation, FactorCreate
from duly.services import passkeys, security_events
from duly.services.sessions import RECENT, is_recent
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of
from duly.utils.times import utc

TOTP = "totp"
PASSKEY = "passkey"
MAX_FACTORS = 10

_factors = table_of(Factor)
_users = table_of(User)

FACTOR_ID = bindparam("factor_id", type_=Uuid())
_READ = (
    _factors.c.id,
    _factors.c.type,
    _factors.c.name,
    utc(_factors.c.created_at),
    utc(_factors.c.confirmed_at),
    utc(_factors.c.last_used_at),
)
"""`schemas.factors.FactorRead`"""

IS_CONFIRMED = _factors.c.confirmed_at.is_not(None)
_is_pending = _factors.c.confirmed_at.is_(None)
_has_lapsed = _factors.c.created_at <= func.now() - bindparam(
    "lifetime", ENROLMENT_LIFETIME, type_=INTERVAL()
)
_mine = _factors.c.user_id == USER_ID
_is_it = _mine & (_factors.c.id == FACTOR_ID)

_LOCK = owned(select(_users.c.email).where(_users.c.id == USER_ID).with_for_update())
_LIST = owned(
    select(*_READ)
    .where(_mine, or_(IS_CONFIRMED, ~_has_lapsed))
    .order_by(_factors.c.created_at, _factors.c.id)
)
_COUNT = owned(select(func.count().label("count")).where(_mine, IS_CONFIRMED))
_CODES_LEFT = owned(
    select(func.cardinality(_users.c.recovery_codes, type_=Integer()).label("count")).where(
        _users.c.id == USER_ID
    )
)
_DROP_PENDING = owned(delete(_factors).where(_mine, _is_pending))
_INSERT = owned(
    insert(_factors)
    .values(
        user_id=USER_ID,
        id=FACTOR_ID,
        type=bindparam("type", type_=Text()),
        name=bindparam("name", type_=Text()),
        secret=bindparam("secret", type_=LargeBinary()),
    )
    .returning(_factors.c.id)
)
_PENDING = owned(
    select(_factors.c.type, _factors.c.secret).where(_is_it, _is_pending, ~_has_lapsed)
)
_CONFIRM = owned(
    update(_factors)
    .where(_is_it, _is_pending)
    .values(
        confirmed_at=func.now(),
        last_counter=bindparam("last_counter", 0, type_=BigInteger()),
        credential_id=bindparam("credential_id", None, type_=LargeBinary()),
        public_key=bindparam("public_key", None, type_=LargeBinary()),
        sign_count=bindparam("sign_count", 0, type_=BigInteger()),
    )
    .returning(*_READ)
)
_REMOVE = owned(
    delete(_factors)
    .where(_is_it)
    .returning(_factors.c.type, _factors.c.confirmed_at, _factors.c.credential_id)
)
_REMOVE_ALL = owned(delete(_factors).where(_mine).returning(_factors.c.id))
_SET_CODES = owned(
    update(_users)
    .where(_users.c.id == USER_ID)
    .values(recovery_codes=bindparam("digests", type_=ARRAY(LargeBinary())))
    .returning(_users.c.id)
)


async def list_all(scope: UserScope) -> list[Row]:
    """The second factors of a user, the oldest first, without secrets."""
    return await scope.all(_LIST)


async def read_list(scope: UserScope) -> dict[str, Any]:
    """Return the same, with the number of recovery codes. Raise `Unauthenticated` without a user."""
    left = await scope.one(_CODES_LEFT)
    if left is None:
        raise Unauthenticated
    return {"items": await list_all(scope), "recovery_codes_left": left["count"]}


async def enroll(context: Context, caller: Caller, body: FactorCreate) -> dict[str, Any]:
    """Begin to add a factor, in place of any other that is not confirmed.

    Raise `RecentSignInRequired`, `QuotaExceeded`, and `PasskeysNotConfigured`.
    """
    secret = one_time_codes.new_secret() if body.type == TOTP else None
    factor_id = new_id()
    async with caller.scope.transaction() as scope:
        email = await _lock(scope)
        await _require_recent_sign_in(scope, caller)
        await scope.all(_DROP_PENDING)
        if await _count(scope) >= MAX_FACTORS:
            raise QuotaExceeded(
                "factors", MAX_FACTORS, "You have as many second factors as allowed; remove one."
            )
        await scope.all(
            _INSERT,
            factor_id=factor_id,
            type=body.type,
            name=body.name,
            secret=None if secret is None else seal(context.keyring, secret),
        )
        options = (
            await passkeys.creation_options(context, scope, factor_id, email)
            if body.type == PASSKEY
            else None
        )
    uri = None if secret is None else one_time_codes.uri_of(secret, email)
    return {
        "id": factor_id,
        "type": body.type,
        "name": body.name,
        "secret": secret,
        "uri": uri,
        "options": options,
    }


async def confirm(
    context: Context, caller: Caller, factor_id: UUID, body: FactorConfirmation, client: Client
) -> dict[str, Any]:
    """Let a factor count from now on, and return recovery codes with the first.

    A wrong code counts like a wrong password. Raise `NotFound` if the factor does not wait for
    this, `RecentSignInRequired` if the session cannot have added it, `ValidationFailed` for a wrong
    code or an invalid passkey, and `RateLimited`.
    """
    user_id = str(caller.scope.user_id)
    await context.throttle.reserve_login(user_id, client.address, is_known=False)
    confirmed = await _confirm(context, caller, factor_id, body, client)
    await context.throttle.refund_login(user_id, client.address)
    return confirmed


async def _confirm(
    context: Context, caller: Caller, factor_id: UUID, body: FactorConfirmation, client: Client
) -> dict[str, Any]:
    async with caller.scope.transaction() as scope:
        await _lock(scope)
        await _require_recent_sign_in(scope, caller, RECENT + ENROLMENT_LIFETIME)
        pending = await scope.one(_PENDING, factor_id=factor_id)
        if pending is None:
            raise NotFound
        proven: dict[str, Any] = (
            {"last_counter": _counter_of(context, pending["secret"], body)}
            if pending["type"] == TOTP
            else await _new_passkey(context, scope, factor_id, body)
        )
        factor = await scope.one(_CONFIRM, factor_id=factor_id, **proven)
        assert factor is not None
        codes = await _new_codes(scope) if await _count(scope) == 1 else None
        await security_events.record(scope, "factor.added", client)
    log.info("factor.added", type=factor["type"])
    return {"factor": factor, "recovery_codes": codes}


async def remove(caller: Caller, factor_id: UUID, client: Client) -> None:
    """Remove a factor, and with the last one the recovery codes.

    Raise `RecentSignInRequired`, and `NotFound`.
    """
    async with caller.scope.transaction() as scope:
        await _lock(scope)
        await _require_recent_sign_in(scope, caller)
        removed = await scope.one(_REMOVE, factor_id=factor_id)
        if removed is None:
            raise NotFound
        if removed["credential_id"] is not None:
            await passkeys.release(scope, removed["credential_id"])
        if await _count(scope) == 0:
            await scope.one(_SET_CODES, digests=[])
        if removed["confirmed_at"] is not None:
            await security_events.record(scope, "factor.removed", client)
    if removed["confirmed_at"] is not None:
        log.info("factor.removed", type=removed["type"])


async def remove_all(scope: UserScope, client: Client | None = None) -> int:
    """Remove all factors and recovery codes of a user; return how many factors there were."""
    async with scope.transaction() as own:
        await own.one(_SET_CODES, digests=[])
        await passkeys.release_all(own)
        removed = await own.all(_REMOVE_ALL)
        if removed or client is None:
            await security_events.record(own, "user.factors_removed", client)
    return len(removed)


async def replace_recovery_codes(caller: Caller, client: Client) -> dict[str, Any]:
    """Return ten new recovery codes; the earlier ones stop working.

    Raise `RecentSignInRequired`, and `NotFound` if there is no factor that they could replace.
    """
    async with caller.scope.transaction() as scope:
        await _lock(scope)
        await _require_recent_sign_in(scope, caller)
        if await _count(scope) == 0:
            raise NotFound("You have no second factor. Add one; recovery codes come with it.")
        codes = await _new_codes(scope)
        await security_events.record(scope, "factor.recovery_codes_replaced", client)
    log.info("factor.recovery_codes_replaced")
    return {"recovery_codes": codes}


def _counter_of(context: Context, sealed: bytes, body: FactorConfirmation) -> int:
    if body.code is None:
        raise ValidationFailed.of("body.code", "Must be sent for an authenticator app", "missing")
    try:
        secret = unseal(context.keyring, sealed)
    except UnreadableSecret:
        raise NotFound(
            "The signing key of the service has changed. Add the factor again."
        ) from None
    counter = one_time_codes.counter_of(secret, body.code)
    if counter is None:
        raise ValidationFailed.of(
            "body.code", "Incorrect code; check the clock of the device", "wrong_code"
        )
    return counter


async def _new_passkey(
    context: Context, scope: UserScope, factor_id: UUID, body: FactorConfirmation
) -> dict[str, Any]:
    if body.credential is None:
        raise ValidationFailed.of("body.credential", "Must be sent for a passkey", "missing")
    return asdict(await passkeys.claim(context, scope, factor_id, body.credential.as_sent()))


async def _lock(scope: UserScope) -> str:
    """Let one request at a time change the factors of a user.

    Return the user's address, or id, by which an app or a browser lists the account.
    """
    user = await scope.one(_LOCK)
    if user is None:
        raise Unauthenticated
    return str(user["email"] or scope.user_id)


async def _require_recent_sign_in(
    scope: UserScope, caller: Caller, age: timedelta = RECENT
) -> None:
    if not await is_recent(scope, caller.session_id, age):
        raise RecentSignInRequired


async def _count(scope: UserScope) -> int:
    row = await scope.one(_COUNT)
    return int(row["count"]) if row else 0


async def _new_codes(scope: UserScope) -> list[str]:
    codes = one_time_codes.new_recovery_codes()
    await scope.one(_SET_CODES, digests=[*map(one_time_codes.digest_of, codes)])
    return codes
