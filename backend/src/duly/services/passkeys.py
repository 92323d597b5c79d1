"""Passkeys of users: stored, looked up, and used."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    any_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import PasskeysNotConfigured, ValidationFailed
from duly.core.passkeys import (
    InvalidPasskey,
    Passkey,
    RelyingParty,
    challenges_to_enroll,
    credential_id_of,
    relying_party_of,
)
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, across_users, owned
from duly.models import Factor, PasskeyOwner
from duly.runtime.context import Context
from duly.utils.tables import table_of

_factors = table_of(Factor)
_owners = table_of(PasskeyOwner)

_CREDENTIAL_ID = bindparam("credential_id", type_=LargeBinary())
_SIGN_COUNT = bindparam("sign_count", type_=BigInteger())
_mine = (
    (_factors.c.user_id == USER_ID)
    & (_factors.c.type == "passkey")
    & _factors.c.confirmed_at.is_not(None)
)

_IDS = owned(select(_factors.c.credential_id).where(_mine).order_by(_factors.c.id))
_READ = owned(
    select(_factors.c.public_key, _factors.c.sign_count).where(
        _mine, _factors.c.credential_id == _CREDENTIAL_ID
    )
)
_USE = owned(
    update(_factors)
    .where(
        _mine,
        _factors.c.credential_id == _CREDENTIAL_ID,
        or_(
            _factors.c.sign_count < _SIGN_COUNT,
            (_factors.c.sign_count == 0) & (_SIGN_COUNT == 0),
        ),
    )
    .values(sign_count=_SIGN_COUNT, last_used_at=func.now())
    .returning(_factors.c.id)
)
_CLAIM = owned(
    postgresql.insert(_owners)
    .values(credential_id=_CREDENTIAL_ID, user_id=USER_ID)
    .on_conflict_do_nothing()
    .returning(_owners.c.credential_id)
)
_FIND = across_users(select(_owners.c.user_id).where(_owners.c.credential_id == _CREDENTIAL_ID))
_RELEASE = owned(
    delete(_owners).where(_owners.c.user_id == USER_ID, _owners.c.credential_id == _CREDENTIAL_ID)
)
_STORED = owned(
    select(_factors.c.credential_id).where(
        _factors.c.user_id == USER_ID, _factors.c.credential_id.is_not(None)
    )
)
_RELEASE_ALL = owned(
    delete(_owners).where(
        _owners.c.user_id == USER_ID,
        _owners.c.credential_id == any_(bindparam("credential_ids", type_=ARRAY(LargeBinary()))),
    )
)


def party_of(context: Context) -> RelyingParty:
    """Return the relying party of the service. Raise `PasskeysNotConfigured`."""
    party = relying_party_of(context.settings)
    if party is None:
        raise PasskeysNotConfigured
    return party


async def credential_ids(scope: UserScope) -> list[bytes]:
    """The credential ids of a user's passkeys, the oldest first."""
    return [row["credential_id"] for row in await scope.all(_IDS)]


async def creation_options(
    context: Context, scope: UserScope, factor_id: UUID, email: str
) -> dict[str, Any]:
    """Return what a browser needs to create a passkey. Raise `PasskeysNotConfigured`."""
    challenge, *_ = challenges_to_enroll(context.keyring, scope.user_id, factor_id)
    existing = await credential_ids(scope)
    return party_of(context).creation_options(scope.user_id, email, challenge, existing)


async def claim(
    context: Context, scope: UserScope, factor_id: UUID, response: dict[str, Any]
) -> Passkey:
    """Check a new passkey, and note whose it is. Raise `ValidationFailed`."""
    challenges = challenges_to_enroll(context.keyring, scope.user_id, factor_id)
    try:
        passkey = party_of(context).read_registration(response, challenges)
    except InvalidPasskey:
        raise _invalid() from None
    if await scope.one(_CLAIM, credential_id=passkey.credential_id) is None:
        raise _invalid()
    return passkey


async def find_owner(across_users: AcrossUsers, credential_id: bytes) -> UUID | None:
    """Return the id of the account that a passkey signs in to, or None."""
    row = await across_users.one(_FIND, credential_id=credential_id)
    return None if row is None else row["user_id"]


async def use(
    context: Context, scope: UserScope, challenge: bytes, response: dict[str, Any]
) -> bool:
    """Whether one of the user's passkeys has signed a challenge; if so, note its use."""
    party = relying_party_of(context.settings)
    if party is None:
        return False
    try:
        credential_id = credential_id_of(response)
        stored = await scope.one(_READ, credential_id=credential_id)
        if stored is None:
            return False
        passkey = Passkey(credential_id, **stored)
        count = party.check_assertion(response, challenge, passkey, scope.user_id)
    except InvalidPasskey:
        return False
    used = await scope.one(_USE, credential_id=credential_id, sign_count=count)
    return used is not None


async def release(scope: UserScope, credential_id: bytes) -> None:
    """Forget whose a passkey is."""
    await scope.all(_RELEASE, credential_id=credential_id)


async def release_all(scope: UserScope) -> None:
    """Forget that the passkeys of a user are theirs, while they are still stored."""
    stored = [row["credential_id"] for row in await scope.all(_STORED)]
    await scope.all(_RELEASE_ALL, credential_ids=stored)


def options_for(
    context: Context, challenge: bytes, allowed: Sequence[bytes]
) -> dict[str, Any] | None:
    """Return what a browser needs to use a passkey, or None if there is none or no public URL."""
    party = relying_party_of(context.settings)
    return party.request_options(challenge, allowed) if party and allowed else None


def _invalid() -> ValidationFailed:
    return ValidationFailed.of(
        "body.credential",
        "Invalid passkey, or already in use; begin again",
        "invalid_credential",
    )
