"""The statements that create, find and check accounts, for `auth` and `users`."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import SmallInteger, Text, bindparam, insert, select

from duly.core.errors import ValidationFailed
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import User
from duly.models.users import LANGUAGE, TIMEZONE, WEEK_START
from duly.services import email_keys
from duly.services.profiles import PROFILE
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

if TYPE_CHECKING:  # it imports what finds the accounts of other issuers' tokens
    from duly.runtime.context import Client, Context

_users = table_of(User)

_INSERT = owned(
    insert(_users)
    .values(
        id=USER_ID,
        email=bindparam("email", type_=Text()),
        name=bindparam("name", type_=Text()),
        timezone=bindparam("timezone", type_=Text()),
        week_start=bindparam("week_start", type_=SmallInteger()),
        language=bindparam("language", type_=Text()),
        password_hash=bindparam("password_hash", type_=Text()),
    )
    .returning(*PROFILE)
)
_READ = owned(
    select(
        *PROFILE,
        _users.c.password_hash.label("_password_hash"),
        _users.c.known_addresses.label("_known_addresses"),
    ).where(_users.c.id == USER_ID, _users.c.disabled_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What is known of the user of a new account."""

    name: str | None
    timezone: str = TIMEZONE
    week_start: int = WEEK_START
    language: str = LANGUAGE


async def create_account(
    across_users: AcrossUsers, email: str, profile: NewProfile, password_hash: str
) -> Row:
    """Create an account in the transaction of `across_users`, and return its profile.

    Raises `EmailTaken`.
    """
    user_id = new_id()
    await email_keys.take(across_users, user_id, email)
    return await insert_account(across_users, user_id, email, profile, password_hash)


async def insert_account(
    across_users: AcrossUsers,
    user_id: UUID,
    email: str | None,
    profile: NewProfile,
    password_hash: str | None,
) -> Row:
    """Create an account that no address signs in to, and return its profile."""
    user = await across_users.user(user_id).one(
        _INSERT, email=email, password_hash=password_hash, **asdict(profile)
    )
    assert user is not None
    return user


async def find_account(context: "Context", email: str) -> UserScope | None:
    """The scope of the account that an address signs in to, or None."""
    user_id = await email_keys.find(context.across_users, email)
    return None if user_id is None else UserScope(context.pool, user_id)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is not disabled, with what a sign-in is checked against."""

    profile: Row
    password_hash: str | None
    known_addresses: list[bytes]


async def read_account(scope: UserScope) -> Account | None:
    """The account of a scope, or None if it is deleted or disabled."""
    found = await scope.find(_READ)
    if found is None:
        return None
    assert found.resource is not None
    return Account(found.resource, **found.facts)


async def require_password(scope: UserScope, path: str) -> None:
    """Raise `ValidationFailed`, naming `path`, if the account has no password."""
    account = await read_account(scope)
    if account is not None and account.password_hash is None:
        raise ValidationFailed.of(
            path, "Cannot be changed: the account belongs to another issuer", "no_password"
        )


async def confirm_password(
    context: "Context", scope: UserScope, client: "Client", password: str
) -> str:
    """Check the password of a user who is signed in; return the hash that it matches.

    Raise `ValidationFailed` for a wrong one, and `RateLimited` after too many of them.
    """
    account = await read_account(scope)
    hashed = await check_password(context, str(scope.user_id), client, password, account)
    if hashed is None:
        raise ValidationFailed.of(
            "body.current_password", "Incorrect current password", "wrong_password"
        )
    return hashed


async def check_password(
    context: "Context", key: str, client: "Client", password: str, account: Account | None
) -> str | None:
    """Return the account's hash if the password fits, or None.

    Failures count against `key` from this address, the address, and `key` from all addresses. Each
    try is counted before it begins, and the count is reverted if it succeeds, so that no burst
    exceeds the limits. Raise `RateLimited`, or `ServiceUnavailable` if too many wait.
    """
    hashed = None if account is None else account.password_hash
    is_known = account is not None and is_known_address(context, account, client)
    await context.throttle.check_login(key, client.address, is_known=is_known)
    async with context.passwords.turn(client.address, key):
        await context.throttle.reserve_login(key, client.address, is_known=is_known)
        if not await context.passwords.verify(password, hashed):
            return None
        await context.throttle.refund_login(key, client.address)
        return hashed


def is_known_address(context: "Context", account: Account, client: "Client") -> bool:
    """Whether the account's owner has recently signed in from the client's address."""
    digests = context.keyring.address_digests(account.profile["id"], client.address)
    return not set(digests).isdisjoint(account.known_addresses)
