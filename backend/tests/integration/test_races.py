"""Many writers at once, through two instances: each change counts once, and none is lost."""

import asyncio
import random
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.accounts import Account
from tests.support.direct_sql import execute, somebody_waits_for
from tests.support.factories import TaskFactory

Pair = tuple[Account, Account]
WRITERS = 8


async def revision(dsn: str, account: Account) -> int:
    [(number,)] = await execute(dsn, "SELECT revision FROM users WHERE id = %s", account.id)
    return int(number)


async def race(pair: Pair, task: dict[str, Any], rounds: int) -> list[httpx.Response]:
    """Writers who read a task and change it if nobody was faster, each a word of their own."""
    path = f"/tasks/{task['id']}"

    async def write(account: Account, number: int) -> list[httpx.Response]:
        answers = []
        for step in range(rounds):
            seen = (await account.get(path)).json()
            words = f"{seen['description']} {number}.{step}"
            headers = {"If-Match": f'"{seen["version"]}"'}
            body = {"description": words}
            answers.append(await account.patch(path, body, headers=headers))
        return answers

    all_answers = await asyncio.gather(*(write(pair[n % 2], n) for n in range(WRITERS)))
    return [answer for answers in all_answers for answer in answers]


async def check(pair: Pair, dsn: str, rounds: int) -> None:
    task = await pair[0].create_task(description="begun")
    before = await revision(dsn, pair[0])

    answers = await race(pair, task, rounds)

    assert {answer.status_code for answer in answers} <= {200, 412}
    won = [answer.json() for answer in answers if answer.status_code == 200]
    # A success makes each other writer fail once at most, so not all can fail.
    assert len(won) >= rounds
    now = (await pair[0].get(f"/tasks/{task['id']}")).json()
    # Each success is one step of the version, and of the user's revision.
    assert sorted(one["version"] for one in won) == list(range(before + 1, before + len(won) + 1))
    assert now["version"] == before + len(won) == await revision(dsn, pair[0])
    # Every word of a success is there, once, in the order of versions.
    words = [one["description"].split()[-1] for one in sorted(won, key=lambda one: one["version"])]
    assert now["description"].split() == ["begun", *words]


async def test_as_many_succeed_as_there_are_versions(pair: Pair, dsn: str) -> None:
    await check(pair, dsn, rounds=8)


@pytest.mark.long
async def test_as_many_succeed_as_there_are_versions_in_ten_thousand_races(
    pair: Pair, dsn: str
) -> None:
    for _ in range(25):
        await check(pair, dsn, rounds=50)


async def test_one_of_many_writes_with_the_same_if_match_succeeds(pair: Pair, dsn: str) -> None:
    for verb in ("PATCH", "PUT", "complete", "DELETE"):
        task = await pair[0].create_task()
        path, headers = f"/tasks/{task['id']}", {"If-Match": f'"{task["version"]}"'}
        if verb == "complete":
            calls = [pair[n % 2].post(f"{path}/complete", headers=headers) for n in range(30)]
        else:
            body = None if verb == "DELETE" else {"title": verb}
            calls = [
                pair[n % 2].request(verb, path, json=body, headers=headers) for n in range(30)
            ]

        statuses = sorted(answer.status_code for answer in await asyncio.gather(*calls))

        assert statuses[0] in {200, 204}
        assert set(statuses[1:]) == ({404} if verb == "DELETE" else {412})
        assert await revision(dsn, pair[0]) == task["version"] + 1


