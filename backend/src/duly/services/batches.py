"""Batches: each operation is the command of its own route, and all share one transaction."""

import asyncio
from http import HTTPStatus
from typing import Any

from duly.core.config import Settings
from duly.core.errors import BatchNotApplied, DulyError, InsufficientScope, PreconditionRequired
from duly.core.logging import log
from duly.core.scopes import TASKS_DELETE, Scopes
from duly.database.scope import UserScope
from duly.records.commands import Operation, lock, run_all
from duly.schemas.batches import Batch
from duly.services.resource_types import OPERATIONS

Result = dict[str, Any]

_SCOPES = {"delete": TASKS_DELETE}
"""Scopes that some operations need in addition to that of the batch."""


class _NotApplied(Exception):  # not an error: it leaves the transaction
    """An operation of an atomic batch failed."""


def lacking(batch: Batch, scopes: Scopes) -> Scopes:
    """Return the scopes that operations of a batch need in addition to its own, and that a token
    with `scopes` lacks.
    """
    needed = {_SCOPES[one.op] for one in batch.operations if one.op in _SCOPES}
    return frozenset(needed) - scopes


async def run(
    scope: UserScope, batch: Batch, settings: Settings, missing: Scopes
) -> dict[str, Any]:
    """Apply a batch; return `applied` and the result of each operation.

    Operations that need a scope in `missing` fail. Raises `TooManyChanges` if the operations would
    change too many resources in all.
    """
    results: list[Result] = []
    try:
        async with scope.transaction() as transaction:
            results = await _run(transaction, batch.operations, settings, missing)
            if batch.atomic and any(result["error"] for result in results):
                raise _NotApplied  # noqa: TRY301  # it must leave the transaction
    except _NotApplied:
        not_applied = [
            result if result["error"] else _failed(operation, BatchNotApplied())
            for operation, result in zip(batch.operations, results, strict=True)
        ]
        return {"applied": False, "results": not_applied}
    log.info("batch.applied", operations=len(results))
    return {"applied": True, "results": results}


async def _run(
    transaction: UserScope, operations: list[Any], settings: Settings, missing: Scopes
) -> list[Result]:
    results: list[Result] = []
    waiting: list[tuple[Any, Operation[Any]]] = []
    created = set()
    # A batch of creates can't change too much, so it saves the round trips.
    begun = None if all(one.op == "create" for one in operations) else await lock(transaction)

    async def run_waiting() -> None:
        if not waiting:
            return
        outcomes = await run_all(transaction, [command for _, command in waiting], begun)
        for (operation, _), outcome in zip(waiting, outcomes, strict=True):
            results.append(_result(operation, outcome))
            if results[-1]["status"] == HTTPStatus.CREATED:
                created.add((operation.type, results[-1]["data"]["id"]))
        waiting.clear()

    for operation in operations:
        # The words of long texts take milliseconds, and so do dates of rare rules: let others run.
        await asyncio.sleep(0)
        if (needed := _SCOPES.get(operation.op)) in missing:
            await run_waiting()
            results.append(_failed(operation, InsufficientScope([needed])))
            continue
        if settings.require_if_match and operation.op != "create" and operation.if_match is None:
            # Nobody can know the version of what this batch creates, so that alone may lack it.
            await run_waiting()
            if (operation.type, operation.id) not in created:
                results.append(_failed(operation, PreconditionRequired()))
                continue
        try:
            command = _command(transaction, operation, settings)
        except DulyError as error:  # of the operation alone: a completion in the future
            await run_waiting()
            results.append(_failed(operation, error))
            continue
        waiting.append((operation, command))
    await run_waiting()
    return results


def _command(scope: UserScope, operation: Any, settings: Settings) -> Operation[Any]:
    operations = OPERATIONS[operation.type]
    data = getattr(operation, "data", None)
    if operation.op == "create":
        return operations.create(scope, data, settings)
    versions = None if operation.if_match is None else [operation.if_match]
    if operation.op in operations.actions:
        act = operations.actions[operation.op]
        return act(scope, operation.id, data, versions, settings)
    acts = {"update": operations.patch, "delete": operations.delete, "move": operations.move}
    return acts[operation.op](scope, operation.id, data, versions)


def _result(operation: Any, outcome: Any) -> Result:
    if isinstance(outcome, DulyError):
        return _failed(operation, outcome)
    status, data, hidden = 200, outcome, OPERATIONS[operation.type].kind.long_fields
    if operation.op == "create":
        data, is_new = outcome
        status, hidden = (201, frozenset()) if is_new else (200, hidden)
    elif operation.op == "update":
        hidden -= operation.data.model_fields_set
    elif operation.op == "delete":
        status, data = 204, None
    if data is not None:
        # Short requests could store long responses: long texts are shown only where they were set.
        data = {name: value for name, value in data.items() if name not in hidden}
    return {"status": status, "type": operation.type, "data": data, "error": None}


def _failed(operation: Any, error: DulyError) -> Result:
    body = {"code": error.code, "message": error.message, "details": error.details}
    return {"status": error.status, "type": operation.type, "data": None, "error": body}
