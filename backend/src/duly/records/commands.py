"""Operations on single resources: routes run one, batches many, by the same statements."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Generic, NamedTuple, Self, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ColumnElement, select

from duly.core.errors import DulyError, TooManyChanges, Unauthenticated
from duly.core.logging import log
from duly.database.scope import Call, Found, UserScope, split
from duly.database.statements import OwnedStatement, owned
from duly.database.values import Row
from duly.models import User
from duly.records.revisions import IS_ACTIVE, LOCK, MAX_CHANGES, check_count
from duly.records.types import ResourceType
from duly.utils.tables import table_of

Result = TypeVar("Result")

_users = table_of(User)


class Raced(Exception):  # a signal to run the command again, not an error
    """The look-up does not explain why the statement did nothing: another write came in between."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Result]):
    """An operation on one resource, in one statement.

    `statement` carries it out and returns the resource. If it returns no row, `lookup` reads what
    explains that. `finish` gets the row, or what was found, and returns the result or raises a
    `DulyError` or `Raced`. With `affects_others`, it may decide whether another command succeeds: it
    frees quota or a name, changes other resources, or creates one that they refer to.
    """

    event: str
    resource_id: UUID
    statement: OwnedStatement
    lookup: OwnedStatement
    params: Mapping[str, Any]
    finish: Callable[[Row | None, Found | None], Result]
    affects_others: bool = False

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """The same command with other parameters besides."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class Procedure(Generic[Result]):
    """An operation in several statements, in a transaction, under the lock of the owner's row.

    `work` gets the transaction, what `reads` returned, and the owner's revision. It raises a
    `DulyError` only as long as it has changed nothing. `event` is logged once it is done; None if
    `work` logs what it does.
    """

    event: str | None
    resource_id: UUID
    reads: Sequence[Call]
    work: Callable[[UserScope, list[list[Row]], int], Awaitable[Result]]


Operation = Command[Result] | Procedure[Result]


class FastPath(NamedTuple):
    """A cheaper statement for the usual case of an operation; it returns no row in any other."""

    event: str
    statement: OwnedStatement
    params: Mapping[str, Any]


async def run_fast(scope: UserScope, fast_path: FastPath, operation: Operation[Row]) -> Row:
    """Run the fast path of an operation or, if it returns no row, the operation; commit it."""
    row = await scope.one(fast_path.statement, id=operation.resource_id, **fast_path.params)
    if row is None:
        return await run(scope, operation)
    log.info(fast_path.event, id=str(operation.resource_id))
    return row


def lookup(kind: ResourceType, **facts: ColumnElement[Any]) -> OwnedStatement:
    """The resource with the id `ID`, if there is one, beside `facts`; no row without an account."""
    labelled = [fact.label(f"_{name}") for name, fact in facts.items()]
    return owned(
        select(*kind.shown, *labelled)
        .select_from(_users.outerjoin(kind.table, kind.is_named))
        .where(*IS_ACTIVE)
    )


async def run(scope: UserScope, command: Operation[Result]) -> Result:
    """Run one operation and, outside of a transaction, commit it.

    Raise the operation's errors, and `Unauthenticated` if the account is deleted or disabled.
    """
    if scope.is_transaction:
        return await _run_locked(scope, command)
    if isinstance(command, Procedure):
        async with scope.transaction() as transaction:
            return await _run_locked(transaction, command)
    try:
        row = await scope.one(command.statement, **command.params)
        result = command.finish(row, None if row else await _look_up(scope, command))
    except (Raced, UniqueViolation):  # the second: another request has just taken the id
        async with scope.transaction() as transaction:
            return await _run_locked(transaction, command)
    _log(command, row)
    return result


async def lock(transaction: UserScope) -> int:
    """Lock the owner's row until the transaction ends, and return its revision.

    Raises `Unauthenticated` if the account is deleted or disabled.
    """
    revision, _ = await _lock(transaction, [])
    return revision


async def run_all(
    transaction: UserScope, operations: Sequence[Operation[Any]], begun: int | None
) -> list[Any]:
    """Run operations in order, in a transaction, under the lock of the owner's row.

    Return for each its result, or the `DulyError` that it raised, having changed nothing. `begun` is
    the revision at which the request began. Raise `TooManyChanges` if more than `MAX_CHANGES`
    resources have changed since, and `Unauthenticated` if the account is deleted or disabled.
    """
    outcomes: list[Any] = []
    last = {} if begun is None else {"last_revision": begun + MAX_CHANGES}
    for _, group in groupby(operations, type):
        alike: list[Any] = list(group)
        if isinstance(alike[0], Procedure):
            outcomes += [await _run_in_batch(transaction, one, begun) for one in alike]
            if begun is not None:
                check_count(await lock(transaction) - begun)
        else:
            found = await _fetch_all(transaction, [one.with_params(last) for one in alike])
            outcomes += [
                _outcome(command, *one) for command, one in zip(alike, found, strict=True)
            ]
    return outcomes


async def _fetch_all(
    transaction: UserScope, commands: Sequence[Command[Any]]
) -> list[tuple[Row | None, Found | None]]:
    """Return for each command the row of its statement, or else what its look-up found.

    All statements are sent together. Nobody else writes between them, so a look-up at the end finds
    what its statement found. If a later command may have changed that, each look-up directly
    follows its statement.
    """
    ids = {command.resource_id for command in commands}
    if len(ids) < len(commands) or any(command.affects_others for command in commands):
        calls = [
            (statement, command.params)
            for command in commands
            for statement in (command.statement, command.lookup)
        ]
        results = await _fetch_locked(transaction, calls)
        rows, found = results[::2], results[1::2]
    else:
        rows = await _fetch_locked(transaction, [(one.statement, one.params) for one in commands])
        failed = [one for one, row in zip(commands, rows, strict=True) if not row]
        missing = iter(await transaction.many([(one.lookup, one.params) for one in failed]))
        found = [[] if row else next(missing) for row in rows]
    if not all(row or one for row, one in zip(rows, found, strict=True)):
        raise Unauthenticated
    return [
        (row[0], None) if row else (None, split(one[0]))
        for row, one in zip(rows, found, strict=True)
    ]


async def _fetch_locked(transaction: UserScope, calls: Sequence[Call]) -> list[list[Row]]:
    _, results = await _lock(transaction, calls)
    return results


async def _lock(transaction: UserScope, calls: Sequence[Call]) -> tuple[int, list[list[Row]]]:
    """Lock the owner's row, and run statements after that; return the revision and their rows."""
    owner, *results = await transaction.many([(LOCK, {}), *calls])
    if not owner:
        raise Unauthenticated
    return owner[0]["revision"], results


