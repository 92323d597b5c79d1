"""Moving a resource among its siblings."""

from functools import cache
from uuid import UUID

from sqlalchemy import Text, bindparam

from duly.database.scope import UserScope
from duly.database.values import Row
from duly.records import changes, commands
from duly.records.changes import Change
from duly.records.commands import Procedure
from duly.records.order import Spot, appended, key_at
from duly.records.types import ResourceType
from duly.records.versions import Versions
from duly.schemas.order import Move

_POSITION = bindparam("position", type_=Text())


def move(kind: ResourceType, resource_id: UUID, body: Move, versions: Versions) -> Procedure[Row]:
    """The operation that moves a resource among its siblings.

    It raises `NotFound` and `PreconditionFailed`.
    """

    async def work(transaction: UserScope, reads: list[list[Row]], revision: int) -> Row:
        current = changes.checked(kind, reads[0], versions)
        place = {column.name: current[column.name] for column in kind.siblings}
        spot = Spot(kind, resource_id, place, body)
        return await place_at(transaction, spot, current, revision)

    read = changes.read_call(kind, resource_id)
    return Procedure(None, resource_id, [read], work)


async def place_at(transaction: UserScope, spot: Spot, current: Row, revision: int) -> Row:
    """Move a resource to a spot. If that is next to itself, return `current`, unchanged."""
    if spot.resource_id in {spot.anchored.after_id, spot.anchored.before_id}:
        return current
    key = await key_at(transaction, spot, revision)
    params = {} if key is None else {"position": key}
    change = placing(spot.kind, is_last=key is None)
    return await commands.run(transaction, change.of(spot.resource_id, None, **params))


@cache
def placing(kind: ResourceType, *, is_last: bool) -> Change:
    """The change that gives a resource a position, or the last one."""
    return changes.change(
        kind,
        f"{kind.name}.moved",
        lambda owner: {"position": appended(owner.c.revision) if is_last else _POSITION},
    )
