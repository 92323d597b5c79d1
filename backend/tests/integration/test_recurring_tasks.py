"""Recurring tasks: completing, skipping and reopening occurrences."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from duly.core.config import Settings
from duly.recurrence.occurrences import MAX_COMPLETED
from tests.support.accounts import Account, error_code
from tests.support.instances import running

Task = dict[str, Any]
DAILY = {"rule": "FREQ=DAILY"}


def in_days(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=days))


async def new_task(account: Account, **fields: Any) -> Task:
    """A task that recurs daily, and is due today."""
    body = {"title": "water", "due": {"date": in_days(0)}, "recurrence": DAILY, **fields}
    response = await account.post("/tasks", body)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def complete(account: Account, task: Task, occurrence: str | None = None) -> Task:
    sent = occurrence or task["recurrence"]["occurrence"]
    response = await account.post(f"/tasks/{task['id']}/complete", {"occurrence": sent})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def read(account: Account, task: Task) -> Task:
    return dict((await account.get(f"/tasks/{task['id']}")).json())


async def completed(account: Account) -> list[Task]:
    """The completed tasks, the newest first."""
    return list((await account.get("/tasks?is_completed=true")).json()["items"])


async def test_new_rule_begins_with_the_due_date(alice: Account) -> None:
    task = await new_task(alice, recurrence={"rule": "FREQ=WEEKLY;COUNT=3"})

    assert task["recurrence"] == {
        "rule": "FREQ=WEEKLY;COUNT=3",
        "anchor": "due",
        "from": in_days(0),
        "occurrence": in_days(0),
        "remaining": 3,
    }


@pytest.mark.parametrize("rule", ["FREQ=HOURLY", "daily", "FREQ=DAILY;COUNT=1001", ""])
async def test_invalid_rule_is_rejected(alice: Account, rule: str) -> None:
    body = {"title": "t", "due": {"date": in_days(0)}, "recurrence": {"rule": rule}}

    refused = await alice.post("/tasks", body)

    assert (refused.status_code, error_code(refused)) == (400, "VALIDATION_ERROR")
    [field] = refused.json()["error"]["details"]["fields"]
    assert field["path"] == "body.recurrence.rule"


async def test_rule_without_any_date_is_rejected(alice: Account) -> None:
    rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"

    refused = await alice.post(
        "/tasks", {"title": "t", "due": {"date": in_days(0)}, "recurrence": {"rule": rule}}
    )

    assert refused.status_code == 400
    [field] = refused.json()["error"]["details"]["fields"]
    assert field["path"] == "body.recurrence.rule"


async def test_recurrence_needs_a_due_date(alice: Account) -> None:
    refused = await alice.post("/tasks", {"title": "t", "recurrence": DAILY})
    task = await new_task(alice)
    cleared = await alice.patch(f"/tasks/{task['id']}", {"due": None})

    assert refused.status_code == 400
    assert cleared.json()["recurrence"] is None


async def test_completing_leaves_a_completed_copy_and_moves_the_task_on(alice: Account) -> None:
    label = (await alice.post("/labels", {"name": "garden"})).json()
    task = await new_task(
        alice,
        description="with care",
        priority=2,
        start={"date": in_days(-1)},
        due={"date": in_days(0), "time": "09:00"},
        label_ids=[label["id"]],
        metadata={"can": "green"},
    )

    moved = await complete(alice, task)

    assert moved["due"] == {"date": in_days(1), "time": "09:00", "timezone": None}
    assert moved["start"]["date"] == in_days(0)
    assert moved["recurrence"]["occurrence"] == in_days(1)
    assert not moved["is_completed"]
    [copy] = await completed(alice)
    assert (copy["occurrence_of"], copy["occurrence"]) == (task["id"], in_days(0))
    for name in ("title", "description", "priority", "start", "due", "label_ids", "metadata"):
        assert copy[name] == task[name]
    assert copy["recurrence"] is None


async def test_completed_copies_come_last_each_in_a_place_of_its_own(alice: Account) -> None:
    task = await new_task(alice)
    other = (await alice.post("/tasks", {"title": "other"})).json()

    await complete(alice, await complete(alice, task))

    listed = (await alice.get("/tasks?sort=position")).json()["items"]
    assert [one["id"] for one in listed[:2]] == [task["id"], other["id"]]
    assert [one["occurrence"] for one in listed[2:]] == [in_days(0), in_days(1)]
    assert len({one["position"] for one in listed}) == 4


async def test_missed_dates_are_left_out(alice: Account) -> None:
    task = await new_task(
        alice, due={"date": in_days(-10)}, recurrence={"rule": "FREQ=DAILY;COUNT=9"}
    )

    moved = await complete(alice, task)

    assert moved["due"]["date"] == in_days(0)
    assert moved["recurrence"]["remaining"] == 8


async def test_dates_after_completion_count_from_its_day(alice: Account) -> None:
    rule = {"rule": "FREQ=DAILY;INTERVAL=3", "anchor": "completion"}
    task = await new_task(alice, due={"date": in_days(-10)}, recurrence=rule)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()

    sent = {"occurrence": in_days(-10), "completed_at": yesterday}
    moved = (await alice.post(f"/tasks/{task['id']}/complete", sent)).json()

    assert moved["due"]["date"] == in_days(2)


async def test_client_that_was_offline_for_days_keeps_each_completion(alice: Account) -> None:
    days = (in_days(-3), in_days(-2), in_days(-1))
    task = await new_task(alice, due={"date": days[0]}, recurrence={"rule": "FREQ=DAILY"})
    operations = [
        {
            "op": "complete",
            "type": "task",
            "id": task["id"],
            "data": {"occurrence": day, "completed_at": f"{day}T12:00:00Z"},
        }
        for day in days
    ]

    results = (await alice.post("/batch", {"operations": operations})).json()["results"]

    assert [one["data"]["due"]["date"] for one in results] == [*days[1:], in_days(0)]
    assert sorted(copy["occurrence"] for copy in await completed(alice)) == [*days]


async def test_no_date_comes_twice_after_many_early_completions(alice: Account) -> None:
    rule = {"rule": "FREQ=DAILY", "anchor": "completion"}
    task = await new_task(alice, due={"date": in_days(1)}, recurrence=rule)
    ahead = [in_days(1 + day) for day in range(MAX_COMPLETED + 20)]
    for some in (ahead[:60], ahead[60:]):
        operations = [
            {"op": "complete", "type": "task", "id": task["id"], "data": {"occurrence": day}}
            for day in some
        ]
        await alice.post("/batch", {"operations": operations})

    task = await read(alice, task)
    done = {*ahead}
    for _ in range(3):
        occurrence = task["recurrence"]["occurrence"]
        assert occurrence not in done
        done.add(occurrence)
        task = await complete(alice, task)


async def test_retry_and_second_device_complete_an_occurrence_once(alice: Account) -> None:
    task = await new_task(alice)
    occurrence = task["recurrence"]["occurrence"]

    answers = await asyncio.gather(*(complete(alice, task, occurrence) for _ in range(8)))

    assert {answer["due"]["date"] for answer in answers} == {in_days(1)}
    assert len(await completed(alice)) == 1


async def test_later_occurrence_is_a_failed_precondition(alice: Account) -> None:
    task = await new_task(alice)

    refused = await alice.post(f"/tasks/{task['id']}/complete", {"occurrence": in_days(1)})

    assert (refused.status_code, error_code(refused)) == (412, "PRECONDITION_FAILED")
    assert await read(alice, task) == task


async def test_recurring_task_is_completed_with_its_occurrence_only(alice: Account) -> None:
    task = await new_task(alice)

    without = await alice.post(f"/tasks/{task['id']}/complete")
    by_patch = await alice.patch(f"/tasks/{task['id']}", {"is_completed": True})
    by_put = await alice.put(
        f"/tasks/{task['id']}",
        {"title": "t", "is_completed": True, "due": task["due"], "recurrence": DAILY},
    )

    fields = [
        answer.json()["error"]["details"]["fields"][0]["path"]
        for answer in (without, by_patch, by_put)
    ]
    assert fields == ["body.occurrence", "body.is_completed", "body.is_completed"]
    assert await read(alice, task) == task


async def test_recurrence_may_be_cleared_to_complete_the_task(alice: Account) -> None:
    task = await new_task(alice)

    changed = await alice.patch(f"/tasks/{task['id']}", {"is_completed": True, "recurrence": None})

    assert changed.json()["is_completed"]
    assert changed.json()["recurrence"] is None


async def test_task_itself_is_completed_at_the_end_of_its_rule(alice: Account) -> None:
    task = await new_task(alice, recurrence={"rule": "FREQ=DAILY;COUNT=2"})
    moved = await complete(alice, task)

    ended = await complete(alice, moved)
    again = await complete(alice, moved)

    assert ended["is_completed"]
    assert again == ended
    assert [one["id"] for one in await completed(alice)].count(task["id"]) == 1
    assert len(await completed(alice)) == 2


@pytest.mark.parametrize("verb", ["complete", "skip"])
async def test_later_occurrence_of_a_task_whose_rule_has_ended_is_refused(
    alice: Account, verb: str
) -> None:
    ended = await complete(alice, await new_task(alice, recurrence={"rule": "FREQ=DAILY;COUNT=1"}))

    refused = await alice.post(f"/tasks/{ended['id']}/{verb}", {"occurrence": in_days(9)})

    assert refused.status_code == 412
    assert await read(alice, ended) == ended


@pytest.mark.parametrize("verb", ["complete", "skip"])
async def test_task_whose_rule_has_ended_still_needs_its_occurrence(
    alice: Account, verb: str
) -> None:
    ended = await complete(alice, await new_task(alice, recurrence={"rule": "FREQ=DAILY;COUNT=1"}))

    without = await alice.post(f"/tasks/{ended['id']}/{verb}", {})
    current = await alice.post(f"/tasks/{ended['id']}/{verb}", {"occurrence": in_days(0)})

    assert without.status_code == 400
    [field] = without.json()["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.occurrence", "missing")
    assert (current.status_code, current.json()) == (200, ended)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "0001-01-02T23:59:59Z"])
@pytest.mark.parametrize("anchor", ["due", "completion"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_occurrence_may_be_completed_as_long_ago_as_dates_go(
    alice: Account, at: str, anchor: str, zone: str
) -> None:
    await alice.patch("/users/me", {"timezone": zone})
    task = await new_task(alice, recurrence={"rule": "FREQ=DAILY", "anchor": anchor})
    sent = {"occurrence": in_days(0), "completed_at": at}

    moved = await alice.post(f"/tasks/{task['id']}/complete", sent)

    assert moved.status_code == 200, moved.text
    [copy] = await completed(alice)
    assert copy["completed_at"] == at


async def test_skipping_moves_the_task_on_without_a_copy(alice: Account) -> None:
    task = await new_task(alice, recurrence={"rule": "FREQ=DAILY;COUNT=3"})
    sent = {"occurrence": in_days(0)}

    skipped = await alice.post(f"/tasks/{task['id']}/skip", sent)
    again = await alice.post(f"/tasks/{task['id']}/skip", sent)

    assert skipped.json()["due"]["date"] == in_days(1)
    assert skipped.json()["recurrence"]["remaining"] == 2
    assert again.json() == skipped.json()
    assert await completed(alice) == []


async def test_task_without_recurrence_is_not_skipped(alice: Account) -> None:
    task = await alice.create_task()

    refused = await alice.post(f"/tasks/{task['id']}/skip", {"occurrence": in_days(0)})

    assert refused.status_code == 400


async def test_occurrence_is_ignored_if_the_task_does_not_recur(alice: Account) -> None:
    task = await alice.create_task()

    done = await alice.post(f"/tasks/{task['id']}/complete", {"occurrence": in_days(0)})

    assert (done.status_code, done.json()["is_completed"]) == (200, True)


async def test_rescheduled_occurrence_keeps_the_rhythm(alice: Account) -> None:
    task = await new_task(alice, recurrence={"rule": "FREQ=DAILY;INTERVAL=7"})
    path = f"/tasks/{task['id']}"
    postponed = (await alice.patch(path, {"due": {"date": in_days(2)}})).json()

    moved = await complete(alice, postponed)

    assert postponed["recurrence"] == task["recurrence"]
    assert moved["due"]["date"] == in_days(7)


async def test_new_rule_makes_the_due_date_the_occurrence(alice: Account) -> None:
    task = await new_task(alice)
    await alice.patch(f"/tasks/{task['id']}", {"due": {"date": in_days(3)}})

    changed = await alice.patch(f"/tasks/{task['id']}", {"recurrence": {"rule": "FREQ=WEEKLY"}})
    anchored = await alice.patch(f"/tasks/{task['id']}", {"recurrence": {"anchor": "completion"}})

    assert changed.json()["recurrence"]["occurrence"] == in_days(3)
    assert anchored.json()["recurrence"] == {
        **changed.json()["recurrence"],
        "anchor": "completion",
    }


async def test_another_end_keeps_the_calendar_of_a_postponed_task(alice: Account) -> None:
    task = await new_task(
        alice,
        due={"date": in_days(7)},
        recurrence={"rule": "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "from": in_days(-7)},
    )
    path = f"/tasks/{task['id']}"
    await alice.patch(path, {"due": {"date": in_days(9)}})

    rule = "FREQ=WEEKLY;INTERVAL=2;COUNT=9"
    changed = (await alice.patch(path, {"recurrence": {"rule": rule}})).json()

    assert changed["recurrence"] == {
        "rule": rule,
        "anchor": "due",
        "from": in_days(-7),
        "occurrence": in_days(7),
        "remaining": 9,
    }
    assert (await complete(alice, changed))["due"]["date"] == in_days(21)


async def test_put_of_what_was_read_keeps_the_occurrence(alice: Account) -> None:
    task = await new_task(alice, recurrence={"rule": "FREQ=DAILY;COUNT=5"})
    moved = await complete(alice, task)
    recurrence = {name: moved["recurrence"][name] for name in ("rule", "anchor", "from")}

    put = await alice.put(
        f"/tasks/{task['id']}",
        {"title": "t", "due": {"date": in_days(9)}, "recurrence": recurrence},
    )

    assert put.json()["recurrence"] == moved["recurrence"]


async def test_subtasks_are_open_again(alice: Account) -> None:
    task = await new_task(alice)
    done = await alice.create_task(parent_id=task["id"])
    await alice.post(f"/tasks/{done['id']}/complete")

    await complete(alice, task)

    assert not (await read(alice, done))["is_completed"]


async def test_reopening_the_newest_copy_takes_the_completion_back(alice: Account) -> None:
    task = await new_task(
        alice, start={"date": in_days(-2)}, recurrence={"rule": "FREQ=DAILY;COUNT=5"}
    )
    done, left_open = [await alice.create_task(parent_id=task["id"]) for _ in range(2)]
    was = (await alice.post(f"/tasks/{done['id']}/complete")).json()
    await complete(alice, task)
    [copy] = await completed(alice)

    reopened = await alice.post(f"/tasks/{copy['id']}/reopen")

    assert reopened.json()["id"] == task["id"]
    for name in ("due", "start", "recurrence", "is_completed"):
        assert reopened.json()[name] == task[name]
    assert (await alice.get(f"/tasks/{copy['id']}")).status_code == 404
    assert (await read(alice, done))["completed_at"] == was["completed_at"]
    assert not (await read(alice, left_open))["is_completed"]


async def test_older_copy_becomes_an_ordinary_task(alice: Account) -> None:
    task = await new_task(alice)
    moved = await complete(alice, await complete(alice, task))
    older = (await completed(alice))[-1]

    reopened = (await alice.post(f"/tasks/{older['id']}/reopen")).json()

    assert (reopened["id"], reopened["is_completed"]) == (older["id"], False)
    assert (reopened["occurrence_of"], reopened["occurrence"]) == (None, None)
    assert await read(alice, task) == moved


async def test_copy_of_a_deleted_task_becomes_an_ordinary_task(alice: Account) -> None:
    task = await new_task(alice)
    await complete(alice, task)
    [copy] = await completed(alice)
    await alice.delete(f"/tasks/{task['id']}?permanent=true")

    reopened = await alice.post(f"/tasks/{copy['id']}/reopen")

    assert (reopened.json()["id"], reopened.json()["is_completed"]) == (copy["id"], False)


async def test_completing_a_parent_completes_its_recurring_subtasks_whole(alice: Account) -> None:
    parent = await alice.create_task()
    task = await new_task(alice, parent_id=parent["id"])

    await alice.post(f"/tasks/{parent['id']}/complete")

    assert (await read(alice, task))["is_completed"]
    assert len(await completed(alice)) == 2


@pytest.fixture
async def limited(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance where she may have one task."""
    async with running(settings, address, max_tasks=1) as client:
        yield replace(alice, client=client)