async def _run_locked(transaction: UserScope, command: Operation[Result]) -> Result:
    if isinstance(command, Procedure):
        revision, results = await _lock(transaction, command.reads)
        return await _work(transaction, command, results, revision)
    [(row, found)] = await _fetch_all(transaction, [command])
    result = command.finish(row, found)
    _log(command, row)
    return result


async def _work(
    transaction: UserScope, procedure: Procedure[Result], results: list[list[Row]], revision: int
) -> Result:
    done = await procedure.work(transaction, results, revision)
    if procedure.event is not None:
        log.info(procedure.event, id=str(procedure.resource_id))
    return done


async def _run_in_batch(
    transaction: UserScope, procedure: Procedure[Any], begun: int | None
) -> Any:
    revision, results = await _lock(transaction, procedure.reads)
    if begun is not None:
        check_count(revision - begun)
    try:
        return await _work(transaction, procedure, results, revision)
    except DulyError as error:
        return error


async def _look_up(scope: UserScope, command: Command[Any]) -> Found:
    found = await scope.find(command.lookup, **command.params)
    if found is None:
        raise Unauthenticated
    return found


def _outcome(command: Command[Any], row: Row | None, found: Found | None) -> Any:
    try:
        return command.finish(row, found)
    except DulyError as error:
        return error
    except Raced:  # nobody else writes now, so it would exceed `last_revision`
        raise TooManyChanges(MAX_CHANGES) from None


def _log(command: Command[Any], row: Row | None) -> None:
    if row is not None and command.statement.is_change:
        log.info(command.event, id=str(command.resource_id))
