"""Many writes at once: each counts once, and none waits for another in a circle."""

import asyncio
from collections.abc import Sequence

import httpx

from tests.support.accounts import Account
from tests.support.factories import TaskFactory


def versions(answers: Sequence[httpx.Response]) -> list[int]:
    return sorted(answer.json()["version"] for answer in answers)


async def test_concurrent_creates_get_consecutive_versions(alice: Account) -> None:
    answers = await asyncio.gather(*(alice.post("/tasks", TaskFactory()) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert versions(answers) == list(range(1, 51))
    # Versions and times were given in the same order.
    by_version = sorted((answer.json() for answer in answers), key=lambda task: task["version"])
    assert by_version == sorted(by_version, key=lambda task: task["created_at"])


async def test_concurrent_creates_under_one_id_make_one_task(alice: Account) -> None:
    task_id = "01936d5e-8f1c-7000-8000-000000000001"
    bodies = [TaskFactory(id=task_id) for _ in range(10)]

    answers = await asyncio.gather(*(alice.post("/tasks", body) for body in bodies))

    created = [answer for answer in answers if answer.status_code == 201]
    assert len(created) == 1
    assert {answer.status_code for answer in answers} == {201, 409}
    assert (await alice.get("/tasks")).json()["items"] == [created[0].json()]


async def test_concurrent_completions_change_a_task_once(alice: Account) -> None:
    task = await alice.create_task()

    path = f"/tasks/{task['id']}/complete"
    answers = await asyncio.gather(*(alice.post(path) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["is_completed"] is True
    assert (
        answers[0].json()["version"] == (await alice.get(f"/tasks/{task['id']}")).json()["version"]
    )


async def test_concurrent_patches_of_different_fields_are_all_kept(alice: Account) -> None:
    task = await alice.create_task(description="old")
    path = f"/tasks/{task['id']}"

    answers = await asyncio.gather(
        alice.patch(path, {"title": "new"}),
        alice.patch(path, {"description": "new"}),
        alice.patch(path, {"is_completed": True}),
    )

    assert versions(answers) == [2, 3, 4]
    now = (await alice.get(path)).json()
    assert (now["title"], now["description"], now["is_completed"]) == ("new", "new", True)
    assert now["version"] == 4


async def test_concurrent_deletions_delete_once(alice: Account) -> None:
    task = await alice.create_task()

    answers = await asyncio.gather(*(alice.delete(f"/tasks/{task['id']}") for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 9


async def test_concurrent_updates_and_deletions_never_deadlock(
    alice: Account, bob: Account
) -> None:
    writes = []
    for owner in (alice, bob):
        tasks = [await owner.create_task() for _ in range(4)]
        # Each pair of tasks is written in both orders.
        for first, second in [(0, 1), (1, 0), (2, 3), (3, 2)] * 3:
            one, other = f"/tasks/{tasks[first]['id']}", f"/tasks/{tasks[second]['id']}"
            writes += [
                owner.put(one, TaskFactory()),
                owner.post(f"{other}/complete"),
                owner.patch(one, {"title": "new"}),
                owner.post(f"{other}/reopen"),
            ]
        writes += [owner.delete(f"/tasks/{task['id']}") for task in tasks]

    answers = await asyncio.gather(*writes)

    assert {200, 204} <= {answer.status_code for answer in answers} <= {200, 204, 404}
    for owner in (alice, bob):
        assert (await owner.get("/tasks")).json()["items"] == []


async def test_versions_are_distinct_whatever_the_writes(alice: Account) -> None:
    tasks = [await alice.create_task() for _ in range(3)]
    writes = [
        alice.patch(f"/tasks/{task['id']}", {"title": f"{number}"})
        for task in tasks
        for number in range(5)
    ]

    answers = await asyncio.gather(
        *writes, *(alice.post("/tasks", TaskFactory()) for _ in "12345")
    )

    assert versions(answers) == list(range(4, 24))
