"""The identities of a user at other issuers: listed, ended, deleted."""

from datetime import timedelta

from sqlalchemy import Uuid, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import DeletedIdentity, UserIdentity
from duly.runtime.context import Context
from duly.services.sessions import end
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of
from duly.utils.times import utc

TOKEN_LIFETIME = timedelta(days=31)
"""How long a deleted identity is recorded: longer than any token is valid that issuers issue.

Auth0 allows 30 days; most issue tokens for an hour or less.
"""

_identities = table_of(UserIdentity)
_deleted = table_of(DeletedIdentity)

_IDENTITY_ID = bindparam("identity_id", type_=Uuid())

_LIST = owned(
    select(_identities.c.issuer, _identities.c.subject, utc(_identities.c.created_at))
    .where(_identities.c.user_id == USER_ID)
    .order_by(_identities.c.created_at, _identities.c.id)
)
_IDS = owned(select(_identities.c.id).where(_identities.c.user_id == USER_ID).with_for_update())

_END = owned(
    update(_identities)
    .where(_identities.c.user_id == USER_ID, _identities.c.id == _IDENTITY_ID)
    .values(id=bindparam("new_id", type_=Uuid()))
    .returning(_IDENTITY_ID.label("id"))
)

_gone = (
    delete(_identities)
    .where(_identities.c.user_id == USER_ID)
    .returning(_identities.c.issuer, _identities.c.subject, _identities.c.id)
    .cte("gone")
)
_recorded = (
    insert(_deleted)
    .from_select(
        ["issuer", "subject", "deleted_at", "expires_at"],
        select(
            _gone.c.issuer,
            _gone.c.subject,
            func.now(),
            func.now() + bindparam("token_lifetime", TOKEN_LIFETIME, type_=INTERVAL()),
        ),
    )
    .returning(_deleted.c.issuer)
    .cte("recorded")
)
_DELETE = owned(select(_gone.c.id).add_cte(_recorded))


async def list_identities(scope: UserScope) -> list[Row]:
    """All identities of the caller, the oldest first."""
    return await scope.all(_LIST)


async def end_identities(context: Context, scope: UserScope) -> None:
    """Announce to all workers that tokens of other issuers need another look at the account.

    In the transaction that disables the account. Each identity gets another id: the former is listed
    as ended, and tokens of an account that is enabled again have the new one.
    """
    for row in await scope.all(_IDS):
        await end(context, scope, _END, identity_id=row["id"], new_id=new_id())


async def delete_identities(context: Context, scope: UserScope) -> None:
    """Delete the identities of an account, in the transaction that deletes it.

    Tokens that were issued before are rejected, instead of creating a new, empty account.
    """
    await end(context, scope, _DELETE)
