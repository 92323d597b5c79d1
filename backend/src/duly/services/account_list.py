"""All accounts, as the operator lists them and names one of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from duly.core.errors import NotFound, ValidationFailed
from duly.database.scope import UserScope
from duly.database.statements import across_users
from duly.database.values import Row
from duly.models import User, UserIdentity
from duly.runtime.context import Context
from duly.services import email_keys
from duly.utils.tables import table_of

_PAGE = 500
_SHOWN = 10
"""How many ids the line about an ambiguous address has at most."""

_users = table_of(User)
_identities = table_of(UserIdentity)

_IS_DISABLED = _users.c.disabled_at.is_not(None).label("is_disabled")
_identities_of_user = (
    select(
        func.string_agg(
            func.concat(_identities.c.issuer, " ", _identities.c.subject),
            aggregate_order_by(literal(", "), _identities.c.created_at, _identities.c.id),
        )
    )
    .where(_identities.c.user_id == _users.c.id)
    .scalar_subquery()
)
_LIST = across_users(
    select(
        _users.c.id,
        _users.c.email,
        _users.c.created_at,
        _IS_DISABLED,
        _identities_of_user.label("identities"),
    )
    .where(_users.c.id > bindparam("after", type_=Uuid()))
    .order_by(_users.c.id)
    .limit(_PAGE)
)
# An account whose address is not its own is found by what the list shows, which no index has.
_FIND = across_users(
    select(
        _users.c.id,
        _users.c.email,
        _IS_DISABLED,
        _users.c.password_hash.is_not(None).label("has_password"),
    )
    .where(
        or_(
            _users.c.id == bindparam("account_id", type_=Uuid()),
            func.lower(_users.c.email) == func.lower(bindparam("email", type_=Text())),
        )
    )
    .order_by(_users.c.id)
    .limit(_SHOWN + 1)
)


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """The account that the operator named."""

    scope: UserScope
    email: str | None
    is_disabled: bool
    has_password: bool


async def list_users(context: Context) -> AsyncIterator[Row]:
    """All accounts, the oldest first."""
    after = UUID(int=0)
    while page := await context.across_users.all(_LIST, after=after):
        for user in page:
            yield user
        after = page[-1]["id"]


async def find(context: Context, account: str) -> FoundAccount:
    """Return the account with an id, or the only one with an address.

    Several accounts can show the same address: those of other issuers' subjects are never joined.
    Raise `NotFound`, and `ValidationFailed` with their ids if there are several.
    """
    account_id, email = None, None
    try:
        account_id = UUID(account)
    except ValueError:
        email = account.strip()
        account_id = await email_keys.find(context.across_users, account)
    rows = await context.across_users.all(_FIND, account_id=account_id, email=email)
    if not rows:
        raise NotFound("There is no account with this email address or id.")
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows[:_SHOWN])
        ids += ", …" if len(rows) > _SHOWN else ""
        raise ValidationFailed(
            f"Several accounts have this email address; name one by its id: {ids}"
        )
    [row] = rows
    return FoundAccount(
        UserScope(context.pool, row["id"]), row["email"], row["is_disabled"], row["has_password"]
    )
