"""Codes of apps and recovery codes, each used by the statement that accepts it."""

from sqlalchemy import ARRAY, BigInteger, LargeBinary, any_, bindparam, func, select, update

from duly.core import one_time_codes
from duly.core.logging import log
from duly.core.secret_box import UnreadableSecret, seal, unseal
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import Factor, User
from duly.runtime.context import Context
from duly.services.factors import FACTOR_ID, IS_CONFIRMED, TOTP
from duly.utils.tables import table_of

_users = table_of(User)
_factors = table_of(Factor)

_COUNTER = bindparam("counter", type_=BigInteger())
_DIGEST = bindparam("digest", type_=LargeBinary())

_READ_TOTP = owned(
    select(_factors.c.id, _factors.c.secret).where(
        _factors.c.user_id == USER_ID, _factors.c.type == TOTP, IS_CONFIRMED
    )
)
_USE_TOTP = owned(
    update(_factors)
    .where(
        _factors.c.user_id == USER_ID,
        _factors.c.id == FACTOR_ID,
        _factors.c.last_counter < _COUNTER,
    )
    .values(
        last_counter=_COUNTER,
        last_used_at=func.now(),
        secret=bindparam("secret", type_=LargeBinary()),
    )
    .returning(_factors.c.id)
)
_USE_RECOVERY_CODE = owned(
    update(_users)
    .where(_users.c.id == USER_ID, any_(_users.c.recovery_codes) == _DIGEST)
    .values(
        recovery_codes=func.array_remove(
            _users.c.recovery_codes, _DIGEST, type_=ARRAY(LargeBinary())
        )
    )
    .returning(_users.c.id)
)


async def use(context: Context, scope: UserScope, code: str) -> str | None:
    """Use a code, which never works again. Return what it was, or None for a wrong one."""
    for factor in await scope.all(_READ_TOTP):
        try:
            secret = unseal(context.keyring, factor["secret"])
        except UnreadableSecret:
            log.error("factor.unreadable", factor_id=str(factor["id"]))
            continue
        counter = one_time_codes.counter_of(secret, code)
        # Encrypted again, so that it does not depend on an earlier key for longer.
        if counter is not None and await scope.one(
            _USE_TOTP,
            factor_id=factor["id"],
            counter=counter,
            secret=seal(context.keyring, secret),
        ):
            return TOTP
    if await scope.one(_USE_RECOVERY_CODE, digest=one_time_codes.digest_of(code)):
        return "recovery_code"
    return None
