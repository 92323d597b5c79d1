"""Two devices at once: what one refers to is deleted by the other, and trees are moved into trees."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.accounts import Account
from tests.support.invariants import check_rows
from tests.support.resource_calls import body_of, create, create_task, read
from tests.support.sync_copies import stored, synced

ROUNDS = 10
"""Rounds of each race, each with several requests at once; `make race` runs more."""

Pair = tuple[Account, Account]
Request = Callable[[Account], Awaitable[httpx.Response]]
EXPECTED = {200, 201, 204, 400, 404, 409}


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("rounds") or ROUNDS)


async def at_once(pair: Pair, requests: Sequence[Request], draw: random.Random) -> list[int]:
    """Send requests at once, from both devices and in any order; return their statuses."""
    shuffled = draw.sample(requests, len(requests))
    sent = (request(pair[number % 2]) for number, request in enumerate(shuffled))
    statuses = [response.status_code for response in await asyncio.gather(*sent)]
    assert set(statuses) <= EXPECTED, statuses
    return statuses


def posting(path: str, body: dict[str, Any] | None = None) -> Request:
    return lambda account: account.post(path, body)


def patching(path: str, body: dict[str, Any]) -> Request:
    return lambda account: account.patch(path, body)


def deleting(path: str) -> Request:
    return lambda account: account.delete(path)


async def check_end(pair: Pair, dsn: str, copies: Sequence[Any]) -> None:
    """Nothing live refers to anything deleted, and both devices have the same copy."""
    await check_rows(dsn, pair[0])
    for copy, device in zip(copies, pair, strict=True):
        await copy.pull(device)
        assert copy.resources == await stored(device)


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?permanent=true", "?move_tasks_to=inbox"])
async def test_list_is_deleted_while_tasks_come_into_it(
    pair: Pair, dsn: str, run_seed: int, rounds: int, query: str
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    for _ in range(rounds):
        work = (await create(pair[0], "lists", name="Work"))["id"]
        section = (await create(pair[0], "sections", name="s", list_id=work))["id"]
        parent = (await create_task(pair[0], section_id=section))["id"]
        gone = (await create_task(pair[0], list_id=work))["id"]
        moved, other = [(await create_task(pair[0]))["id"] for _ in range(2)]
        await pair[0].delete(f"/tasks/{gone}")
        await at_once(
            pair,
            [
                deleting(f"/lists/{work}{query}"),
                posting("/tasks", {"title": "new", "list_id": work}),
                posting("/tasks", {"title": "new", "id": str(uuid4()), "section_id": section}),
                posting("/tasks", {"title": "new", "parent_id": parent, "after_id": None}),
                posting(f"/tasks/{moved}/move", {"list_id": work}),
                patching(f"/tasks/{other}", {"parent_id": parent}),
                posting(f"/tasks/{gone}/restore"),
                posting("/sections", {"name": "new", "list_id": work}),
                posting(f"/lists/{work}/restore"),
            ],
            draw,
        )

    await check_end(pair, dsn, copies)


async def test_section_is_deleted_while_tasks_come_into_it(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    work = (await create(pair[0], "lists", name="Work"))["id"]
    for _ in range(rounds):
        section = (await create(pair[0], "sections", name="s", list_id=work))["id"]
        gone = (await create_task(pair[0], section_id=section))["id"]
        moved = (await create_task(pair[0]))["id"]
        await pair[0].delete(f"/tasks/{gone}")
        await at_once(
            pair,
            [
                deleting(f"/sections/{section}"),
                posting("/tasks", {"title": "new", "section_id": section}),
                posting(f"/tasks/{moved}/move", {"section_id": section, "after_id": None}),
                posting(f"/tasks/{gone}/restore"),
                patching(f"/sections/{section}", {"name": "new"}),
                posting(f"/sections/{section}/move", {"after_id": None}),
            ],
            draw,
        )

    await check_end(pair, dsn, copies)


async def test_label_is_deleted_while_tasks_get_it(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    for number in range(rounds):
        label = (await create(pair[0], "labels", name=f"label {number}"))["id"]
        gone = (await create_task(pair[0], label_ids=[label]))["id"]
        task = (await create_task(pair[0]))["id"]
        await pair[0].delete(f"/tasks/{gone}")
        await at_once(
            pair,
            [
                deleting(f"/labels/{label}"),
                posting("/tasks", {"title": "new", "label_ids": [label]}),
                patching(f"/tasks/{task}", {"add_label_ids": [label]}),
                patching(f"/tasks/{task}", {"title": "other"}),
                posting(f"/tasks/{gone}/restore"),
                posting("/labels", {"name": f"LABEL {number}"}),
                posting("/labels", {"name": f"label {number}", "after_id": None}),
            ],
            draw,
        )

    await check_end(pair, dsn, copies)


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?permanent=true"])
async def test_parent_is_deleted_while_tasks_come_below_it(
    pair: Pair, dsn: str, run_seed: int, rounds: int, query: str
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    work = (await create(pair[0], "lists", name="Work"))["id"]
    for _ in range(rounds):
        parent = (await create_task(pair[0]))["id"]
        gone = (await create_task(pair[0], parent_id=parent))["id"]
        child = (await create_task(pair[0], parent_id=parent))["id"]
        moved = (await create_task(pair[0]))["id"]
        await pair[0].delete(f"/tasks/{gone}")
        await at_once(
            pair,
            [
                deleting(f"/tasks/{parent}{query}"),
                posting("/tasks", {"title": "new", "parent_id": parent}),
                posting("/tasks", {"title": "new", "parent_id": child}),
                posting(f"/tasks/{moved}/move", {"parent_id": child, "before_id": None}),
                posting(f"/tasks/{gone}/restore"),
                posting(f"/tasks/{parent}/move", {"list_id": work}),
                posting(f"/tasks/{parent}/complete"),
                posting(f"/tasks/{child}/reopen"),
                posting(f"/tasks/{parent}/restore"),
            ],
            draw,
        )

    await check_end(pair, dsn, copies)


@pytest.mark.slow
async def test_racing_moves_never_make_a_circle(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    tasks = [(await create_task(pair[0]))["id"] for _ in range(7)]

    for _ in range(4 * rounds):
        requests = []
        for task, parent in (draw.sample(tasks, 2) for _ in range(4)):
            body = {"parent_id": draw.choice([parent, parent, None])}
            requests.append(
                posting(f"/tasks/{task}/move", body)
                if draw.random() < 0.5
                else patching(f"/tasks/{task}", body)
            )
        await at_once(pair, requests, draw)

    await check_end(pair, dsn, copies)


async def test_opposite_moves_succeed_once(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw = random.Random(run_seed)
    for _ in range(rounds):
        one, other = [(await create_task(pair[0]))["id"] for _ in range(2)]

        statuses = await at_once(
            pair,
            [
                posting(f"/tasks/{one}/move", {"parent_id": other}),
                posting(f"/tasks/{other}/move", {"parent_id": one}),
            ],
            draw,
        )

        assert sorted(statuses) == [200, 400]
    await check_rows(dsn, pair[0])


async def test_completions_and_reopenings_race(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    tasks = [(await create_task(pair[0]))["id"]]
    for _ in range(3):
        tasks.append((await create_task(pair[0], parent_id=tasks[-1]))["id"])

    for _ in range(2 * rounds):
        await at_once(
            pair,
            [
                posting(f"/tasks/{draw.choice(tasks)}/{draw.choice(['complete', 'reopen'])}")
                for _ in range(4)
            ],
            draw,
        )

    assert len({task["version"] for task in body_of(await pair[0].get("/tasks"))["items"]}) == 4
    await check_end(pair, dsn, copies)


async def test_subtasks_are_created_while_their_parent_is_completed(
    pair: Pair, dsn: str, run_seed: int, rounds: int
) -> None:
    draw, copies = random.Random(run_seed), [await synced(device) for device in pair]
    for _ in range(2 * rounds):
        parent = await create_task(pair[0])
        moved = await create_task(pair[0])
        await at_once(
            pair,
            [
                posting(f"/tasks/{parent['id']}/complete"),
                posting("/tasks", {"title": "new", "parent_id": parent["id"]}),
                patching(f"/tasks/{moved['id']}", {"parent_id": parent["id"]}),
            ],
            draw,
        )

        done = await read(pair[0], parent)
        below = body_of(await pair[0].get(f"/tasks?parent_id={parent['id']}"))["items"]
        assert (done["is_completed"], len(below)) == (True, 2)
        # Those that were there first are completed with it; the others came later, and are open.
        assert all(
            one["completed_at"] == done["completed_at"]
            if one["is_completed"]
            else one["version"] > done["version"]
            for one in below
        )
    await check_end(pair, dsn, copies)