async def test_completing_over_the_quota_leaves_no_copy(limited: Account) -> None:
    task = await new_task(limited)

    moved = await complete(limited, task)

    assert moved["due"]["date"] == in_days(1)
    assert await completed(limited) == []


async def test_today_is_that_of_the_zone_of_the_due_date(alice: Account) -> None:
    # One of the two zones has another date than the other at any time.
    for zone, offset in (("Pacific/Kiritimati", 14), ("Etc/GMT+12", -12)):
        local = (datetime.now(UTC) + timedelta(hours=offset)).date()
        due = {"date": str(local - timedelta(days=5)), "time": "12:00", "timezone": zone}
        task = await new_task(alice, due=due)

        moved = await complete(alice, task)

        assert date.fromisoformat(moved["due"]["date"]) == local


async def test_batch_completes_and_skips_occurrences(alice: Account) -> None:
    task = await new_task(alice)
    operations = [
        {"op": op, "type": "task", "id": task["id"], "data": {"occurrence": in_days(day)}}
        for op, day in (("complete", 0), ("complete", 0), ("skip", 1), ("complete", 9))
    ]

    results = (await alice.post("/batch", {"operations": operations})).json()["results"]

    assert [result["status"] for result in results] == [200, 200, 200, 412]
    assert [result["data"] and result["data"]["due"]["date"] for result in results] == [
        in_days(1),
        in_days(1),
        in_days(2),
        None,
    ]


async def test_occurrence_of_a_stale_version_is_not_completed(alice: Account) -> None:
    task = await new_task(alice)
    await alice.patch(f"/tasks/{task['id']}", {"title": "changed"})

    refused = await alice.post(
        f"/tasks/{task['id']}/complete",
        {"occurrence": in_days(0)},
        headers={"If-Match": f'"{task["version"]}"'},
    )

    assert refused.status_code == 412
    assert await completed(alice) == []