async def test_completing_and_reopening_at_once_each_end_as_they_say(pair: Pair) -> None:
    task = await pair[0].create_task()
    path = f"/tasks/{task['id']}"
    verbs = ["complete", "reopen"] * 40

    answers = await asyncio.gather(
        *(pair[n // 2 % 2].post(f"{path}/{verb}") for n, verb in enumerate(verbs))
    )

    for verb, answer in zip(verbs, answers, strict=True):
        assert answer.status_code == 200
        assert answer.json()["is_completed"] is (verb == "complete")
    # The same version is always the same task.
    by_version = {answer.json()["version"]: answer.content for answer in answers}
    assert all(by_version[answer.json()["version"]] == answer.content for answer in answers)


async def test_trashing_and_restoring_at_once_each_count_once(pair: Pair, dsn: str) -> None:
    task = await pair[0].create_task()
    path = f"/tasks/{task['id']}"
    calls = [
        pair[n // 2 % 2].delete(path) if n % 2 else pair[n // 2 % 2].post(f"{path}/restore")
        for n in range(60)
    ]

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} <= {200, 204, 404}
    trashed = sum(answer.status_code == 204 for answer in answers)
    restored = {answer.json()["version"] for answer in answers if answer.status_code == 200} - {
        task["version"]
    }
    # The first deletion finds the task there, and each restoration that counts follows one.
    assert trashed >= 1
    assert trashed - len(restored) in {0, 1}
    assert await revision(dsn, pair[0]) == task["version"] + trashed + len(restored)


async def test_batches_single_writes_and_deletions_never_wait_in_a_circle(
    pair: Pair, dsn: str
) -> None:
    ids = [(await pair[0].create_task())["id"] for _ in range(8)]
    dice = random.Random(ids[0])

    def batch(number: int) -> dict[str, Any]:
        chosen = dice.sample(ids, 5)
        operations: list[dict[str, Any]] = [
            {"op": "update", "type": "task", "id": one, "data": {"title": f"{number}"}}
            for one in chosen
        ]
        operations.append({"op": "create", "type": "task", "data": TaskFactory()})
        return {"operations": operations, "atomic": number % 2 == 0}

    calls = []
    for number in range(40):
        account = pair[number % 2]
        key = {"Idempotency-Key": f"{number // 4}-{number}"} if number % 4 == 0 else {}
        calls.append(account.post("/batch", batch(number), headers=key))
        calls.append(account.patch(f"/tasks/{dice.choice(ids)}", {"title": "single"}))
        calls.append(account.post(f"/tasks/{dice.choice(ids)}/complete"))

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} == {200}
    with psycopg.connect(dsn) as connection:
        query = "SELECT revision FROM tasks WHERE user_id = %s ORDER BY revision"
        revisions = [row[0] for row in connection.execute(query, [pair[0].id])]
    assert len(set(revisions)) == len(revisions) == 48
    assert revisions[-1] == await revision(dsn, pair[0])


async def test_a_deletion_of_an_account_waits_behind_a_batch_and_not_around_it(
    pair: Pair, dsn: str
) -> None:
    here, there = pair
    first, middle, last = (f"{n}1936d5e-8f1c-7000-8000-000000000001" for n in "123")
    for task_id in (last, first, middle):
        await here.create_task(id=task_id)
    operations = [{"op": "complete", "type": "task", "id": one} for one in (last, middle, first)]

    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        query = "SELECT FROM tasks WHERE user_id = %s AND id = %s FOR UPDATE"
        await connection.execute(query, [here.id, middle])
        batch = asyncio.create_task(there.post("/batch", {"operations": operations}))
        await somebody_waits_for(connection)
        body = {"current_password": here.password}
        deletion = asyncio.create_task(here.delete("/users/me", json=body))
        await somebody_waits_for(connection, count=2)

    assert [result["status"] for result in (await batch).json()["results"]] == [200] * 3
    assert (await deletion).status_code == 204


@pytest.mark.parametrize("has_key", [False, True])
async def test_an_account_is_deleted_while_batches_change_all_that_it_has(
    pair: Pair, dsn: str, *, has_key: bool
) -> None:
    here, there = pair
    # Ids in another order than that of their making.
    ids = [f"{n:02x}936d5e-8f1c-7000-8000-000000000001" for n in (7, 3, 9, 1, 8, 2)]
    for task_id in ids:
        await here.create_task(id=task_id)
    operations = [
        {"op": "update", "type": "task", "id": one, "data": {"title": "t"}} for one in ids
    ]
    body = {"operations": operations}

    has_begun = asyncio.Event()

    async def batches(number: int) -> set[int]:
        statuses = set()
        for step in range(6):
            key = {"Idempotency-Key": f"{number}.{step}"} if has_key else {}
            answer = await there.post("/batch", body, headers=key)
            statuses.add(answer.status_code)
            has_begun.set()
        return statuses

    writing = [asyncio.create_task(batches(number)) for number in range(6)]
    await has_begun.wait()
    deleted = await here.delete("/users/me", json={"current_password": here.password})
    statuses = set().union(*await asyncio.gather(*writing))

    assert deleted.status_code == 204
    assert 200 in statuses
    assert statuses <= {200, 401}
    for table in ("tasks", "tombstones", "idempotency_keys"):
        query = f"SELECT count(*) FROM {table} WHERE user_id = %s"
        assert await execute(dsn, query, here.id) == [(0,)]
