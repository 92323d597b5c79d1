"""The doors to rows: `UserScope` for those of one user, `AcrossUsers` for what must cross users."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

from duly.database.pool import Row, Transaction
from duly.database.statements import CrossUserStatement, OwnedStatement, Statement

_SNAPSHOT = (
    b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    # Page after page is read by an index: without statistics PostgreSQL would sort for each.
    b"SET LOCAL enable_sort = off",
)


class _Runner(Protocol):
    """What runs statements: the pool, or an open transaction."""

    async def fetch(self, sql: bytes, params: Mapping[str, Any]) -> list[Row]: ...

    def note_change(self, user_id: UUID) -> None: ...

    def transaction(
        self, timeout: float | None = None, /
    ) -> AbstractAsyncContextManager["_Runner"]: ...


class UserScope:
    """The only door to owned rows: it runs proven statements, for one user.

    It supplies `user_id` itself; a caller that passes another gets a `TypeError`.
    """

    __slots__ = ("_runner", "user_id")

    def __init__(self, runner: _Runner, user_id: UUID) -> None:
        self._runner = runner
        self.user_id = user_id

    async def all(self, statement: OwnedStatement, /, **params: Any) -> list[Row]:
        """Run a statement and return all its rows."""
        return await _run(self._runner, statement, OwnedStatement, self.user_id, params)

    async def one(self, statement: OwnedStatement, /, **params: Any) -> Row | None:
        """Run a statement and return its first row, or None."""
        rows = await self.all(statement, **params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self, *, timeout: float | None = None) -> AsyncIterator["UserScope"]:
        """A scope of the same user whose statements stand or fall together.

        `timeout`, in seconds, bounds them all; by default that of one statement does. Inside of
        another transaction it is a part of that one, which can fail by itself.
        """
        async with self._runner.transaction(timeout) as transaction:
            yield UserScope(transaction, self.user_id)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Cancel what runs in the block after `seconds`; it then raises `QueryCanceled`.

        For a transaction only, which cannot go on after that.
        """
        if not isinstance(self._runner, Transaction):
            raise TypeError("within() is for a transaction")
        return self._runner.within(seconds)

    @asynccontextmanager
    async def snapshot(self, *, timeout: float) -> AsyncIterator["UserScope"]:
        """A scope of the same user whose statements see one moment, and change nothing.

        `timeout`, in seconds, bounds them all. Not inside of a transaction that has begun.
        """
        async with self._runner.transaction(timeout) as transaction:
            for setting in _SNAPSHOT:
                await transaction.fetch(setting, {})
            yield UserScope(transaction, self.user_id)


class AcrossUsers:
    """The other door: statements that were not proven to stay with one owner."""

    __slots__ = ("_runner",)

    def __init__(self, runner: _Runner) -> None:
        self._runner = runner

    def user(self, user_id: UUID) -> UserScope:
        """The scope of one user, in the same transaction where there is one."""
        return UserScope(self._runner, user_id)

    async def all(self, statement: CrossUserStatement, /, **params: Any) -> list[Row]:
        """Run a statement and return all its rows."""
        return await _run(self._runner, statement, CrossUserStatement, None, params)

    async def one(self, statement: CrossUserStatement, /, **params: Any) -> Row | None:
        """Run a statement and return its first row, or None."""
        rows = await self.all(statement, **params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self, timeout: float | None = None) -> AsyncIterator["AcrossUsers"]:
        """A door of the same kind whose statements stand or fall together, as above."""
        async with self._runner.transaction(timeout) as transaction:
            yield AcrossUsers(transaction)


async def _run(
    runner: _Runner,
    statement: Statement,
    kind: type[Statement],
    user_id: UUID | None,
    params: dict[str, Any],
) -> list[Row]:
    if type(statement) is not kind:
        raise TypeError(f"this door takes {kind.__name__}, not {type(statement).__name__}")
    if "user_id" in params:
        raise TypeError("user_id is the scope's to give")
    if user_id is not None:
        params["user_id"] = user_id
    rows = await runner.fetch(statement.sql, {**statement.constants, **params})
    if statement.is_change and rows and user_id is not None:
        runner.note_change(user_id)
    return rows
