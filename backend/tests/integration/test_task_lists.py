"""Lists of tasks: filtered, counted, sorted, and read page by page."""

import asyncio
from typing import Any

import pytest

from tests.support.accounts import Account, error_code
from tests.support.resource_calls import create, create_task

Task = dict[str, Any]

SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]


async def read_list(owner: Account, **query: Any) -> dict[str, Any]:
    response = await owner.get("/tasks", params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def read_all(owner: Account, **query: Any) -> list[Task]:
    """All pages, by cursor, until there is none."""
    page = await read_list(owner, **query)
    tasks = list(page["items"])
    while page["next_cursor"] is not None:
        page = await read_list(owner, **query, cursor=page["next_cursor"])
        assert page["items"], "a cursor leads to a page that has something"
        tasks += page["items"]
    return tasks


def ids(tasks: list[Task]) -> list[str]:
    return [task["id"] for task in tasks]


def ordered(tasks: list[Task], sort: str) -> list[str]:
    """The ids in the order that the contract names, ties by id."""
    name = sort.removeprefix("-")
    by_value_and_id = sorted(tasks, key=lambda task: (task[name], task["id"]))
    return ids(by_value_and_id[::-1] if sort.startswith("-") else by_value_and_id)


async def test_a_list_without_tasks_is_empty(alice: Account) -> None:
    assert await read_list(alice) == {"items": [], "next_cursor": None, "total": None}


async def test_a_list_holds_the_callers_tasks_only(alice: Account, bob: Account) -> None:
    hers = await alice.create_task()
    await bob.create_task()

    page = await read_list(alice, include_total="true")

    assert page == {"items": [hers], "next_cursor": None, "total": 1}


async def test_a_page_has_twenty_tasks_and_the_newest_first(alice: Account) -> None:
    tasks = [await alice.create_task() for _ in range(21)]

    page = await read_list(alice)

    assert ids(page["items"]) == ids(tasks)[:0:-1]
    assert page["next_cursor"] is not None


async def test_a_full_last_page_has_no_cursor(alice: Account) -> None:
    for _ in range(4):
        await alice.create_task()

    first = await read_list(alice, limit=2)
    last = await read_list(alice, limit=2, cursor=first["next_cursor"])

    assert len(last["items"]) == 2
    assert last["next_cursor"] is None


async def test_an_offset_skips_that_many(alice: Account) -> None:
    tasks = [await alice.create_task() for _ in range(5)]

    page = await read_list(alice, sort="created_at", offset=1, limit=2)

    assert page["items"] == tasks[1:3]
    assert (await read_list(alice, sort="created_at", offset=5))["items"] == []
    assert (await read_list(alice, offset=10_000))["items"] == []


async def test_a_page_by_offset_leads_on_by_cursor(alice: Account) -> None:
    tasks = [await alice.create_task() for _ in range(5)]
    page = await read_list(alice, sort="created_at", offset=1, limit=2)

    following = await read_list(alice, sort="created_at", limit=2, cursor=page["next_cursor"])

    assert following["items"] == tasks[3:]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_of_any_size_make_up_the_whole_list(
    alice: Account, sort: str, limit: int
) -> None:
    titles = ["beta", "alpha", "Beta", "äther", "alpha", "10", "9", "alpha"]
    tasks = [await alice.create_task(title=title) for title in titles]
    tasks[1] = (await alice.post(f"/tasks/{tasks[1]['id']}/complete")).json()

    assert ids(await read_all(alice, sort=sort, limit=limit)) == ordered(tasks, sort)


async def test_equal_titles_are_in_the_order_of_their_ids(alice: Account) -> None:
    tasks = [await alice.create_task(title="same") for _ in range(5)]

    assert ids(await read_all(alice, sort="title", limit=2)) == sorted(ids(tasks))
    assert ids(await read_all(alice, sort="-title", limit=2)) == sorted(ids(tasks))[::-1]


async def test_long_titles_and_words_still_make_a_cursor(alice: Account) -> None:
    # The longest that there are: each character takes four bytes, or twelve as an escape.
    title = "𠀀" * 100 + " " + "𠀁" * 154
    tasks = [await alice.create_task(title=title) for _ in range(3)]

    found = await read_all(alice, sort="title", limit=1, q="𠀀" * 100 + " -" + "𠀂" * 98)

    assert sorted(ids(found)) == sorted(ids(tasks))


@pytest.mark.parametrize(
    ("sort", "sees_new"), [("created_at", True), ("-created_at", False), ("-updated_at", False)]
)
async def test_paging_neither_skips_nor_repeats_while_tasks_are_created(
    alice: Account, sort: str, *, sees_new: bool
) -> None:
    old = [await alice.create_task() for _ in range(12)]
    new: list[Task] = []

    async def create() -> None:
        # One at a time, so as to go on for as long as the list is read.
        new.extend([await alice.create_task() for _ in range(20)])

    creating = [asyncio.create_task(create()) for _ in range(3)]
    seen = ids(await read_all(alice, sort=sort, limit=2))
    await asyncio.gather(*creating)

    assert len(seen) == len(set(seen)), "none is repeated"
    everything = ordered(old + new, sort)
    if sees_new:
        # The list grows at its end: what was read is its beginning, without a gap.
        assert seen == everything[: len(seen)]
        assert len(seen) >= len(old)
    else:
        # The list grows before what was read: from its first task on, none is missing.
        assert seen == everything[everything.index(seen[0]) :]


async def test_paging_by_title_sees_every_old_task_once_while_tasks_are_created(
    alice: Account,
) -> None:
    old = [await alice.create_task(title=f"{number:02}") for number in range(12)]

    async def create() -> None:
        for number in range(20):
            await alice.create_task(title=f"{number:02}")

    creating = asyncio.create_task(create())
    seen = ids(await read_all(alice, sort="title", limit=2))
    await creating

    assert len(seen) == len(set(seen))
    assert set(ids(old)) <= set(seen)


async def test_paging_goes_on_where_the_last_task_was_deleted(alice: Account) -> None:
    tasks = [await alice.create_task() for _ in range(4)]
    page = await read_list(alice, sort="created_at", limit=2)
    await alice.delete(f"/tasks/{tasks[1]['id']}")

    following = await read_list(alice, sort="created_at", cursor=page["next_cursor"])

    assert following["items"] == tasks[2:]


async def test_filter_separates_open_and_completed_tasks(alice: Account) -> None:
    open_task = await alice.create_task()
    done = await alice.create_task(is_completed=True)

    assert (await read_list(alice, is_completed="true"))["items"] == [done]
    assert (await read_list(alice, is_completed="false"))["items"] == [open_task]
    assert len((await read_list(alice))["items"]) == 2


@pytest.mark.parametrize("sort", SORTS)
async def test_filter_search_count_and_cursor_work_together(alice: Account, sort: str) -> None:
    wanted = [await alice.create_task(title=f"milk {n}", is_completed=True) for n in range(3)]
    await alice.create_task(title="milk", is_completed=False)
    await alice.create_task(title="bread", description=None, is_completed=True)
    query = {"sort": sort, "is_completed": "true", "q": "milk", "include_total": "true"}

    assert ids(await read_all(alice, **query, limit=1)) == ordered(wanted, sort)
    assert (await read_list(alice, **query, limit=1))["total"] == 3


async def test_the_total_counts_the_whole_list_on_every_page(alice: Account) -> None:
    for _ in range(3):
        await alice.create_task()

    first = await read_list(alice, limit=2, include_total="true")
    second = await read_list(alice, limit=2, include_total="true", cursor=first["next_cursor"])
    beyond = await read_list(alice, offset=9, include_total="true")
    without = await read_list(alice, include_total="false")

    assert [page["total"] for page in (first, second, beyond, without)] == [3, 3, 3, None]
    assert beyond["items"] == []


async def test_items_are_the_same_with_and_without_a_total(alice: Account) -> None:
    await alice.create_task()

    counted = await read_list(alice, include_total="true")

    assert counted["items"] == (await read_list(alice))["items"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1.0",
        "limit=1_0",
        "limit=%2B1",
        "limit=",
        "limit=ten",
        "limit=99999999999999999999999",
        "limit=%D9%A1",
        "offset=-1",
        "offset=10001",
        "offset=1e3",
        "is_completed=yes",
        "is_completed=1",
        "is_completed=True",
        "is_completed=",
        "include_total=on",
        "sort=",
        "sort=version",
        "sort=%2Btitle",
        "sort=-TITLE",
        "sort=title%3Bdrop",
        "cursor=",
        "cursor=abc",
        "cursor=%00",
        "cursor=" + "a" * 5000,
        "q=" + "a" * 201,
        "q=a%00b",
        "page=2",
        "Limit=2",
    ],
)
async def test_a_query_that_the_contract_does_not_allow_is_refused(
    alice: Account, query: str
) -> None:
    response = await alice.get(f"/tasks?{query}")

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    name = query.partition("=")[0]
    fields = response.json()["error"]["details"]["fields"]
    assert [field["path"] for field in fields] == [f"query.{name}"]


