"""The statement that reads what changed since a revision, for every resource type."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import JSON_TEXT
from duly.models import Installation, Tombstone, User
from duly.records.types import ResourceType
from duly.utils.tables import table_of

_TIME_FORMAT = literal('YYYY-MM-DD"T"HH24:MI:SS.US"Z"', Text())

_users = table_of(User)
_tombstones = table_of(Tombstone)
_installations = table_of(Installation)

_AFTER = bindparam("after", type_=BigInteger())
_LIMIT = bindparam("limit", type_=Integer())
# Null on the very first page, which begins at the revision that it finds.
_BEGUN = func.coalesce(
    bindparam("begun", type_=BigInteger()),
    select(_users.c.revision).where(_users.c.id == USER_ID).scalar_subquery(),
)


def _of_type(kind: ResourceType) -> Select[Any]:
    """Changes of the resources that exist; one in the trash counts as deleted."""
    is_live = kind.is_live
    data = case((is_live, _data_of(kind.shown)), else_=null())
    is_reported = or_(is_live, kind.table.c.revision > _BEGUN)
    return _since(kind.table, literal(kind.name, Text()), data).where(is_reported)


def _data_of(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    pairs: list[Any] = []
    for column in columns:
        value = column
        if isinstance(column.type, DateTime):
            value = _time_of(column)
        elif isinstance(column.type, JSON_TEXT):
            value = cast(column, JSON())
        pairs += [literal(column.name, Text()), value]
    return func.jsonb_build_object(*pairs, type_=JSONB())


def _time_of(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The text that the encoder of responses makes of a time: without a fraction that is zero."""
    text = func.to_char(column, _TIME_FORMAT, type_=Text())
    return func.replace(text, literal(".000000", Text()), literal("", Text()), type_=Text())


def _of_tombstones(kinds: Sequence[ResourceType]) -> Select[Any]:
    """Changes of the resources that were deleted permanently and not created again."""
    data = literal(None, JSONB(none_as_null=True))
    is_reported = _tombstones.c.revision > _BEGUN
    gone = [
        or_(
            _tombstones.c.type != kind.name,
            ~exists().where(kind.table.c.user_id == USER_ID, kind.table.c.id == _tombstones.c.id),
        )
        for kind in kinds
    ]
    return _since(_tombstones, _tombstones.c.type, data).where(is_reported, *gone)


def _since(table: Table, name: ColumnElement[Any], data: ColumnElement[Any]) -> Select[Any]:
    return (
        select(name.label("type"), table.c.id, data.label("data"), table.c.revision)
        .where(table.c.user_id == USER_ID, table.c.revision > _AFTER)
        .order_by(table.c.revision)
        .limit(_LIMIT)
    )


def _of_profile(shown: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """The last change of the profile. An account has one from the start, at revision 0."""
    return select(
        literal("user", Text()).label("type"),
        _users.c.id,
        _data_of(shown).label("data"),
        _users.c.profile_revision.label("revision"),
    ).where(_users.c.id == USER_ID, _users.c.profile_revision > _AFTER)


def page_statement(
    kinds: Sequence[ResourceType], profile: Sequence[ColumnElement[Any]]
) -> OwnedStatement:
    """One snapshot of the user's counters and of the changes after `:after`, at most `:limit`.

    `profile` are the columns of a response that shows the account. `:begun` is null on the very
    first page, which begins at the revision that it finds.
    """
    owner = (
        select(
            _users.c.revision.label("newest"),
            _users.c.horizon,
            select(_installations.c.epoch).scalar_subquery().label("epoch"),
        )
        .where(_users.c.id == USER_ID)
        .subquery("owner")
    )
    parts = [_of_profile(profile), _of_tombstones(kinds), *(_of_type(kind) for kind in kinds)]
    changes = (
        union_all(*(select(part.subquery()) for part in parts))
        .order_by("revision")
        .limit(_LIMIT)
        .subquery("changes")
    )
    return owned(
        select(owner, changes)
        .select_from(owner.outerjoin(changes, true()))
        .order_by(changes.c.revision)
    )
