"""Labels of tasks."""

import asyncio
from uuid import uuid4

import pytest

from tests.support.accounts import Account
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    body_of,
    create,
    create_task,
    errors_of,
    patch,
    read,
    titles,
    trash,
)
from tests.support.sync_copies import stored, sync, synced


async def labels_of(account: Account, count: int) -> list[str]:
    """The ids of new labels."""
    start = len(await titles(account, plural="labels"))
    names = [f"label {start + number}" for number in range(count)]
    return [(await create(account, "labels", name=name))["id"] for name in names]


async def test_labels_keep_the_order_of_the_client_and_count_once(
    alice: Account, dsn: str
) -> None:
    one, two, three = await labels_of(alice, 3)

    task = await create_task(alice, label_ids=[three, one, three, two, one])

    assert task["label_ids"] == [three, one, two]
    await check_rows(dsn, alice)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_label_ids_replace_all_labels(alice: Account, dsn: str, method: str) -> None:
    one, two, three = await labels_of(alice, 3)
    task = await create_task(alice, label_ids=[one, two])
    path = f"/tasks/{task['id']}"

    for label_ids in ([three, two], [two, three], []):
        body = {"title": "task", "label_ids": label_ids}
        changed = body_of(await alice.request(method, path, json=body))
        assert changed["label_ids"] == label_ids
        await check_rows(dsn, alice)


async def test_put_without_labels_takes_all_off(alice: Account) -> None:
    task = await create_task(alice, label_ids=await labels_of(alice, 2))

    replaced = body_of(await alice.put(f"/tasks/{task['id']}", {"title": "task"}))

    assert replaced["label_ids"] == []


async def test_labels_are_added_and_removed_one_by_one(alice: Account, dsn: str) -> None:
    one, two, three, four = await labels_of(alice, 4)
    task = await create_task(alice, label_ids=[one, two])

    changed = await patch(
        alice, task, add_label_ids=[three, one, four], remove_label_ids=[two, four, str(uuid4())]
    )

    assert changed["label_ids"] == [one, three]
    await check_rows(dsn, alice)


async def test_two_devices_add_labels_at_once_and_lose_none(
    pair: tuple[Account, Account], dsn: str
) -> None:
    labels = await labels_of(pair[0], 20)
    task = await create_task(pair[0])

    await asyncio.gather(
        *(patch(pair[n % 2], task, add_label_ids=[one]) for n, one in enumerate(labels)),
        *(patch(pair[n % 2], task, title=f"title {n}") for n in range(5)),
    )

    assert sorted((await read(pair[0], task))["label_ids"]) == sorted(labels)
    await check_rows(dsn, pair[0])


@pytest.mark.parametrize("field", ["add_label_ids", "remove_label_ids"])
async def test_whole_and_partial_labels_contradict_each_other(alice: Account, field: str) -> None:
    [label] = await labels_of(alice, 1)
    task = await create_task(alice)

    response = await alice.patch(f"/tasks/{task['id']}", {"label_ids": [label], field: [label]})

    assert errors_of(response) == [("body.label_ids", "contradiction")]


async def test_task_has_at_most_fifty_labels(alice: Account, dsn: str) -> None:
    labels = await labels_of(alice, 51)
    task = await create_task(alice, label_ids=labels[:50])
    path = f"/tasks/{task['id']}"

    too_many = await alice.post("/tasks", {"title": "task", "label_ids": labels})
    one_more = await alice.patch(path, {"add_label_ids": labels[50:]})
    swapped = await patch(alice, task, add_label_ids=labels[50:], remove_label_ids=labels[:1])

    assert errors_of(too_many) == [("body.label_ids", "too_long")]
    assert errors_of(one_more) == [("body.add_label_ids", "too_long")]
    assert swapped["label_ids"] == labels[1:]
    await check_rows(dsn, alice)


async def test_unknown_deleted_and_foreign_labels_look_the_same(
    alice: Account, bob: Account
) -> None:
    [kept, deleted], [foreign] = await labels_of(alice, 2), await labels_of(bob, 1)
    await alice.delete(f"/labels/{deleted}")
    task = await create_task(alice)
    path = f"/tasks/{task['id']}"

    for field in ("label_ids", "add_label_ids"):
        responses = [
            await alice.patch(path, {field: [kept, label]})
            for label in (str(uuid4()), deleted, foreign)
        ]
        assert len({response.content for response in responses}) == 1
        assert errors_of(responses[0]) == [(f"body.{field}", "unknown_reference")]
    created = await alice.post("/tasks", {"title": "task", "label_ids": [foreign]})
    assert errors_of(created) == [("body.label_ids", "unknown_reference")]
    assert await read(alice, task) == task


async def test_deleted_label_is_taken_off_its_tasks_the_trash_included(
    alice: Account, dsn: str
) -> None:
    one, two = await labels_of(alice, 2)
    tasks = [await create_task(alice, label_ids=[one, two]) for _ in range(3)]
    await create_task(alice, label_ids=[two])
    await trash(alice, "tasks", tasks[2])
    copy = await synced(alice)

    response = await alice.delete(f"/labels/{one}")

    assert response.status_code == 204
    changes = (await sync(alice, copy.token))["changes"]
    assert len({change["id"] for change in changes}) == 4
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    assert [(await read(alice, task))["label_ids"] for task in tasks[:2]] == [[two]] * 2
    restored = body_of(await alice.post(f"/tasks/{tasks[2]['id']}/restore"))
    assert restored["label_ids"] == [two]
    await check_rows(dsn, alice)


async def test_stale_deletion_of_a_label_changes_nothing(alice: Account) -> None:
    [label] = await labels_of(alice, 1)
    task = await create_task(alice, label_ids=[label])

    response = await alice.delete(f"/labels/{label}", headers={"If-Match": '"99"'})

    assert response.status_code == 412
    assert await read(alice, task) == task
