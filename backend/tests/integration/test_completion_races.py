"""Completing and reopening while another request waits, too: the result is that of a sequence."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import httpx
import pytest

from tests.support.accounts import Account
from tests.support.direct_sql import holding_account, somebody_waits_for
from tests.support.invariants import check_rows
from tests.support.resource_calls import Resource, act, create_task, patch

Request = tuple[str, str, dict[str, Any] | None]
"""Method, path and body."""

OTHERS: dict[str, Callable[[str, str], Request]] = {
    "create a subtask": lambda task, _: ("POST", "/tasks", {"title": "new", "parent_id": task}),
    "move a task below": lambda task, other: ("PATCH", f"/tasks/{other}", {"parent_id": task}),
    "move below a task": lambda task, other: ("PATCH", f"/tasks/{task}", {"parent_id": other}),
    "set a recurrence": lambda task, _: (
        "PATCH",
        f"/tasks/{task}",
        {"due": {"date": "2030-01-01"}, "recurrence": {"rule": "FREQ=DAILY"}},
    ),
    "set a title": lambda task, _: ("PATCH", f"/tasks/{task}", {"title": "new"}),
    "delete": lambda task, _: ("DELETE", f"/tasks/{task}", None),
    "delete permanently": lambda task, _: ("DELETE", f"/tasks/{task}?permanent=true", None),
    "complete": lambda task, _: ("POST", f"/tasks/{task}/complete", None),
    "reopen": lambda task, _: ("POST", f"/tasks/{task}/reopen", None),
}


# Completing a completed task does not wait, and so has no place in a queue.
PAIRS = [
    pair for pair in product(["complete", "reopen"], OTHERS) if pair != ("reopen", "complete")
]


async def two_tasks(account: Account, *, are_completed: bool) -> list[str]:
    """The ids of two tasks, completed together or open, of which neither is a subtask."""
    task = await create_task(account, "task")
    other = await create_task(account, "other", parent_id=task["id"])
    if are_completed:
        await act(account, task, "complete")
    await patch(account, other, parent_id=None)
    return [task["id"], other["id"]]


async def send(account: Account, request: Request) -> httpx.Response:
    method, path, body = request
    return await account.request(method, path, json=body)


async def in_sequence(account: Account, requests: Sequence[Request]) -> list[httpx.Response]:
    return [await send(account, request) for request in requests]


async def in_a_queue(
    dsn: str, account: Account, requests: Sequence[Request]
) -> list[httpx.Response]:
    """Send requests each of which waits for the account's row before the first one changes it."""
    waiting = []
    async with holding_account(dsn, account.id) as connection:
        for number, request in enumerate(requests, 1):
            waiting.append(asyncio.create_task(send(account, request)))
            await somebody_waits_for(connection, number)
    return await asyncio.gather(*waiting)


async def state_of(account: Account) -> list[Any]:
    """The account's tasks, without ids, versions and times."""
    page = (await account.get("/tasks?sort=created_at&limit=100")).json()
    tasks: list[Resource] = page["items"]
    titles = {task["id"]: task["title"] for task in tasks}
    return [
        (
            task["title"],
            task["is_completed"],
            task["recurrence"] is not None,
            titles.get(task["parent_id"]),
        )
        for task in tasks
    ]


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
async def test_racing_requests_have_the_result_of_a_sequence(
    alice: Account, bob: Account, dsn: str, names: tuple[str, str], is_first: bool
) -> None:
    action, name = names
    results = []
    for account, run in ((alice, in_sequence), (bob, partial(in_a_queue, dsn))):
        task, other = await two_tasks(account, are_completed=action == "reopen")
        requests = [OTHERS[action](task, other), OTHERS[name](task, other)]
        responses = await run(account, requests if is_first else requests[::-1])
        statuses = [response.status_code for response in responses]
        results.append((statuses, await state_of(account)))
        await check_rows(dsn, account)

    assert results[0] == results[1]