@pytest.mark.parametrize(
    "change", [{"sort": "title"}, {"is_completed": "false"}, {"q": "x"}], ids=repr
)
async def test_cursor_of_another_list_is_rejected(alice: Account, change: dict[str, str]) -> None:
    for _ in range(2):
        await alice.create_task()
    cursor = (await read_list(alice, limit=1))["next_cursor"]

    response = await alice.get("/tasks", params={"cursor": cursor, **change})

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert response.json()["error"]["details"]["fields"][0]["path"] == "query.cursor"


async def test_a_page_is_found_by_cursor_or_by_offset_but_not_by_both(alice: Account) -> None:
    for _ in range(3):
        await alice.create_task()
    cursor = (await alice.get("/tasks", params={"limit": 1})).json()["next_cursor"]

    response = await alice.get("/tasks", params={"cursor": cursor, "offset": 1})

    assert response.status_code == 400
    assert response.json()["error"]["details"]["fields"][0]["path"] == "query.offset"


async def test_a_list_writes_a_task_as_its_own_response_does(alice: Account) -> None:
    section = await create(
        alice, "sections", name="Doing", list_id=(await create(alice, "lists", name="Work"))["id"]
    )
    label = await create(alice, "labels", name="errand")
    parent = await create_task(alice, section_id=section["id"])
    task = await create_task(
        alice,
        'Tea "Earl Grey" \\ ☕',
        description="one\ttwo",
        parent_id=parent["id"],
        label_ids=[label["id"]],
        start={"date": "2026-11-30"},
        due={"date": "2026-12-01", "time": "09:00", "timezone": "Europe/Rome"},
        recurrence={"rule": "FREQ=WEEKLY;COUNT=3"},
        metadata={"large": 1e300, "nested": {"list": [1.0, None, "é"]}},
    )

    one = await alice.get(f"/tasks/{task['id']}")
    page = await alice.get("/tasks", params={"limit": 1, "sort": "due"})

    assert page.content.startswith(b'{"items":[' + one.content + b'],"next_cursor"')
    rest = await read_list(alice, sort="due", cursor=page.json()["next_cursor"])
    assert ids(rest["items"]) == [parent["id"]]
