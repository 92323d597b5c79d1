"""All resources of one type and one user, in pages."""

from collections.abc import AsyncIterator
from functools import cache

from sqlalchemy import Boolean, Uuid, bindparam, select

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.records.types import ResourceType

_PAGE = 50


async def read_all(
    scope: UserScope, kind: ResourceType, *, trashed: bool
) -> AsyncIterator[list[Row]]:
    """All resources of the caller, live or trashed, in pages by id; as of one moment in a snapshot."""
    page = await scope.all(_page(kind, is_resumed=False), trashed=trashed)
    while page:
        yield page
        after = page[-1]["id"]
        page = await scope.all(_page(kind, is_resumed=True), trashed=trashed, after=after)


@cache
def _page(kind: ResourceType, *, is_resumed: bool) -> OwnedStatement:
    # No id is before all others that a client may choose: the nil UUID is one of them.
    position = [kind.table.c.id > bindparam("after", type_=Uuid())] if is_resumed else []
    return owned(
        select(*kind.shown)
        .where(
            kind.table.c.user_id == USER_ID,
            bindparam("trashed", type_=Boolean()) == kind.is_trashed,
            *position,
        )
        .order_by(kind.table.c.id)
        .limit(_PAGE)
    )
