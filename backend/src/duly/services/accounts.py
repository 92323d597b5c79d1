"""Accounts as rows: the statements that make, find and check them, for `auth` and `users`."""

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, insert, select
from sqlalchemy.dialects import postgresql

from duly.core.errors import EmailTaken, ValidationFailed
from duly.database.pool import Row
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, across_users, owned
from duly.models import User, UserEmail
from duly.schemas.auth import email_key
from duly.services.columns import PROFILE
from duly.services.context import Client, Context
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

_users = table_of(User)
_emails = table_of(UserEmail)

_EMAIL_KEY = bindparam("email_key", type_=Text())

_TAKE_EMAIL = across_users(
    postgresql.insert(_emails)
    .values(email_key=_EMAIL_KEY, user_id=bindparam("account_id", type_=Uuid()))
    .on_conflict_do_nothing()
    .returning(_emails.c.email_key)
)
_FIND = across_users(select(_emails.c.user_id).where(_emails.c.email_key == _EMAIL_KEY))
_INSERT = owned(
    insert(_users)
    .values(
        id=USER_ID,
        email=bindparam("email", type_=Text()),
        name=bindparam("name", type_=Text()),
        password_hash=bindparam("password_hash", type_=Text()),
    )
    .returning(*PROFILE)
)
_READ = owned(
    select(*PROFILE, _users.c.password_hash).where(
        _users.c.id == USER_ID, _users.c.disabled_at.is_(None)
    )
)


async def take_email(door: AcrossUsers, user_id: UUID, email: str) -> None:
    """Claim an address for an account. Raises `EmailTaken`."""
    if await door.one(_TAKE_EMAIL, email_key=email_key(email), account_id=user_id) is None:
        raise EmailTaken


async def create_account(
    door: AcrossUsers, email: str, name: str | None, password_hash: str
) -> Row:
    """Make an account in the door's transaction; gives its profile. Raises `EmailTaken`."""
    user_id = new_id()
    await take_email(door, user_id, email)
    user = await door.user(user_id).one(
        _INSERT, email=email, name=name, password_hash=password_hash
    )
    assert user is not None
    return user


async def find_account(context: Context, email: str) -> UserScope | None:
    """The scope of the account that an address signs in to, or None."""
    row = await context.across_users.one(_FIND, email_key=email_key(email))
    return None if row is None else UserScope(context.pool, row["user_id"])


async def read_account(scope: UserScope) -> Row | None:
    """An account that is not disabled: its profile and `password_hash`."""
    return await scope.one(_READ)


async def confirm_password(
    context: Context, scope: UserScope, client: Client, password: str
) -> str:
    """Check the password of someone signed in already; gives the hash that it fits.

    Raises `ValidationFailed` for a wrong one, and `RateLimited` after too many of them.
    """
    user = await read_account(scope)
    hashed = None if user is None else str(user["password_hash"])
    fits = await check_password(context, str(scope.user_id), client, password, hashed)
    if not fits or hashed is None:
        raise ValidationFailed.of(
            "body.current_password", "Incorrect current password", "wrong_password"
        )
    return hashed


async def check_password(
    context: Context, account: str, client: Client, password: str, hashed: str | None
) -> bool:
    """Whether a password fits; failures count against the account from this address.

    Tries from one address run one after the other, whatever the account, so that no burst gets
    in more of them than the budgets allow. Raises `RateLimited`.
    """
    async with context.throttle.attempts.hold(client.address):
        await context.throttle.check_login(account, client.address)
        fits = await context.passwords.verify(password, hashed)
        if not fits:
            await context.throttle.count_failed_login(account, client.address)
        return fits
