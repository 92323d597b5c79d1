"""The accounts of other issuers' subjects: found with each token, created with the first one.

`runtime.issuers` remembers what it finds here, so a request whose token is known asks nothing.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Float, Text, Uuid, and_, bindparam, cast, func, literal, select, update
from sqlalchemy.dialects import postgresql

from duly.core.errors import EmailTaken, RegistrationClosed
from duly.core.issuer_tokens import IssuerClaims
from duly.core.logging import log
from duly.core.tokens import InvalidToken
from duly.database.scope import AcrossUsers
from duly.database.statements import USER_ID, across_users, owned
from duly.database.values import Row
from duly.models import DeletedIdentity, User, UserIdentity
from duly.schemas.auth import Email, Name
from duly.services import email_keys, security_events
from duly.services.accounts import NewProfile, insert_account
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

if TYPE_CHECKING:  # it imports what finds these accounts
    from collections.abc import Callable

    from duly.runtime.context import Client

CREATED_BY_ISSUER = "user.created_by_issuer"

_identities = table_of(UserIdentity)
_deleted = table_of(DeletedIdentity)
_users = table_of(User)

_ISSUER = bindparam("issuer", type_=Text())
_SUBJECT = bindparam("subject", type_=Text())

_deleted_at = (
    select(func.max(_deleted.c.deleted_at))
    .where(_deleted.c.issuer == _ISSUER, _deleted.c.subject == _SUBJECT)
    .scalar_subquery()
)
_given = select(literal(1).label("one")).subquery("given")
_FIND = across_users(
    select(
        _identities.c.id,
        _identities.c.user_id,
        # A token that does not say when it was issued may be older than the deletion.
        func.coalesce(
            _deleted_at > func.to_timestamp(cast(bindparam("signed_in_at"), Float)),
            _deleted_at.is_not(None),
        ).label("is_outdated"),
        and_(_users.c.id.is_not(None), _users.c.disabled_at.is_(None)).label("is_active"),
    ).select_from(
        _given.outerjoin(
            _identities,
            and_(_identities.c.issuer == _ISSUER, _identities.c.subject == _SUBJECT),
        ).outerjoin(_users, _users.c.id == _identities.c.user_id)
    )
)
_INSERT = across_users(
    postgresql.insert(_identities)
    .values(
        issuer=_ISSUER,
        subject=_SUBJECT,
        user_id=bindparam("account_id", type_=Uuid()),
        id=bindparam("identity_id", type_=Uuid()),
    )
    .on_conflict_do_nothing()
    .returning(_identities.c.id)
)

_SET_VERIFIED = owned(
    update(_users)
    .where(_users.c.id == USER_ID)
    .values(email_verified_at=func.now())
    .returning(_users.c.id)
)

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_NAME: TypeAdapter[str] = TypeAdapter(Name)


async def find_or_create(
    across_users: AcrossUsers,
    claims: IssuerClaims,
    signed_in_at: float | None,
    *,
    may_create: bool,
    client: "Callable[[], Client] | None" = None,
    event: str = CREATED_BY_ISSUER,
) -> tuple[UUID, UUID]:
    """Return the ids of the account and the identity of a token's subject.

    `signed_in_at` is the earliest time at which they can have signed in, in Unix seconds, if known.
    A new account gets an `event`, with the `client` that caused it. Raise `InvalidToken` if the account is disabled, or was deleted after the token was issued, and
    `RegistrationClosed` if there is none and none may be created.
    """
    found = await _find(across_users, claims, signed_in_at)
    if found["id"] is None:
        if not may_create:
            raise RegistrationClosed
        caused_by = None if client is None else client()
        found = await _create(across_users, claims, signed_in_at, event, caused_by)
    if not found["is_active"]:
        raise InvalidToken("the account is disabled or deleted")
    return found["user_id"], found["id"]


async def _find(
    across_users: AcrossUsers, claims: IssuerClaims, signed_in_at: float | None
) -> Row:
    found = await across_users.one(
        _FIND, issuer=claims.issuer, subject=claims.subject, signed_in_at=signed_in_at
    )
    assert found is not None
    if found["is_outdated"]:
        raise InvalidToken("the account was deleted after the token was issued")
    return found


async def _create(
    across_users: AcrossUsers,
    claims: IssuerClaims,
    signed_in_at: float | None,
    event: str,
    client: "Client | None",
) -> Row:
    """Create an account, or find the one that a concurrent request has created."""
    user_id = new_id()
    async with across_users.transaction() as both:
        created = await both.one(
            _INSERT,
            issuer=claims.issuer,
            subject=claims.subject,
            account_id=user_id,
            identity_id=new_id(),
        )
        if created is not None:
            # It never becomes the account of somebody else who has the same address, not even if
            # both have verified it: addresses change hands, and spellings are folded.
            email, name = _valid(_EMAIL, claims.email), _valid(_NAME, claims.name)
            await insert_account(both, user_id, email, NewProfile(name), None)
            if email is not None and claims.is_email_verified:
                with suppress(EmailTaken):  # then the profile shows it, and it signs in nobody
                    await email_keys.take(both, user_id, email)
                    await both.user(user_id).one(_SET_VERIFIED)
            await security_events.record(both.user(user_id), event, client)
        found = await _find(both, claims, signed_in_at)
    if created is not None:
        log.info(event, user_id=str(user_id), issuer=claims.issuer)
    return found


def _valid(adapter: TypeAdapter[str], value: Any) -> str | None:
    """Return a claim as the API would take it; None if it would not."""
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError:
        return None
