"""Sync: what changed since a token, each resource once, deletions included.

A user's revisions are committed in their order, so a client that has seen revision N has seen all
changes up to N. A token holds the revision seen. During a full sync it also holds the revision at
which that started: what was deleted by then need not be reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from duly.core.errors import SyncTokenExpired, Unauthenticated, ValidationFailed
from duly.core.tokens import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.records.sync import page_statement
from duly.services.profiles import PROFILE
from duly.services.resource_types import RESOURCE_TYPES

_PAGE = page_statement(RESOURCE_TYPES, PROFILE)
_BEFORE_ALL = -1
_NO_MORE = 2**63 - 1
_GENERATION = "2"
"""Changes with each release that adds fields or types: copies made by an older one lack them.

Tokens of other generations are expired. While instances of two releases run, or after a rollback,
so are those of the other one.
"""


@dataclass(frozen=True, slots=True)
class Position:
    """The state of a client's copy.

    `begun` is the revision at which its full sync began, and 0 once that has ended.
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
    """Changes in order, and the position after them."""

    steps: Sequence[Step]
    position: Position
    has_more: bool
    is_full: bool


async def read_changes(scope: UserScope, position: Position | None, limit: int) -> Progress:
    """Return at most `limit` changes after `position`; without one, those of a full sync.

    Raise `SyncTokenExpired` if deletions since then are no longer on record, or if the database
    has been restored from a backup since.
    """
    rows = await scope.all(
        _PAGE,
        after=position.revision if position else _BEFORE_ALL,
        begun=position.begun if position else None,
        limit=limit + 1,
    )
    if not rows:
        raise Unauthenticated
    newest, epoch = rows[0]["newest"], _epoch_of(rows[0])
    if position is not None:
        _check(position, newest, rows[0]["horizon"], epoch)
    begun = newest if position is None else position.begun
    changes = [row for row in rows if row["id"] is not None]
    has_more = len(changes) > limit
    steps = [Step(_change(row), _at(epoch, row["revision"], begun)) for row in changes[:limit]]
    # A full sync stays one until its end, so that the client knows when its copy is complete.
    end = (
        Position(epoch, changes[limit - 1]["revision"], begun)
        if has_more
        else Position(epoch, newest, begun=0)
    )
    return Progress(steps, end, has_more, is_full=position is None or begun > 0)


async def read_position(scope: UserScope) -> Position:
    """Return the position after the user's newest change."""
    rows = await scope.all(_PAGE, after=_NO_MORE, begun=0, limit=1)
    if not rows:
        raise Unauthenticated
    return Position(_epoch_of(rows[0]), rows[0]["newest"], begun=0)


def sign_position(keyring: Keyring, scope: UserScope, position: Position) -> str:
    """Return the sync token of a position."""
    content = ["sync", position.epoch, position.revision, position.begun]
    return keyring.sign_cursor(scope.user_id, content)


def read_token(keyring: Keyring, scope: UserScope, token: str, path: str) -> Position:
    """Return the position of a sync token.

    Raise `ValidationFailed`, naming `path`, if the token is invalid or belongs to another user.
    """
    try:
        kind, epoch, revision, begun = keyring.read_cursor(scope.user_id, token)
    except (InvalidToken, ValueError):
        kind = None
    if kind != "sync":
        raise ValidationFailed.of(path, "Invalid sync token for this user", "invalid_token")
    return Position(UUID(epoch), revision, begun)


def _epoch_of(row: dict[str, Any]) -> UUID:
    return uuid5(row["epoch"], _GENERATION)


def _check(position: Position, newest: int, horizon: int, epoch: UUID) -> None:
    seen = max(position.begun, position.revision)
    if position.epoch != epoch or position.revision > newest or seen < horizon:
        raise SyncTokenExpired


def _at(epoch: UUID, revision: int, begun: int) -> Position:
    return Position(epoch, revision, begun if revision < begun else 0)


def _change(row: dict[str, Any]) -> dict[str, Any]:
    op = "delete" if row["data"] is None else "upsert"
    return {"type": row["type"], "id": row["id"], "op": op, "data": row["data"]}
