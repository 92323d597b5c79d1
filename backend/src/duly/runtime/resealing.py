"""Secrets of second factors are encrypted with the current key, so that earlier ones can go."""

from uuid import UUID

from sqlalchemy import Integer, LargeBinary, Uuid, bindparam, func, select, tuple_, update

from duly.core.logging import log
from duly.core.secret_box import KEY_ID_BYTES, UnreadableSecret, key_id_of, seal, unseal
from duly.core.tokens import Keyring
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.models import Factor
from duly.utils.tables import table_of

_PAGE = 500

_factors = table_of(Factor)
_key = tuple_(_factors.c.user_id, _factors.c.id)

_OWNER = bindparam("owner", type_=Uuid())
_FACTOR_ID = bindparam("factor_id", type_=Uuid())
_STALE = across_users(
    select(_factors.c.user_id, _factors.c.id, _factors.c.secret)
    .where(
        func.substr(_factors.c.secret, 1, KEY_ID_BYTES, type_=LargeBinary())
        != bindparam("key_id", type_=LargeBinary()),
        _key > tuple_(_OWNER, _FACTOR_ID),
    )
    .order_by(_factors.c.user_id, _factors.c.id)
    .limit(bindparam("limit", _PAGE, type_=Integer()))
)
# Nothing happens if a sign-in has encrypted it meanwhile.
_REPLACE = across_users(
    update(_factors)
    .where(
        _factors.c.user_id == _OWNER,
        _factors.c.id == _FACTOR_ID,
        _factors.c.secret == bindparam("old", type_=LargeBinary()),
    )
    .values(secret=bindparam("new", type_=LargeBinary()))
    .returning(_factors.c.id)
)


async def reseal(scope: AcrossUsers, keyring: Keyring) -> None:
    """Encrypt the secrets of an earlier key with the current one."""
    key_id, after = key_id_of(keyring), (UUID(int=0), UUID(int=0))
    resealed, unreadable = 0, 0
    while page := await scope.all(_STALE, key_id=key_id, owner=after[0], factor_id=after[1]):
        for row in page:
            after = (row["user_id"], row["id"])
            try:
                secret = unseal(keyring, row["secret"])
            except UnreadableSecret:
                unreadable += 1
                continue
            await scope.one(
                _REPLACE,
                owner=row["user_id"],
                factor_id=row["id"],
                old=row["secret"],
                new=seal(keyring, secret),
            )
            resealed += 1
    if resealed:
        log.info("factor.resealed", count=resealed)
    if unreadable:
        log.error("factor.unreadable", count=unreadable, setting="DULY_PREVIOUS_SECRET_KEYS")
