"""The statements that read one page of a list, in the order of an index."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    func,
    select,
    true,
    tuple_,
    union_all,
)

from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import User
from duly.records.types import ResourceType
from duly.utils.tables import table_of

Keys = Sequence[ColumnElement[Any]]

_users = table_of(User)

# It increases with each change that a list can show, and when the trash is purged.
STATE = _users.c.revision.label("state")


@dataclass(frozen=True, eq=False, slots=True)
class Sort:
    """An order of a list: by `ascending` or by `descending`, and then by id in the same direction.

    If the first key `has_nulls`, resources without it come last in both directions. `values`
    returns the keys of a row, given whether the order is descending.
    """

    ascending: tuple[ColumnElement[Any], ...]
    descending: tuple[ColumnElement[Any], ...]
    values: Callable[[Row, bool], Sequence[Any]]
    has_nulls: bool = False

    def keys(self, *, is_descending: bool) -> tuple[ColumnElement[Any], ...]:
        """The keys of one direction."""
        return self.descending if is_descending else self.ascending


def by_column(column: Column[Any], *, has_nulls: bool = False) -> Sort:
    """The order of one column that responses show."""
    name = column.name
    return Sort((column,), (column,), lambda row, _: [row[name]], has_nulls)


class Resumption(StrEnum):
    """Where a page begins: at the start, after a resource with a key, or after one without."""

    START = "start"
    AFTER_KEY = "after_key"
    AFTER_NULL = "after_null"


def page_statement(
    kind: ResourceType,
    sort: Sort,
    filters: Sequence[ColumnElement[bool]],
    *,
    is_descending: bool,
    search: ColumnElement[bool] | None = None,
    resumption: Resumption,
    is_counted: bool,
) -> OwnedStatement:
    """The statement of one kind of page."""
    keys = sort.keys(is_descending=is_descending)
    conditions = (kind.table.c.user_id == USER_ID, *filters)
    if search is None:
        source = _listed(kind, keys, conditions)
    else:
        is_read_twice = is_counted or sort.has_nulls
        source = _found(kind, keys, (*conditions, search), is_read_twice=is_read_twice)
    rows = _rows(source, resumption, is_descending=is_descending, has_nulls=sort.has_nulls)
    facts: list[ColumnElement[Any]] = [STATE.label("_state")]
    if is_counted:
        facts.append(source.counted.scalar_subquery().label("_total"))
    # The facts come with every row, and with a row of their own if the page is empty.
    owner = select(*facts).where(_users.c.id == USER_ID).subquery("owner")
    page = owner.outerjoin(rows, true())
    shown: Iterable[ColumnElement[Any]] = (rows.c[column.name] for column in kind.shown)
    if search is not None:
        # The columns of what may be the user's whole list are read for one page only.
        is_same = and_(kind.table.c.user_id == USER_ID, kind.table.c.id == rows.c.id)
        page, shown = page.outerjoin(kind.table, is_same), kind.shown
    in_order = (*(rows.c[name] for name in _names_of(keys)), rows.c.id)
    return owned(
        select(owner, *shown)
        .select_from(page)
        .order_by(*_directed(in_order, is_descending, nulls_last=sort.has_nulls))
    )


class _Source(NamedTuple):
    """The rows of a list, unordered, the keys that they are sorted by, and their count.

    The last of the keys is the id.
    """

    select: Select[Any]
    keys: tuple[ColumnElement[Any], ...]
    counted: Select[Any]


def _listed(kind: ResourceType, keys: Keys, conditions: Sequence[ColumnElement[bool]]) -> _Source:
    """The rows of the table that meet the conditions."""
    return _Source(
        select(*kind.shown, *_labelled(keys)).where(*conditions),
        (*keys, kind.table.c.id),
        select(func.count()).select_from(kind.table).where(*conditions),
    )


def _found(
    kind: ResourceType,
    keys: Keys,
    conditions: Sequence[ColumnElement[bool]],
    *,
    is_read_twice: bool,
) -> _Source:
    """The ids and keys of the rows that a search finds."""
    # OFFSET 0 makes PostgreSQL find the matches before it sorts. Otherwise, if it expects many
    # matches, it reads the user's whole list in order, with the words of each task. Finding the
    # matches takes most of the time, so it happens once for all parts of the statement.
    matches = select(kind.table.c.id, *_labelled(keys)).where(*conditions).offset(0)
    found: Any = matches.cte("found") if is_read_twice else matches.subquery("found")
    return _Source(
        select(found),
        (*(found.c[name] for name in _names_of(keys)), found.c.id),
        select(func.count()).select_from(found),
    )


def _labelled(keys: Keys) -> list[ColumnElement[Any]]:
    return [key.label(name) for key, name in zip(keys, _names_of(keys), strict=True)]


def _names_of(keys: Keys) -> list[str]:
    return [f"key_{number}" for number in range(len(keys))]


def _rows(
    source: _Source, resumption: Resumption, *, is_descending: bool, has_nulls: bool
) -> Subquery:
    """The rows of one page."""
    limit = bindparam("limit", type_=Integer())
    offset = bindparam("offset", type_=Integer())
    after = _after(source.keys, is_descending) if resumption is Resumption.AFTER_KEY else true()
    in_order = _directed(source.keys, is_descending)
    if not has_nulls:
        whole = source.select.where(after).order_by(*in_order)
        return whole.limit(limit).offset(offset).subquery("page")
    # In two parts, because no index has nulls last in both directions.
    first, *_, last = source.keys
    without_key = source.select.where(first.is_(None)).order_by(*_directed((last,), is_descending))
    if resumption is Resumption.AFTER_NULL:
        rest = without_key.where(_after((last,), is_descending))
        return rest.limit(limit).offset(offset).subquery("page")
    with_key = source.select.where(first.is_not(None), after).order_by(*in_order)
    keyed = with_key.limit(limit + offset).cte("keyed")
    # On most pages, nothing is left to read.
    count = select(func.count()).select_from(keyed).scalar_subquery()
    unkeyed = without_key.limit(limit + offset - count).subquery("unkeyed")
    both = union_all(select(keyed), select(unkeyed)).subquery("both")
    keys = (*(column for column in both.c if column.name.startswith("key_")), both.c.id)
    return (
        select(both)
        .order_by(*_directed(keys, is_descending, nulls_last=True))
        .limit(limit)
        .offset(offset)
        .subquery("page")
    )


def _directed(
    keys: Keys, is_descending: bool, *, nulls_last: bool = False
) -> list[ColumnElement[Any]]:
    directed: list[ColumnElement[Any]] = [
        key.desc() if is_descending else key.asc() for key in keys
    ]
    return [directed[0].nulls_last(), *directed[1:]] if nulls_last else directed


def _after(keys: Keys, is_descending: bool) -> ColumnElement[bool]:
    """The row is after the one that the cursor names."""
    marks = [bindparam(f"after_{number}", type_=key.type) for number, key in enumerate(keys[:-1])]
    here, mark = tuple_(*keys), tuple_(*marks, bindparam("after_id", type_=Uuid()))
    return here < mark if is_descending else here > mark
