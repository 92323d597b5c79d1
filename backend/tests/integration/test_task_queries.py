"""Lists of tasks: filters by place and label, sorts with nulls, pages through ties, totals."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tests.support.accounts import Account, error_code
from tests.support.resource_calls import (
    Resource,
    act,
    body_of,
    create,
    create_task,
    errors_of,
    titles,
    trash,
)

DATES: list[Any] = [
    None,
    {"date": "2026-12-01"},
    {"date": "2026-12-01", "time": "00:00"},
    {"date": "2026-12-01", "time": "23:59"},
    # It sorts as it is written, whatever its zone.
    {"date": "2026-12-01", "time": "12:00", "timezone": "Pacific/Kiritimati"},
    {"date": "2026-12-02"},
    {"date": "2026-12-02", "time": "08:00"},
    {"date": "2026-12-01"},
    None,
]


async def read_all(account: Account, query: str, limit: int) -> list[Resource]:
    """All pages of a list, which must agree on the total."""
    found: list[Resource] = []
    path = f"/tasks?{query}&limit={limit}&include_total=true"
    cursor, totals = None, set()
    while True:
        page = body_of(await account.get(path + (f"&cursor={cursor}" if cursor else "")))
        found += page["items"]
        totals.add(page["total"])
        cursor = page["next_cursor"]
        if cursor is None:
            assert totals == {len(found)}
            return found


def key_of(sort: str) -> Callable[[Resource], Any]:
    """What a sort compares, nulls aside."""

    def due(task: Resource) -> tuple[str, str]:
        return task["due"]["date"], task["due"]["time"] or "24:00"

    return due if sort == "due" else lambda task: task[sort]


def expected_order(tasks: list[Resource], sort: str, *, is_descending: bool) -> list[str]:
    """The ids of tasks in the order that the contract describes."""
    with_key = [task for task in tasks if task[sort] is not None]
    without = [task for task in tasks if task[sort] is None]
    by_id = sorted(with_key, key=lambda task: task["id"], reverse=is_descending)
    ordered = sorted(by_id, key=key_of(sort), reverse=is_descending)
    if sort == "due":
        # All day is last within its day, in both directions.
        ordered.sort(key=lambda task: task["due"]["time"] is None)
        ordered.sort(key=lambda task: task["due"]["date"], reverse=is_descending)
    without.sort(key=lambda task: task["id"], reverse=is_descending)
    return [task["id"] for task in (*ordered, *without)]


@pytest.fixture
async def many(alice: Account) -> list[Resource]:
    """Tasks with ties and nulls in each sort."""
    tasks = []
    for number, due in enumerate(DATES):
        done = {"completed_at": f"2026-01-0{number // 3 + 1}T08:00:00Z"} if number % 3 else {}
        fields = {"due": due, "priority": [None, 1, 4][number % 3], **done}
        tasks.append(await create_task(alice, f"task {number // 2}", **fields))
    return tasks


SORTS = ("created_at", "updated_at", "completed_at", "due", "priority", "position", "title")


@pytest.mark.parametrize(("sort", "sign"), list(product(SORTS, ("", "-"))))
@pytest.mark.parametrize("limit", [1, 4, 100])
async def test_sort_has_nulls_last_and_pages_through_ties(
    alice: Account, many: list[Resource], *, sort: str, sign: str, limit: int
) -> None:
    found = await read_all(alice, f"sort={sign}{sort}", limit)

    expected = expected_order(many, sort, is_descending=sign == "-")
    assert [task["id"] for task in found] == expected


@pytest.mark.parametrize("sort", ["due", "-due"])
async def test_all_day_is_last_within_its_day(alice: Account, sort: str) -> None:
    for time in (None, "23:59", "00:00"):
        await create_task(alice, str(time), due={"date": "2026-12-01", "time": time})

    assert (await titles(alice, f"sort={sort}"))[-1] == "None"


async def test_cursor_of_another_sort_or_filter_is_rejected(
    alice: Account, many: list[Resource]
) -> None:
    cursor = body_of(await alice.get("/tasks?sort=due&limit=1"))["next_cursor"]

    for query in (
        "sort=-due",
        "sort=priority",
        "sort=due&list_id=inbox",
        "sort=due&section_id=none",
        "sort=due&parent_id=none",
        "sort=due&label_id=none",
        "sort=due&include_archived=true",
        f"sort=due&parent_id={many[0]['id']}",
    ):
        response = await alice.get(f"/tasks?{query}&cursor={cursor}")
        assert errors_of(response) == [("query.cursor", "invalid_cursor")]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("filter_", ["open", "!(due < today)"])
async def test_cursor_of_a_filter_is_rejected_once_the_time_zone_has_changed(
    alice: Account, filter_: str
) -> None:
    query = {"filter": filter_, "limit": 1}
    cursor = body_of(await alice.get("/tasks", params=query))["next_cursor"]
    await alice.patch("/users/me", {"timezone": "Asia/Tokyo"})

    response = await alice.get("/tasks", params={**query, "cursor": cursor})

    [field] = response.json()["error"]["details"]["fields"]
    assert field == {
        "path": "query.cursor",
        "message": "Invalid cursor for this list. "
        "Your time zone has changed: start again from the first page",
        "type": "invalid_cursor",
    }


@pytest.mark.usefixtures("many")
async def test_cursor_without_a_filter_outlives_a_change_of_the_time_zone(
    alice: Account,
) -> None:
    cursor = body_of(await alice.get("/tasks?sort=due&limit=1"))["next_cursor"]
    await alice.patch("/users/me", {"timezone": "Asia/Tokyo"})

    response = await alice.get(f"/tasks?sort=due&limit=1&cursor={cursor}")

    assert response.status_code == 200


class Filed:
    """Two lists, a section, labels, and a task in each kind of place."""

    ids: dict[str, str]


@pytest.fixture
async def filed(alice: Account) -> Filed:
    work, home = [await create(alice, "lists", name=name) for name in ("Work", "Home")]
    section = await create(alice, "sections", name="Doing", list_id=work["id"])
    labels = [await create(alice, "labels", name=name) for name in "ab"]
    found = Filed()
    found.ids = {"work": work["id"], "home": home["id"], "section": section["id"]}
    found.ids |= {"a": labels[0]["id"], "b": labels[1]["id"]}
    await create_task(alice, "inbox", label_ids=[found.ids["a"], found.ids["b"]])
    await create_task(alice, "work", list_id=work["id"], label_ids=[found.ids["a"]])
    parent = await create_task(alice, "section", section_id=section["id"])
    await create_task(alice, "sub", parent_id=parent["id"], label_ids=[found.ids["b"]])
    await create_task(alice, "home", list_id=home["id"])
    gone = await create_task(alice, "gone", list_id=home["id"], label_ids=[found.ids["a"]])
    await act(alice, await create_task(alice, "done", list_id=home["id"]), "complete")
    await trash(alice, "tasks", gone)
    found.ids |= {"parent": parent["id"], "gone": gone["id"]}
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("list_id=inbox", ["inbox"]),
        ("list_id={work}", ["work", "section", "sub"]),
        ("list_id={home}", ["home", "done"]),
        ("list_id={home}&is_completed=false", ["home"]),
        ("list_id={home}&is_completed=true", ["done"]),
        ("list_id={home}&is_trashed=true", ["gone"]),
        ("list_id={section}", []),
        ("section_id={section}", ["section", "sub"]),
        ("section_id=none", ["inbox", "work", "home", "done"]),
        ("list_id={work}&section_id=none", ["work"]),
        ("list_id={home}&section_id={section}", []),
        ("parent_id={parent}", ["sub"]),
        ("parent_id=none", ["inbox", "work", "section", "home", "done"]),
        ("list_id={work}&parent_id=none", ["work", "section"]),
        ("label_id={a}", ["inbox", "work"]),
        ("label_id={b}", ["inbox", "sub"]),
        ("label_id={a}&list_id=inbox", ["inbox"]),
        ("label_id={a}&is_trashed=true", ["gone"]),
        ("label_id=none", ["section", "home", "done"]),
        ("label_id=none&q=ho", ["home"]),
        ("parent_id={gone}", []),
        ("label_id={parent}", []),
    ],
)
async def test_tasks_are_filtered(
    alice: Account, filed: Filed, query: str, expected: list[str]
) -> None:
    found = await read_all(alice, query.format(**filed.ids) + "&sort=created_at", 2)

    assert [task["title"] for task in found] == expected


@pytest.mark.parametrize(
    "query",
    [
        "list_id=none",
        "list_id=",
        "list_id=INBOX",
        "section_id=inbox",
        "parent_id=null",
        "label_id=x",
        "include_archived=1",
        "sort=description",
        "sort=--due",
        "sort=+due",
        "trashed=true",
    ],
)
async def test_invalid_parameter_is_rejected(alice: Account, query: str) -> None:
    response = await alice.get(f"/tasks?{query}")

    assert [path for path, _ in errors_of(response)] == [f"query.{query.partition('=')[0]}"]


async def test_filters_of_another_user_find_nothing(
    alice: Account, bob: Account, filed: Filed
) -> None:
    await create_task(bob, "mine")

    for name, value in (
        ("list_id", "work"),
        ("section_id", "section"),
        ("parent_id", "parent"),
        ("label_id", "a"),
    ):
        page = body_of(await bob.get(f"/tasks?{name}={filed.ids[value]}&include_total=true"))
        assert (page["items"], page["total"]) == ([], 0)
    assert len(await titles(alice)) == 6


async def test_tasks_of_archived_lists_are_left_out_unless_named(
    alice: Account, filed: Filed
) -> None:
    work = filed.ids["work"]
    await alice.patch(f"/lists/{work}", {"is_archived": True})

    for query, expected in (
        ("", ["inbox", "home", "done"]),
        ("section_id=none", ["inbox", "home", "done"]),
        ("parent_id=none", ["inbox", "home", "done"]),
        (f"label_id={filed.ids['a']}", ["inbox"]),
        ("q=work", []),
        ("q=work&include_archived=true", ["work"]),
        (f"list_id={work}", ["work", "section", "sub"]),
        (f"section_id={filed.ids['section']}", ["section", "sub"]),
        ("include_archived=true", ["inbox", "work", "section", "sub", "home", "done"]),
        ("list_id=inbox", ["inbox"]),
    ):
        found = await read_all(alice, f"{query}&sort=created_at", 2)
        assert [task["title"] for task in found] == expected, query


async def test_sync_and_export_have_the_tasks_of_archived_lists(
    alice: Account, filed: Filed
) -> None:
    await alice.patch(f"/lists/{filed.ids['work']}", {"is_archived": True})

    changes = body_of(await alice.get("/sync"))["changes"]
    export = body_of(await alice.get("/users/me/export"))

    assert len([one for one in changes if one["type"] == "task"]) == 6
    assert len(export["tasks"]) == 6


async def test_trash_shows_the_tasks_of_archived_lists_if_asked(
    alice: Account, filed: Filed
) -> None:
    assert await titles(alice, "is_trashed=true") == ["gone"]

    await alice.patch(f"/lists/{filed.ids['home']}", {"is_archived": True})

    assert await titles(alice, "is_trashed=true") == []
    assert await titles(alice, "is_trashed=true&include_archived=false") == []
    assert await titles(alice, "is_trashed=true&include_archived=true") == ["gone"]
    assert await titles(alice, f"is_trashed=true&list_id={filed.ids['home']}") == ["gone"]


async def test_unchanged_list_is_not_modified(alice: Account, filed: Filed) -> None:
    path = f"/tasks?list_id={filed.ids['work']}&sort=due"
    tag = (await alice.get(path)).headers["ETag"]
    seen = {"If-None-Match": tag}

    assert (await alice.get(path, headers=seen)).status_code == 304
    assert (await alice.get(f"{path}&limit=1", headers=seen)).status_code == 200
    # Archiving a list changes what other lists show.
    whole = {"If-None-Match": (await alice.get("/tasks")).headers["ETag"]}
    await alice.patch(f"/lists/{filed.ids['work']}", {"is_archived": True})
    assert (await alice.get("/tasks", headers=whole)).status_code == 200
    assert (await alice.get(path, headers=seen)).status_code == 200


async def test_offset_and_cursor_exclude_each_other(alice: Account, many: list[Resource]) -> None:
    assert [
        one["id"] for one in body_of(await alice.get("/tasks?sort=due&offset=7"))["items"]
    ] == (expected_order(many, "due", is_descending=False)[7:])
    cursor = body_of(await alice.get("/tasks?limit=1"))["next_cursor"]

    response = await alice.get(f"/tasks?offset=1&cursor={cursor}")

    assert error_code(response) == "VALIDATION_ERROR"
