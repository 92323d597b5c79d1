"""Start and due dates, in all their forms, and when a task was completed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.accounts import Account
from tests.support.direct_sql import execute
from tests.support.resource_calls import act, body_of, create_task, errors_of, patch, read
from tests.support.sync_copies import stored, synced

DAY = {"date": "2026-12-01", "time": None, "timezone": None}
FLOATING = {"date": "2026-12-01", "time": "09:30", "timezone": None}
ZONED = {"date": "2026-12-01", "time": "09:30", "timezone": "Europe/Rome"}
NAMES = pytest.mark.parametrize("name", ["start", "due"])


def an_hour_from_now(hours: float = 1) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def instants(dsn: str, account: Account, name: str) -> list[datetime | None]:
    """The instants that are stored for a date of an account's tasks, as they were created."""
    query = f"SELECT {name}_at FROM tasks WHERE user_id = %s ORDER BY revision"
    return [at for (at,) in await execute(dsn, query, account.id)]


@NAMES
@pytest.mark.parametrize("moment", [None, DAY, FLOATING, ZONED], ids=repr)
async def test_date_is_shown_as_it_was_sent(
    alice: Account, name: str, moment: dict[str, Any] | None
) -> None:
    task = await create_task(alice, **{name: moment})

    assert task[name] == moment
    assert await read(alice, task) == task
    assert (await synced(alice)).resources == await stored(alice)


@NAMES
async def test_absent_parts_of_a_new_date_are_null(alice: Account, name: str) -> None:
    assert (await create_task(alice, **{name: {"date": "2026-12-01"}}))[name] == DAY


@NAMES
@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (DAY, {"time": "09:30"}, FLOATING),
        (FLOATING, {"timezone": "Europe/Rome"}, ZONED),
        (ZONED, {"timezone": None}, FLOATING),
        (ZONED, {"time": None}, DAY),
        (ZONED, {"time": None, "timezone": None}, DAY),
        (ZONED, {}, ZONED),
        (ZONED, {"date": "2027-01-31"}, {**ZONED, "date": "2027-01-31"}),
        (ZONED, None, None),
        (None, {"date": "2026-12-01"}, DAY),
        (None, ZONED, ZONED),
    ],
)
async def test_patch_merges_dates(
    alice: Account, dsn: str, *, name: str, before: Any, change: Any, after: Any
) -> None:
    task = await create_task(alice, **{name: before})

    assert (await patch(alice, task, **{name: change}))[name] == after

    [at] = await instants(dsn, alice, name)
    assert (at is None) == (after is None or after["timezone"] is None)


@NAMES
@pytest.mark.parametrize(
    ("before", "change"),
    [
        (None, {"time": "09:30"}),
        (DAY, {"timezone": "Europe/Rome"}),
        (ZONED, {"time": None, "timezone": "Europe/Rome"}),
        (None, {}),
    ],
)
async def test_patch_that_leaves_a_date_incomplete_is_rejected(
    alice: Account, name: str, before: Any, change: Any
) -> None:
    task = await create_task(alice, **{name: before})

    response = await alice.patch(f"/tasks/{task['id']}", {name: change})

    assert errors_of(response) == [(f"body.{name}", "contradiction")]
    assert await read(alice, task) == task


async def test_put_replaces_dates_whole(alice: Account) -> None:
    task = await create_task(alice, start=ZONED, due=ZONED)

    body = {"title": "task", "due": {"date": "2026-12-01"}}
    replaced = body_of(await alice.put(f"/tasks/{task['id']}", body))

    assert (replaced["start"], replaced["due"]) == (None, DAY)


async def test_start_may_be_after_due(alice: Account) -> None:
    task = await create_task(alice, start={"date": "2027-01-01"}, due={"date": "2026-01-01"})

    assert task["start"]["date"] > task["due"]["date"]


@NAMES
@pytest.mark.parametrize(
    ("moment", "path"),
    [
        ({"date": "2026-02-29"}, "date"),
        ({"date": "2026-13-01"}, "date"),
        ({"date": "0000-01-01"}, "date"),
        ({"date": "2026-1-1"}, "date"),
        ({"date": "20260101"}, "date"),
        ({"date": "2026-01-01T00:00:00"}, "date"),
        ({"date": "\uff12\uff10\uff12\uff16-01-01"}, "date"),
        ({"date": 1}, "date"),
        ({"date": None}, "date"),
        ({}, "date"),
        ({**DAY, "time": "24:00"}, "time"),
        ({**DAY, "time": "9:30"}, "time"),
        ({**DAY, "time": "09:60"}, "time"),
        ({**DAY, "time": "09:30:00"}, "time"),
        ({**DAY, "time": "09:30\n"}, "time"),
        ({**DAY, "timezone": "Europe/Rome"}, "timezone"),
        ({**FLOATING, "timezone": "europe/rome"}, "timezone"),
        ({**FLOATING, "timezone": "Europe/Nowhere"}, "timezone"),
        ({**FLOATING, "timezone": "../etc/passwd"}, "timezone"),
        ({**FLOATING, "timezone": "localtime"}, "timezone"),
        ({**FLOATING, "timezone": "+02:00"}, "timezone"),
        ({**FLOATING, "timezone": ""}, "timezone"),
        ({**DAY, "at": "2026-01-01"}, "at"),
    ],
)
async def test_invalid_date_is_rejected(alice: Account, name: str, moment: Any, path: str) -> None:
    response = await alice.post("/tasks", {"title": "task", name: moment})

    assert [field for field, _ in errors_of(response)] == [f"body.{name}.{path}"]


