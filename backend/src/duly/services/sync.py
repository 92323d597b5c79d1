"""Sync: what changed since a token, each thing once, deletions included; for every synced noun.

A user's revisions are committed in their order, so whoever has seen revision N has seen all up to
N. A token holds the revision seen. While everything is told for the first time it also holds the
revision at which that began: what was deleted by then needs no telling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from duly.core.errors import SyncTokenExpired, Unauthenticated, ValidationFailed
from duly.core.security import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Installation, Tombstone, User
from duly.services.nouns import SYNCED, Noun
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


@dataclass(frozen=True, slots=True)
class Position:
    """How far a client has come.

    `begun` is where its first sync began, and 0 once that is over.
    """

    epoch: UUID
    revision: int
    begun: int


@dataclass(frozen=True, slots=True)
class Step:
    """One change, as `schemas.sync.Change` has it, and the position after it."""

    change: dict[str, Any]
    position: Position


@dataclass(frozen=True, slots=True)
class Progress:
    """Some changes in their order, and where they lead."""

    steps: Sequence[Step]
    position: Position
    has_more: bool
    is_full: bool


def _of_noun(noun: Noun) -> Select[Any]:
    """Changes of the things that are there; one in the trash counts as deleted."""
    pairs: list[Any] = []
    for column in noun.columns:
        is_time = isinstance(column.type, DateTime)
        shown = func.to_char(column, _TIME_FORMAT) if is_time else column
        pairs += [literal(column.name, Text()), shown]
    is_live = noun.trashed_at.is_(None)
    data = case((is_live, func.jsonb_build_object(*pairs, type_=JSONB())), else_=null())
    is_told = or_(is_live, noun.table.c.revision > _BEGUN)
    return _since(noun.table, literal(noun.name, Text()), data).where(is_told)


def _of_tombstones() -> Select[Any]:
    """Changes of the things that are gone for good, and were not made again."""
    data = literal(None, JSONB(none_as_null=True))
    told = _tombstones.c.revision > _BEGUN
    gone = [
        or_(
            _tombstones.c.noun != noun.name,
            ~exists().where(noun.table.c.user_id == USER_ID, noun.table.c.id == _tombstones.c.id),
        )
        for noun in SYNCED
    ]
    return _since(_tombstones, _tombstones.c.noun, data).where(told, *gone)


def _since(table: Table, noun: ColumnElement[Any], data: ColumnElement[Any]) -> Select[Any]:
    return (
        select(noun.label("type"), table.c.id, data.label("data"), table.c.revision)
        .where(table.c.user_id == USER_ID, table.c.revision > _AFTER)
        .order_by(table.c.revision)
        .limit(_LIMIT)
    )


def _page() -> OwnedStatement:
    """One snapshot of the user's counters and of the changes after `after`."""
    owner = (
        select(
            _users.c.revision.label("newest"),
            _users.c.horizon,
            select(_installations.c.epoch).scalar_subquery().label("epoch"),
        )
        .where(_users.c.id == USER_ID)
        .subquery("owner")
    )
    parts = [_of_tombstones(), *(_of_noun(noun) for noun in SYNCED)]
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


_PAGE = _page()
_NO_MORE = 2**63 - 1


async def read_changes(scope: UserScope, position: Position | None, limit: int) -> Progress:
    """What changed after `position`, at most `limit` things; without one, all that there is.

    Raises `SyncTokenExpired` where deletions since then are forgotten, or the database was
    restored from a backup meanwhile.
    """
    rows = await scope.all(
        _PAGE,
        after=position.revision if position else 0,
        begun=position.begun if position else None,
        limit=limit + 1,
    )
    if not rows:
        raise Unauthenticated
    newest, epoch = rows[0]["newest"], rows[0]["epoch"]
    if position is not None:
        _check(position, newest, rows[0]["horizon"], epoch)
    begun = newest if position is None else position.begun
    changes = [row for row in rows if row["id"] is not None]
    has_more = len(changes) > limit
    steps = [Step(_change(row), _at(epoch, row["revision"], begun)) for row in changes[:limit]]
    # A first sync is one to its end, so that the client knows when it was told everything.
    end = (
        Position(epoch, changes[limit - 1]["revision"], begun)
        if has_more
        else Position(epoch, newest, begun=0)
    )
    return Progress(steps, end, has_more, is_full=position is None or begun > 0)


async def read_position(scope: UserScope) -> Position:
    """Where the user's history stands now."""
    rows = await scope.all(_PAGE, after=_NO_MORE, begun=0, limit=1)
    if not rows:
        raise Unauthenticated
    return Position(rows[0]["epoch"], rows[0]["newest"], begun=0)


def seal(keyring: Keyring, scope: UserScope, position: Position) -> str:
    """The token of a position."""
    content = ["sync", position.epoch, position.revision, position.begun]
    return keyring.seal_cursor(scope.user_id, content)


def unseal(keyring: Keyring, scope: UserScope, token: str, path: str) -> Position:
    """The position of a token. Raises `ValidationFailed`, naming `path`, for one not the user's."""
    try:
        kind, epoch, revision, begun = keyring.open_cursor(scope.user_id, token)
    except (InvalidToken, ValueError):
        kind = None
    if kind != "sync":
        raise ValidationFailed.of(path, "Invalid sync token for this user", "invalid_token")
    return Position(UUID(epoch), revision, begun)


def _check(position: Position, newest: int, horizon: int, epoch: UUID) -> None:
    seen = max(position.begun, position.revision)
    if position.epoch != epoch or position.revision > newest or seen < horizon:
        raise SyncTokenExpired


def _at(epoch: UUID, revision: int, begun: int) -> Position:
    return Position(epoch, revision, begun if revision < begun else 0)


def _change(row: dict[str, Any]) -> dict[str, Any]:
    op = "delete" if row["data"] is None else "upsert"
    return {"type": row["type"], "id": row["id"], "op": op, "data": row["data"]}
