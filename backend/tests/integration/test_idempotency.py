"""`Idempotency-Key`: a request that is sent again has its effect once, and the same answer."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import idempotency
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.factories import TaskFactory
from tests.support.instances import running, sweep_all

REPLAYED = "idempotency-replayed"


def key(value: str | None = None) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": value or uuid4().hex}}


def batch(*titles: str) -> dict[str, Any]:
    return {
        "operations": [
            {"op": "create", "type": "task", "data": {"title": title}} for title in titles
        ]
    }


def seen(response: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """All of an answer that must be the same when it is given again."""
    own = {"x-request-id", "ratelimit", REPLAYED}
    headers = {name: value for name, value in response.headers.items() if name not in own}
    return response.status_code, headers, response.content


async def titles(account: Account) -> list[str]:
    items = (await account.get("/tasks?limit=100&sort=created_at")).json()["items"]
    return [task["title"] for task in items]


async def count_keys(dsn: str, account: Account) -> int:
    query = "SELECT count(*) FROM idempotency_keys WHERE user_id = %s"
    [(count,)] = await execute(dsn, query, account.id)
    return int(count)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tasks", {"title": "one", "description": "é"}, 201),
        ("/users/me/tasks", {"title": "one", "is_completed": True}, 201),
        ("/tasks", {"title": "one", "id": "01936d5e-8f1c-7000-8000-000000000001"}, 201),
        ("/batch", batch("one"), 200),
        ("/batch", {**batch("one"), "atomic": True}, 200),
    ],
)
async def test_a_request_sent_again_gets_the_first_answer(
    pair: tuple[Account, Account], path: str, body: dict[str, Any], status: int
) -> None:
    here, there = pair
    same = key()

    first = await here.post(path, body, **same)
    again = [await account.post(path, body, **same) for account in (here, there, here)]

    assert first.status_code == status
    assert REPLAYED not in first.headers
    for answer in again:
        assert answer.headers[REPLAYED] == "true"
        assert seen(answer) == seen(first)
    assert await titles(here) == ["one"]


async def test_the_first_answer_stands_whatever_happened_since(alice: Account) -> None:
    same, body = key(), TaskFactory()
    first = await alice.post("/tasks", body, **same)
    await alice.patch(f"/tasks/{first.json()['id']}", {"title": "changed"})
    await alice.delete(f"/tasks/{first.json()['id']}")

    assert seen(await alice.post("/tasks", body, **same)) == seen(first)
    assert await titles(alice) == []


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/tasks", {"title": "a"}, {"title": "b"}),
        ("/tasks", {"title": "a"}, {"title": "a", "is_completed": True}),
        ("/batch", batch("a"), batch("a", "b")),
        ("/batch", batch("a"), {**batch("a"), "atomic": True}),
    ],
)
async def test_another_body_under_the_same_key_is_refused(
    pair: tuple[Account, Account], path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    here, there = pair
    same = key()
    first = await here.post(path, body, **same)

    for account in pair:
        refused = await account.post(path, other, **same)
        assert refused.status_code == 422
        assert error_code(refused) == "IDEMPOTENCY_MISMATCH"

    assert seen(await there.post(path, body, **same)) == seen(first)
    assert await titles(here) == ["a"]


async def test_order_of_members_does_not_make_another_body(alice: Account) -> None:
    same = key()
    first = await alice.post("/tasks", {"title": "t", "metadata": {"b": {"d": 1, "c": 2}}}, **same)

    again = await alice.post("/tasks", {"metadata": {"b": {"c": 2, "d": 1}}, "title": "t"}, **same)

    assert seen(again) == seen(first)
    assert await titles(alice) == ["t"]


async def test_in_a_change_null_and_absent_are_different_bodies(alice: Account) -> None:
    task = await alice.create_task(description="kept")
    bodies = []
    for changes in ({"title": "new"}, {"title": "new", "description": None}):
        operation = {"op": "update", "type": "task", "id": task["id"], "data": changes}
        bodies.append({"operations": [operation]})
    same = key()
    await alice.post("/batch", bodies[0], **same)

    assert (await alice.post("/batch", bodies[1], **same)).status_code == 422
    assert (await alice.get(f"/tasks/{task['id']}")).json()["description"] == "kept"


async def test_a_key_holds_for_one_route(alice: Account) -> None:
    same, body = key(), {"title": "t"}

    first = await alice.post("/tasks", body, **same)
    second = await alice.post("/users/me/tasks", body, **same)
    third = await alice.post("/batch", batch("t"), **same)

    assert [first.status_code, second.status_code, third.status_code] == [201, 201, 200]
    assert all(REPLAYED not in answer.headers for answer in (first, second, third))
    assert await titles(alice) == ["t"] * 3


@pytest.mark.parametrize("value", ["k", "!", "~" * 255, '"quoted"', "a,b;c=d", "%00"])
async def test_a_key_is_any_visible_ascii(alice: Account, value: str) -> None:
    answers = [await alice.post("/tasks", {"title": "t"}, **key(value)) for _ in "12"]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert REPLAYED in answers[1].headers


@pytest.mark.parametrize("value", ["", "k" * 256, "a b", "a\tb", "é", "ключ"])
async def test_any_other_key_is_a_bad_request(alice: Account, value: str) -> None:
    headers = {"Idempotency-Key": value.encode()}

    answer = await alice.post("/tasks", {"title": "t"}, headers=headers)

    assert answer.status_code == 400
    [field] = answer.json()["error"]["details"]["fields"]
    assert field["path"] == "header.idempotency-key"
    assert await titles(alice) == []


async def test_an_error_leaves_the_key_unused(alice: Account, dsn: str) -> None:
    taken = await alice.create_task(title="first")
    same = key()

    invalid = await alice.post("/tasks", {"title": ""}, **same)
    conflict = await alice.post("/tasks", {"title": "second", "id": taken["id"]}, **same)
    assert [invalid.status_code, conflict.status_code] == [400, 409]
    assert await count_keys(dsn, alice) == 0

    answer = await alice.post("/tasks", {"title": "second"}, **same)
    assert answer.status_code == 201
    assert REPLAYED not in answer.headers


async def test_a_key_is_forgotten_after_its_time(app: FastAPI, alice: Account, dsn: str) -> None:
    same, fresh = key(), key()
    first = await alice.post("/tasks", {"title": "one"}, **same)
    await alice.post("/tasks", {"title": "one"}, **fresh)
    ids = "SELECT id FROM idempotency_keys WHERE user_id = %s ORDER BY expires_at LIMIT 1"
    move = f"UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE id IN ({ids})"
    await execute(dsn, move, alice.id)

    # Not swept yet, it is taken over, with another body even.
    second = await alice.post("/tasks", {"title": "two"}, **same)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    assert REPLAYED in (await alice.post("/tasks", {"title": "two"}, **same)).headers

    await execute(dsn, move, alice.id)
    await sweep_all(app)
    assert await count_keys(dsn, alice) == 1


async def test_a_key_lives_for_a_day(alice: Account, dsn: str) -> None:
    await alice.post("/tasks", {"title": "t"}, **key())

    query = (
        "SELECT extract(epoch FROM expires_at - now()) FROM idempotency_keys WHERE user_id = %s"
    )
    [(seconds,)] = await execute(dsn, query, alice.id)

    assert 86_400 - 60 < seconds <= 86_400


@pytest.mark.parametrize("path", ["/tasks", "/batch"])
async def test_many_at_once_under_one_key_are_one(
    pair: tuple[Account, Account], path: str
) -> None:
    for number in range(1, 4):
        body = {"title": f"{number}"} if path == "/tasks" else batch(f"{number}")
        same = key()

        answers = await asyncio.gather(*(pair[n % 2].post(path, body, **same) for n in range(40)))

        assert {answer.status_code for answer in answers} == {201 if path == "/tasks" else 200}
        assert len({answer.content for answer in answers}) == 1
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1
        assert await titles(pair[0]) == [f"{one}" for one in range(1, number + 1)]


async def test_many_at_once_with_different_bodies_have_one_winner(
    pair: tuple[Account, Account],
) -> None:
    same = key()

    answers = await asyncio.gather(
        *(pair[n // 2 % 2].post("/tasks", {"title": f"{n % 2}"}, **same) for n in range(40))
    )

    winners = {answer.json()["title"] for answer in answers if answer.status_code == 201}
    assert [*winners] == await titles(pair[0])
    by_status = sorted(answer.status_code for answer in answers)
    assert by_status == [201] * 20 + [422] * 20


async def test_request_that_waits_too_long_for_the_first_one_is_in_flight(
    pair: tuple[Account, Account], dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_PATIENCE", "_PATIENCE_CONNECTED"):
        monkeypatch.setattr(idempotency, name, 0.3)
    here, there = pair
    same, body = key(), {"title": "t"}

    async with holding_account(dsn, here.id) as connection:
        first = asyncio.create_task(here.post("/tasks", body, **same))
        await somebody_waits_for(connection)
        repeats = await asyncio.gather(
            *(account.post("/tasks", body, **same) for account in (here, there))
        )

    assert [error_code(answer) for answer in repeats] == ["IDEMPOTENCY_IN_FLIGHT"] * 2
    assert [answer.status_code for answer in repeats] == [409] * 2
    assert (await first).status_code == 201
    assert seen(await there.post("/tasks", body, **same)) == seen(await first)


async def test_a_batch_and_its_key_need_one_connection(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, pool_size=1) as client:
        account = Account(client, alice.email, alice.password, alice.session)
        answers = await asyncio.gather(
            *(account.post("/batch", batch(f"{n}"), **key()) for n in range(10))
        )

    assert {answer.status_code for answer in answers} == {200}
    assert len(await titles(alice)) == 10


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tasks", {"title": "t"}),
        ("/batch", batch("t")),
        (
            "/batch",
            {"operations": [{"op": "delete", "type": "task", "id": str(uuid4())}], "atomic": True},
        ),
    ],
)
async def test_key_of_a_deleted_account_is_rejected(
    alice: Account, dsn: str, path: str, body: dict[str, Any]
) -> None:
    await execute(dsn, "DELETE FROM users WHERE id = %s", alice.id)

    answer = await alice.post(path, body, **key())

    assert answer.status_code == 401
    assert await count_keys(dsn, alice) == 0