@NAMES
@pytest.mark.parametrize(
    ("date", "time", "timezone", "instant"),
    [
        ("2026-12-01", "09:30", "Europe/Rome", "2026-12-01T08:30:00+00:00"),
        ("2026-07-01", "09:30", "Europe/Rome", "2026-07-01T07:30:00+00:00"),
        # Spring: skipped times are as much later as the clock was moved.
        ("2026-03-29", "02:30", "Europe/Rome", "2026-03-29T01:30:00+00:00"),
        ("2026-03-08", "02:00", "America/New_York", "2026-03-08T07:00:00+00:00"),
        ("2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-03T15:45:00+00:00"),
        ("2011-12-30", "12:00", "Pacific/Apia", "2011-12-30T22:00:00+00:00"),
        # Autumn: of two, the first.
        ("2026-10-25", "02:30", "Europe/Rome", "2026-10-25T00:30:00+00:00"),
        ("2026-11-01", "01:30", "America/New_York", "2026-11-01T05:30:00+00:00"),
        ("2026-04-05", "01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00+00:00"),
        ("2026-01-01", "00:00", "Asia/Kathmandu", "2025-12-31T18:15:00+00:00"),
    ],
)
async def test_zoned_time_is_stored_as_its_instant(
    alice: Account, dsn: str, *, name: str, date: str, time: str, timezone: str, instant: str
) -> None:
    await create_task(alice, **{name: {"date": date, "time": time, "timezone": timezone}})

    assert await instants(dsn, alice, name) == [datetime.fromisoformat(instant)]


@NAMES
@pytest.mark.parametrize(
    ("date", "zone"), [("0001-01-01", "Asia/Tokyo"), ("9999-12-31", "Etc/GMT+12")]
)
async def test_first_and_last_days_are_kept_in_any_zone(
    alice: Account, name: str, date: str, zone: str
) -> None:
    moment = {"date": date, "time": "00:00" if date < "2" else "23:59", "timezone": zone}
    task = await create_task(alice, **{name: moment})

    assert (await read(alice, task))[name] == moment
    page = body_of(await alice.get("/tasks?sort=due&limit=1"))
    assert page["items"] == [task]


async def test_client_says_when_a_task_was_completed(alice: Account) -> None:
    monday = "2026-01-05T08:00:00+02:00"
    done = await create_task(alice, is_completed=True, completed_at=monday)
    open_task = await create_task(alice)

    assert done["completed_at"] == "2026-01-05T06:00:00Z"
    later = await act(alice, open_task, "complete", completed_at=monday)
    assert later["completed_at"] == done["completed_at"]
    # The same text, by whatever way a client gets it.
    assert (await synced(alice)).resources == await stored(alice)


async def test_time_of_completion_alone_completes_a_new_task(alice: Account) -> None:
    task = await create_task(alice, completed_at="2026-01-05T08:00:00.5Z")

    assert task["is_completed"] is True
    assert task["completed_at"] == "2026-01-05T08:00:00.500000Z"


async def test_open_task_cannot_have_been_completed(alice: Account) -> None:
    body = {"title": "t", "is_completed": False, "completed_at": "2026-01-05T08:00:00Z"}

    assert errors_of(await alice.post("/tasks", body)) == [("body.completed_at", "contradiction")]


async def test_task_cannot_be_completed_in_the_future(alice: Account) -> None:
    task = await create_task(alice)
    future = {"completed_at": an_hour_from_now()}

    created = await alice.post("/tasks", {"title": "t", "is_completed": True, **future})
    completed = await alice.post(f"/tasks/{task['id']}/complete", future)

    for response in (created, completed):
        assert errors_of(response) == [("body.completed_at", "future")]
    assert await read(alice, task) == task


async def test_completion_by_a_clock_that_is_a_little_fast_is_now(alice: Account) -> None:
    sent = an_hour_from_now(1 / 120)

    task = await create_task(alice, is_completed=True, completed_at=sent)

    assert task["completed_at"] < sent


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-05",
        "2026-01-05T08:00:00",
        "2026-01-05T08:00Z",
        "2026-01-05T25:00:00Z",
        "2026-01-05T08:00:00+24:00",
        "0001-01-01T00:00:00+14:00",
        1,
        True,
    ],
)
async def test_invalid_time_of_completion_is_rejected(alice: Account, at: Any) -> None:
    response = await alice.post("/tasks", {"title": "t", "is_completed": True, "completed_at": at})

    assert [path for path, _ in errors_of(response)] == ["body.completed_at"]


@pytest.mark.parametrize("at", ["1900-01-01T00:00:00-23:59", "0001-01-01T00:00:00Z"])
async def test_completion_long_ago_is_kept(alice: Account, at: str) -> None:
    task = await create_task(alice, is_completed=True, completed_at=at)

    assert (await read(alice, task))["completed_at"] == task["completed_at"]
    page = body_of(await alice.get("/tasks?sort=completed_at&limit=1"))
    assert page["items"] == [task]
    assert (await synced(alice)).resources == await stored(alice)
