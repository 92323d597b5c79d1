"""Access to rows: `UserScope` for those of one user, `AcrossUsers` for those of several."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from duly.database.pool import Transaction
from duly.database.statements import CrossUserStatement, OwnedStatement, Statement
from duly.database.values import Row

# Pages are read through an index; without statistics, PostgreSQL would sort for each of them.
_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL enable_sort = off"


Call = tuple[OwnedStatement, Mapping[str, Any]]
"""A statement and its parameters, without `user_id`."""


class Found(NamedTuple):
    """A row in two parts: what a response shows, and facts about it that none ever shows.

    Facts are the columns whose labels begin with an underscore, named without it. `resource` is
    None if the row has no id: facts come alone then.
    """

    resource: Row | None
    facts: Row


class FoundPage(NamedTuple):
    """The rows that a response shows, and facts about all of them that none ever shows."""

    resources: list[Row]
    facts: Row


class _Runner(Protocol):
    """Runs statements: the pool, or an open transaction."""

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]: ...

    async def fetch_many(
        self, calls: Sequence[tuple[bytes, Mapping[str, Any]]]
    ) -> list[list[Row]]: ...

    def note_change(self, user_id: UUID) -> None: ...

    def transaction(
        self, timeout: float | None = None, begin: bytes = b"BEGIN", /
    ) -> AbstractAsyncContextManager["_Runner"]: ...


class UserScope:
    """The only access to owned rows: it runs statements whose ownership was checked, for one user.

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

    async def many(self, calls: Sequence[Call], /) -> list[list[Row]]:
        """Run statements in order, sent together, in a transaction; return the rows of each."""
        if not calls:
            return []
        complete = [
            _complete(statement, OwnedStatement, self.user_id, params)
            for statement, params in calls
        ]
        sent = [statement.sql for statement, _ in calls]
        results = await self._runner.fetch_many(list(zip(sent, complete, strict=True)))
        for (statement, _), rows in zip(calls, results, strict=True):
            _note_change(self._runner, statement, self.user_id, rows)
        return results

    async def find_page(self, statement: OwnedStatement, /, **params: Any) -> FoundPage | None:
        """Run a statement each of whose rows repeats the same facts. None if it returns no row.

        The rows are for a response: their UUIDs are text, and JSON that was composed is not parsed.
        """
        rows = await _run(
            self._runner, statement, OwnedStatement, self.user_id, params, is_for_response=True
        )
        if not rows:
            return None
        facts = split(rows[0]).facts
        for row in rows[1:]:
            for name in facts:
                del row[f"_{name}"]
        return FoundPage([row for row in rows if row["id"] is not None], facts)

    async def find(self, statement: OwnedStatement, /, **params: Any) -> Found | None:
        """Run a statement whose rows have facts, and return the first, or None."""
        row = await self.one(statement, **params)
        return None if row is None else split(row)

    @asynccontextmanager
    async def transaction(self, *, timeout: float | None = None) -> AsyncIterator["UserScope"]:
        """A scope of the same user whose statements are all committed or all rolled back.

        `timeout`, in seconds, bounds them all; by default, the limit of one statement applies. Inside
        another transaction, it is a part of that one, which can fail separately.
        """
        async with self._runner.transaction(timeout) as transaction:
            yield UserScope(transaction, self.user_id)

    @property
    def is_transaction(self) -> bool:
        """Whether statements run here are committed together, later."""
        return isinstance(self._runner, Transaction)

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
        if self.is_transaction:
            raise TypeError("a snapshot begins its own transaction")
        async with self._runner.transaction(timeout, _SNAPSHOT) as transaction:
            yield UserScope(transaction, self.user_id)


class AcrossUsers:
    """The cross-user scope: it runs statements whose ownership was not checked."""

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
        """A scope of the same kind whose statements are committed or rolled back together."""
        async with self._runner.transaction(timeout) as transaction:
            yield AcrossUsers(transaction)


def split(row: Row) -> Found:
    """Set the facts of a row apart; what is left of the row is the resource."""
    facts = {label[1:]: row.pop(label) for label in [*row] if label[0] == "_"}
    return Found(None if row["id"] is None else row, facts)


async def _run(
    runner: _Runner,
    statement: Statement,
    kind: type[Statement],
    user_id: UUID | None,
    params: Mapping[str, Any],
    *,
    is_for_response: bool = False,
) -> list[Row]:
    complete = _complete(statement, kind, user_id, params)
    rows = await runner.fetch(statement.sql, complete, is_for_response=is_for_response)
    _note_change(runner, statement, user_id, rows)
    return rows


def _complete(
    statement: Statement, kind: type[Statement], user_id: UUID | None, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all parameters of a statement that this scope may run."""
    if type(statement) is not kind:
        raise TypeError(f"this scope runs {kind.__name__}, not {type(statement).__name__}")
    if "user_id" in params:
        raise TypeError("the scope supplies user_id itself")
    owner = {} if user_id is None else {"user_id": user_id}
    return {**statement.constants, **params, **owner}


def _note_change(
    runner: _Runner, statement: Statement, user_id: UUID | None, rows: list[Row]
) -> None:
    if statement.is_change and rows and user_id is not None:
        runner.note_change(user_id)
