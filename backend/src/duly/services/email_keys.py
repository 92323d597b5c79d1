"""Which account an email address signs in to: unique across users."""

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, delete, select
from sqlalchemy.dialects import postgresql

from duly.core.errors import EmailTaken
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import USER_ID, across_users, owned
from duly.models import UserEmail
from duly.utils.emails import email_key
from duly.utils.tables import table_of

_emails = table_of(UserEmail)

_KEY = bindparam("email_key", type_=Text())

_TAKE = across_users(
    postgresql.insert(_emails)
    .values(email_key=_KEY, user_id=bindparam("account_id", type_=Uuid()))
    .on_conflict_do_nothing()
    .returning(_emails.c.email_key)
)
_FIND = across_users(select(_emails.c.user_id).where(_emails.c.email_key == _KEY))
_DROP = owned(delete(_emails).where(_emails.c.email_key == _KEY, _emails.c.user_id == USER_ID))


async def find(scope: AcrossUsers, email: str) -> UUID | None:
    """Return the id of the account that an address signs in to, or None."""
    row = await scope.one(_FIND, email_key=email_key(email))
    return None if row is None else row["user_id"]


async def take(scope: AcrossUsers, user_id: UUID, email: str) -> None:
    """Claim an address for an account. Raise `EmailTaken`."""
    if await scope.one(_TAKE, email_key=email_key(email), account_id=user_id) is None:
        raise EmailTaken


async def drop(scope: UserScope, email: str) -> None:
    """Release an address of an account."""
    await scope.all(_DROP, email_key=email_key(email))
