"""All resources of one type and one user, in pages."""

from collections.abc import AsyncIterator
from functools import cache

from sqlalchemy import Boolean, Uuid, bindparam, or_, select

from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.records.types import ResourceType

_PAGE = 50


async def read_all(
    scope: UserScope, kind: ResourceType, *, trashed: bool
) -> AsyncIterator[list[Row]]:
    """All resources of the caller, live or trashed, in pages by id; as of one moment in a snapshot."""
    after = None
    while page := await scope.all(_page(kind), after=after, trashed=trashed):
        yield page
        after = page[-1]["id"]


@cache
def _page(kind: ResourceType) -> OwnedStatement:
    after = bindparam("after", type_=Uuid())
    return owned(
        select(*kind.shown)
        .where(
            kind.table.c.user_id == USER_ID,
            # No id is before all others that a client may choose: the nil UUID is one of them.
            or_(after.is_(None), kind.table.c.id > after),
            bindparam("trashed", type_=Boolean()) == kind.is_trashed,
        )
        .order_by(kind.table.c.id)
        .limit(_PAGE)
    )
