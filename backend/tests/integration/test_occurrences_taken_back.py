"""Recurring tasks whose occurrences are completed early, taken back, or changed in between."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.accounts import Account, error_code
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    act,
    body_of,
    create,
    create_task,
    patch,
    read,
    trash,
)

DAILY = {"rule": "FREQ=DAILY"}
AFTER_COMPLETION = {"rule": "FREQ=DAILY", "anchor": "completion"}


def in_days(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=days))


async def recurring(account: Account, days: int = 0, /, **fields: Any) -> Resource:
    """A recurring task that is due in so many days."""
    fields = {"recurrence": DAILY, "due": {"date": in_days(days)}, **fields}
    return await create_task(account, "water", **fields)


async def complete(account: Account, task: Resource) -> tuple[Resource, Resource]:
    """The task after its occurrence is completed, and the completed copy."""
    moved = await act(account, task, "complete", occurrence=task["recurrence"]["occurrence"])
    query = "/tasks?is_completed=true&sort=-created_at&limit=1"
    [copy] = body_of(await account.get(query))["items"]
    return moved, copy


async def occurrences(account: Account) -> list[str]:
    """The completed occurrences."""
    page = body_of(await account.get("/tasks?is_completed=true"))
    return sorted(task["occurrence"] for task in page["items"])


async def test_tasks_below_a_copy_move_up_when_its_completion_is_undone(
    alice: Account, dsn: str
) -> None:
    project = await create_task(alice, "project")
    task = await recurring(alice, parent_id=project["id"])
    _, copy = await complete(alice, task)
    moved = await create_task(alice, "moved")
    await act(alice, moved, "move", parent_id=copy["id"])
    added = await create_task(alice, "added", parent_id=copy["id"])
    below = await create_task(alice, "below", parent_id=added["id"])
    trashed = await create_task(alice, "trashed", parent_id=copy["id"])
    await trash(alice, "tasks", trashed)

    taken_back = await act(alice, copy, "reopen")

    assert taken_back["id"] == task["id"]
    assert (await alice.get(f"/tasks/{copy['id']}")).status_code == 404
    parents = [(await read(alice, one))["parent_id"] for one in (moved, added, below)]
    assert parents == [project["id"], project["id"], added["id"]]
    assert (await act(alice, trashed, "restore"))["parent_id"] == project["id"]
    await check_rows(dsn, alice)


async def test_task_below_its_own_copy_takes_a_completion_back(alice: Account, dsn: str) -> None:
    task, copy = await complete(alice, await recurring(alice))
    await act(alice, task, "move", parent_id=copy["id"])

    taken_back = await act(alice, copy, "reopen")

    assert (taken_back["id"], taken_back["parent_id"]) == (task["id"], None)
    assert taken_back["due"]["date"] == in_days(0)
    await check_rows(dsn, alice)


async def test_completion_whose_copy_lost_its_due_date_is_taken_back(alice: Account) -> None:
    due = {"date": in_days(0), "time": "09:30", "timezone": "UTC"}
    _, copy = await complete(alice, await recurring(alice, due=due))
    await patch(alice, copy, due=None)

    taken_back = await act(alice, copy, "reopen")

    assert taken_back["due"] == due
    assert taken_back["recurrence"]["occurrence"] == in_days(0)


async def test_no_occurrence_comes_twice_after_early_completions(alice: Account) -> None:
    task = await recurring(alice, 1, recurrence=AFTER_COMPLETION)

    for _ in range(4):
        task, _ = await complete(alice, task)

    assert await occurrences(alice) == [in_days(days) for days in (1, 2, 3, 4)]
    assert task["recurrence"]["occurrence"] == in_days(5)


async def test_early_completion_may_lead_to_an_earlier_date(alice: Account) -> None:
    weekly = {"rule": "FREQ=WEEKLY", "anchor": "completion"}
    task = await recurring(alice, 14, recurrence=weekly)

    moved, _ = await complete(alice, task)
    again = await act(alice, moved, "complete", occurrence=in_days(14))

    assert moved["recurrence"]["occurrence"] == in_days(7)
    assert again == moved
    assert await occurrences(alice) == [in_days(14)]


async def test_skipping_leaves_out_what_was_completed_early(alice: Account) -> None:
    weekly = {"rule": "FREQ=WEEKLY", "anchor": "completion"}
    task, _ = await complete(alice, await recurring(alice, 14, recurrence=weekly))

    skipped = await act(alice, task, "skip", occurrence=in_days(7))

    assert skipped["recurrence"]["occurrence"] == in_days(21)


async def test_occurrence_that_was_neither_completed_nor_reached_is_refused(
    alice: Account,
) -> None:
    task = await recurring(alice, 14, recurrence=AFTER_COMPLETION)
    await complete(alice, task)

    refused = await alice.post(f"/tasks/{task['id']}/complete", {"occurrence": in_days(13)})

    assert (refused.status_code, error_code(refused)) == (412, "PRECONDITION_FAILED")


async def test_completion_taken_back_leaves_no_more_than_the_count(alice: Account) -> None:
    task = await recurring(alice)
    copies = []
    for _ in range(3):
        task, copy = await complete(alice, task)
        copies.append(copy)
    await patch(alice, task, recurrence={"rule": "FREQ=DAILY;COUNT=2"})

    for copy in reversed(copies):
        task = await act(alice, copy, "reopen")

    assert task["recurrence"]["remaining"] == 2


async def test_completed_occurrences_below_a_recurring_task_stay_completed(
    alice: Account, dsn: str
) -> None:
    parent = await recurring(alice)
    child = await recurring(alice, parent_id=parent["id"])
    plain = await create_task(alice, "plain", parent_id=parent["id"])
    await act(alice, plain, "complete")
    _, copy = await complete(alice, child)
    below = await create_task(alice, "below", parent_id=copy["id"], is_completed=True)

    await complete(alice, parent)

    assert await read(alice, copy) == copy
    assert (await read(alice, below))["is_completed"]
    assert not (await read(alice, plain))["is_completed"]
    await check_rows(dsn, alice)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_rule_that_is_sent_again_changes_nothing(alice: Account, method: str) -> None:
    rule = {"rule": "FREQ=DAILY;COUNT=5"}
    task, _ = await complete(alice, await recurring(alice, recurrence=rule))
    task = await patch(alice, task, due={"date": in_days(9)})
    lower = {"rule": "freq=daily;count=5", "anchor": "due"}

    body: Resource = {"recurrence": lower}
    if method == "PUT":
        body |= {"title": task["title"], "due": task["due"]}
    changed = body_of(await alice.request(method, f"/tasks/{task['id']}", json=body))

    assert changed["recurrence"] == {**task["recurrence"], "rule": lower["rule"]}


async def test_another_from_restarts_the_recurrence(alice: Account) -> None:
    rule = {"rule": "FREQ=DAILY;COUNT=5"}
    task, _ = await complete(alice, await recurring(alice, recurrence=rule))

    changed = await patch(alice, task, recurrence={"from": in_days(-1)})

    assert changed["recurrence"]["remaining"] == 5


async def test_task_below_a_copy_keeps_its_list(alice: Account) -> None:
    work = await create(alice, "lists", name="Work")
    _, copy = await complete(alice, await recurring(alice, list_id=work["id"]))
    below = await create_task(alice, "below", parent_id=copy["id"])

    await act(alice, copy, "reopen")

    after = await read(alice, below)
    assert (after["parent_id"], after["list_id"]) == (None, work["id"])
