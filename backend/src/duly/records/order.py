"""The manual order: resources sort by `position`, a key of `utils.order_keys`, and by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy import update as sql_update

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.database.values import Row
from duly.records.revisions import check_count, next_revisions
from duly.records.types import ID, ResourceType, listed
from duly.schemas.order import Anchored
from duly.utils import order_keys

Place = Mapping[str, Any]
"""The columns that siblings have in common, by name."""

_ANCHOR = bindparam("anchor", type_=Uuid())
_NEIGHBORS = 50
"""Siblings on each side of a place that get new keys when its keys become too long, at least."""
_SHORT = 16
"""The length up to which new keys leave room for many more moves."""


def appended(revision: ColumnElement[Any]) -> ColumnElement[Any]:
    """The key of the last place, from the owner's new revision: `order_keys.appended` in SQL."""
    base = len(order_keys.DIGITS)
    digits = [
        func.substr(
            literal(order_keys.DIGITS, Text()),
            cast((revision // literal(base**place, BigInteger())) % base, Integer()) + 1,
            literal(1, Integer()),
            type_=Text(),
        )
        for place in reversed(range(order_keys.APPENDED_DIGITS))
    ]
    head: ColumnElement[Any] = literal(order_keys.APPENDED_HEAD, Text())
    return reduce(lambda left, right: left.op("||")(right), digits, head)


@dataclass(frozen=True, slots=True)
class Spot:
    """A spot among the siblings of a place, for the resource with the id `resource_id`."""

    kind: ResourceType
    resource_id: UUID
    place: Place
    anchored: Anchored


async def key_at(transaction: UserScope, spot: Spot, revision: int) -> str | None:
    """Return the key of a spot, or None for the last.

    Without an anchor, or if it is not a sibling, return None (last). If the keys there have become
    too long, their neighbors get new ones first. `revision` is the owner's.
    """
    if not spot.anchored.is_anchored:
        return None
    low, high = await _around(transaction, spot)
    if high is None:
        return None
    key = _between(low, high)
    if key is not None:
        return key
    await _spread(transaction, spot, revision)
    return _between(*await _around(transaction, spot))


def _between(low: str | None, high: str | None) -> str | None:
    """Return a key that is not too long, or None if there is none."""
    if low is not None and high is not None and low >= high:
        return None  # two siblings with the same key
    key = order_keys.between(low, high)
    return key if len(key) <= order_keys.MAX_LENGTH else None


async def _around(transaction: UserScope, spot: Spot) -> tuple[str | None, str | None]:
    """The keys before and after a spot; the second is None for the last."""
    found = await _neighbors(transaction, spot, 1)
    if found is None:
        return None, None
    lower, upper = found
    return (lower[-1]["position"] if lower else None), (upper[0]["position"] if upper else None)


async def _neighbors(
    transaction: UserScope, spot: Spot, count: int
) -> tuple[list[Row], list[Row]] | None:
    """At most `count` siblings before and after a spot, in order; None if it is the last."""
    is_after = "after_id" in spot.anchored.model_fields_set
    anchor = spot.anchored.after_id if is_after else spot.anchored.before_id
    params = {"id": spot.resource_id, "count": count, **spot.place}
    names = frozenset(name for name, value in spot.place.items() if value is not None)
    if anchor is None:
        return [], await transaction.all(_first(spot.kind, names), **params)
    params["anchor"] = anchor
    # The anchor itself is one of them.
    before = _beside(spot.kind, names, is_before=True, is_inclusive=is_after)
    after = _beside(spot.kind, names, is_before=False, is_inclusive=not is_after)
    lower, upper = await transaction.many([(before, params), (after, params)])
    has_anchor = any(one["id"] == anchor for one in (lower if is_after else upper))
    return (lower[::-1], upper) if has_anchor else None


async def _spread(transaction: UserScope, spot: Spot, revision: int) -> None:
    """Give the siblings around a spot new keys, evenly between those that keep theirs.

    If their new keys would also be long, more siblings get new ones: many moves into one gap leave
    similar keys on both sides of it. Raise `TooManyChanges` if these are too many.
    """
    count = _NEIGHBORS
    while True:
        found = await _neighbors(transaction, spot, count + 1)
        assert found is not None
        lower, upper = found
        is_whole = len(lower) <= count and len(upper) <= count
        low = lower.pop(0)["position"] if len(lower) > count else None
        # Above the last sibling there is room up to the key that the next new one would get.
        high = upper.pop()["position"] if len(upper) > count else order_keys.appended(revision + 1)
        siblings = [*lower, *upper]
        if low is None or low < high:  # else all of them have the same key
            keys = order_keys.spread(low, high, len(siblings))
            if is_whole or max(map(len, keys)) <= _SHORT:
                break
        count *= 2
    check_count(len(siblings))
    await transaction.all(
        _setting_positions(spot.kind),
        ids=[one["id"] for one in siblings],
        positions=list(keys),
    )


def _is_sibling(kind: ResourceType, names: frozenset[str]) -> list[ColumnElement[bool]]:
    """Live resources of a place; `names` are its columns that are not null."""
    return [
        kind.table.c.user_id == USER_ID,
        # As the index of the manual order has it.
        *([listed(kind.is_live)] if kind.is_trashable else []),
        kind.table.c.id != ID,
        *(
            column == bindparam(column.name, type_=column.type)
            if column.name in names
            else listed(column.is_(None))
            for column in kind.siblings
        ),
    ]


@cache
def _first(kind: ResourceType, names: frozenset[str]) -> OwnedStatement:
    columns = kind.table.c
    return owned(
        select(columns.id, columns.position)
        .where(*_is_sibling(kind, names))
        .order_by(*_order(kind))
        .limit(bindparam("count", type_=Integer()))
    )


@cache
def _beside(
    kind: ResourceType, names: frozenset[str], *, is_before: bool, is_inclusive: bool
) -> OwnedStatement:
    columns = kind.table.c
    anchor = kind.table.alias("anchor")
    is_anchor = (anchor.c.user_id == USER_ID, anchor.c.id == _ANCHOR)
    place = tuple_(columns.position, columns.id)
    # Values that are read first, so that the index is entered there.
    mark = tuple_(
        select(anchor.c.position).where(*is_anchor).scalar_subquery(),
        select(anchor.c.id).where(*is_anchor).scalar_subquery(),
    )
    order = _order(kind)
    if is_before:
        condition = place <= mark if is_inclusive else place < mark
        order = [column.desc() for column in order]
    else:
        condition = place >= mark if is_inclusive else place > mark
    return owned(
        select(columns.id, columns.position)
        .where(*_is_sibling(kind, names), condition)
        .order_by(*order)
        .limit(bindparam("count", type_=Integer()))
    )


def _order(kind: ResourceType) -> list[ColumnElement[Any]]:
    # The index of tasks begins with the list. PostgreSQL does not see that it is the same for all
    # if it is null.
    return [*kind.siblings[:1], kind.table.c.position, kind.table.c.id]


@cache
def _setting_positions(kind: ResourceType) -> OwnedStatement:
    given = (
        select(
            func.unnest(bindparam("ids", type_=ARRAY(Uuid())), type_=Uuid()).label("id"),
            func.unnest(bindparam("positions", type_=ARRAY(Text())), type_=Text()).label(
                "position"
            ),
        )
    ).cte("given")
    number = func.row_number().over(order_by=given.c.id).label("number")
    numbered = select(given.c.id, given.c.position, number).cte("numbered")
    count = select(func.count()).select_from(numbered).scalar_subquery()
    owner = next_revisions(count)
    return owned_change(
        sql_update(kind.table)
        .where(kind.table.c.user_id == USER_ID, kind.table.c.id == numbered.c.id)
        .values(
            position=numbered.c.position,
            revision=owner.c.revision - count + numbered.c.number,
            updated_at=owner.c.changed_at,
        )
        .returning(kind.table.c.id)
    )
