"""Sync: every resource once, then each change, deletions included."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.sync_copies import Copy, make, reported, stored, sync, synced

INVALID = (400, "VALIDATION_ERROR")


async def test_sync_without_an_access_token_is_unauthenticated(alice: Account) -> None:
    response = await alice.client.get("/api/v1/sync")

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")


async def test_sync_of_an_empty_account_returns_a_usable_token(alice: Account) -> None:
    first = await sync(alice)
    (task_id,) = await make(alice, 1)
    second = await sync(alice, first["token"])

    assert (reported(first), first["has_more"], first["full"]) == ([], False, True)
    assert (reported(second), second["full"]) == ([("upsert", task_id)], False)


async def test_full_sync_returns_every_task_as_its_own_route_does(alice: Account) -> None:
    made = [await alice.create_task(is_completed=True), await alice.create_task(description=None)]

    answer = await sync(alice)

    assert [change["data"].items() for change in answer["changes"][1:]] == [
        task.items() for task in made
    ]


async def test_the_first_sync_comes_in_pages(alice: Account) -> None:
    made = await make(alice, 7)
    copy = Copy()

    answers = await copy.pull(alice, limit=3)

    assert [len(answer["changes"]) for answer in answers] == [3, 3, 2]
    assert [answer["has_more"] for answer in answers] == [True, True, False]
    assert [answer["full"] for answer in answers] == [True, True, True]
    assert [task_id for answer in answers for _, task_id in reported(answer)] == made


async def test_a_page_that_is_just_full_has_no_more(alice: Account) -> None:
    await make(alice, 3)

    assert (await sync(alice, limit=4))["has_more"] is False
    assert (await sync(alice, limit=3))["has_more"] is True


async def test_after_the_first_sync_an_answer_is_not_full(alice: Account) -> None:
    await make(alice, 2)
    copy = await synced(alice)
    again = await sync(alice, copy.token)

    assert (again["changes"], again["has_more"], again["full"]) == ([], False, False)
    assert again["token"] == copy.token


async def test_each_changed_resource_is_reported_once_in_its_current_state(alice: Account) -> None:
    await make(alice, 2)
    changed, done, open_, trashed, erased, restored = await make(alice, 6)
    await alice.post(f"/tasks/{open_}/complete")
    await alice.delete(f"/tasks/{restored}")
    copy = await synced(alice)

    for title in ("one", "two", "three"):
        await alice.patch(f"/tasks/{changed}", {"title": title})
    await alice.post(f"/tasks/{done}/complete")
    await alice.post(f"/tasks/{open_}/reopen")
    await alice.delete(f"/tasks/{trashed}")
    await alice.delete(f"/tasks/{erased}", params={"permanent": "true"})
    await alice.post(f"/tasks/{restored}/restore")
    (new,) = await make(alice, 1)

    (answer,) = await copy.pull(alice)
    assert reported(answer) == [
        ("upsert", changed),
        ("upsert", done),
        ("upsert", open_),
        ("delete", trashed),
        ("delete", erased),
        ("upsert", restored),
        ("upsert", new),
    ]
    assert copy.resources == await stored(alice)
    assert copy.resources["task", changed]["title"] == "three"


async def test_changes_come_in_pages_too(alice: Account) -> None:
    copy = await synced(alice)
    made = await make(alice, 5)
    await alice.delete(f"/tasks/{made[0]}", params={"permanent": "true"})
    await alice.delete(f"/tasks/{made[1]}")

    answers = await copy.pull(alice, limit=2)

    assert [reported(answer) for answer in answers] == [
        [("upsert", made[2]), ("upsert", made[3])],
        [("upsert", made[4]), ("delete", made[0])],
        [("delete", made[1])],
    ]
    assert not any(answer["full"] for answer in answers)


async def test_changes_of_a_batch_are_reported_one_by_one(alice: Account) -> None:
    (old,) = await make(alice, 1)
    copy = await synced(alice)
    made, gone = str(uuid4()), str(uuid4())
    operations: list[dict[str, Any]] = [
        {"op": "create", "type": "task", "data": {"title": "made", "id": made}},
        {"op": "complete", "type": "task", "id": made},
        {"op": "create", "type": "task", "data": {"title": "made and gone", "id": gone}},
        {"op": "delete", "type": "task", "id": gone},
        {"op": "delete", "type": "task", "id": old},
    ]
    await alice.post("/batch", {"operations": operations})

    (answer,) = await copy.pull(alice)

    assert [op for op, _ in reported(answer)] == ["upsert", "delete", "delete"]
    assert copy.resources == await stored(alice)


async def test_permanent_deletion_after_the_trash_is_reported_again(alice: Account) -> None:
    (task_id,) = await make(alice, 1)
    copy = await synced(alice)
    await alice.delete(f"/tasks/{task_id}")
    await copy.pull(alice)
    await alice.delete(f"/tasks/{task_id}", params={"permanent": "true"})

    (answer,) = await copy.pull(alice)

    assert reported(answer) == [("delete", task_id)]


async def test_deletions_before_the_full_sync_are_not_reported(alice: Account) -> None:
    trashed, erased, kept = await make(alice, 3)
    await alice.delete(f"/tasks/{trashed}")
    await alice.delete(f"/tasks/{erased}", params={"permanent": "true"})

    assert reported(await sync(alice)) == [("upsert", kept)]


@pytest.mark.parametrize("permanent", ["true", "false"])
async def test_deletions_during_the_full_sync_are_reported(alice: Account, permanent: str) -> None:
    first, second, third, fourth = await make(alice, 4)
    copy = Copy()
    await copy.pull_page(alice, limit=3)
    # One that was reported, and one that was not.
    for task_id in (first, third):
        await alice.delete(f"/tasks/{task_id}", params={"permanent": permanent})

    answers = await copy.pull(alice, limit=2)

    assert [change for answer in answers for change in reported(answer)] == [
        ("upsert", fourth),
        ("delete", first),
        ("delete", third),
    ]
    assert set(copy.resources) == {("task", second), ("task", fourth)}


async def test_changes_during_the_full_sync_are_reported_in_their_current_state(
    alice: Account,
) -> None:
    made = await make(alice, 4)
    copy = Copy()
    await copy.pull_page(alice, limit=3)
    await alice.patch(f"/tasks/{made[0]}", {"title": "reported before"})
    await alice.patch(f"/tasks/{made[3]}", {"title": "not reported yet"})
    await make(alice, 1)

    answers = await copy.pull(alice, limit=2)

    assert answers[0]["full"]
    assert copy.resources == await stored(alice)


async def test_resource_created_again_under_its_id_is_reported_once(alice: Account) -> None:
    task_id = str(uuid4())
    await alice.create_task(id=task_id)
    copy = await synced(alice)
    before = copy.token
    await alice.delete(f"/tasks/{task_id}", params={"permanent": "true"})
    await copy.pull(alice)
    assert copy.resources == {}
    await alice.create_task(id=task_id, title="anew")

    (answer,) = await copy.pull(alice)
    assert reported(answer) == [("upsert", task_id)]
    # Who was away all the time hears of the new one only.
    assert reported(await sync(alice, before)) == [("upsert", task_id)]
    assert reported(await sync(alice)) == [("upsert", task_id)]

    await alice.delete(f"/tasks/{task_id}", params={"permanent": "true"})
    assert reported(await sync(alice, copy.token)) == [("delete", task_id)]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "ten", "1.5", ""])
async def test_invalid_limit_is_rejected(alice: Account, limit: str) -> None:
    response = await alice.get("/sync", params={"limit": limit})

    assert (response.status_code, error_code(response)) == INVALID


async def test_page_has_up_to_500_changes(alice: Account, dsn: str) -> None:
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, revision) "
        "SELECT %s, gen_random_uuid(), 'task ' || n, n FROM generate_series(1, 501) n",
        alice.id,
    )
    await execute(dsn, "UPDATE users SET revision = 501 WHERE id = %s", alice.id)

    answers = await Copy().pull(alice, limit=500)

    assert [len(answer["changes"]) for answer in answers] == [500, 2]


async def test_sync_does_not_report_resources_of_other_users(alice: Account, bob: Account) -> None:
    copy = await synced(bob)
    mine = await make(alice, 2)
    await alice.delete(f"/tasks/{mine[0]}")

    assert (await sync(bob, copy.token))["changes"] == []
    assert reported(await sync(bob)) == []


async def test_update_without_a_change_is_not_reported(alice: Account) -> None:
    (task_id,) = await make(alice, 1)
    await alice.post(f"/tasks/{task_id}/complete")
    copy = await synced(alice)

    await alice.post(f"/tasks/{task_id}/complete")
    await alice.patch(f"/tasks/{task_id}", {})
    await alice.post(f"/tasks/{task_id}/restore")
    await alice.patch(f"/tasks/{uuid4()}", {"title": "there is no such task"})

    assert (await sync(alice, copy.token))["token"] == copy.token


async def test_a_deleted_account_syncs_no_more(alice: Account) -> None:
    token = (await synced(alice)).token
    await alice.request("DELETE", "/users/me", json={"current_password": alice.password})

    response = await alice.get("/sync", params={"token": token})

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")


async def test_full_sync_is_full_to_its_last_page_despite_changes(alice: Account) -> None:
    made = await make(alice, 4)
    answers = [await sync(alice, limit=2)]
    for task_id in made:
        await alice.patch(f"/tasks/{task_id}", {"title": "changed"})

    while answers[-1]["has_more"]:
        answers.append(await sync(alice, answers[-1]["token"], limit=1))

    assert [answer["full"] for answer in answers] == [True] * 5
    assert [task_id for answer in answers for _, task_id in reported(answer)] == [made[0], *made]
    assert (await sync(alice, answers[-1]["token"]))["full"] is False


async def test_full_sync_does_not_expire_by_deletions_before_its_position(
    alice: Account, dsn: str
) -> None:
    made = await make(alice, 3)
    begun = await sync(alice, limit=3)
    for task_id in made:
        await alice.patch(f"/tasks/{task_id}", {"title": "changed"})
    passed = await sync(alice, begun["token"], limit=1)
    assert passed["has_more"]
    # The purge horizon is after its start, but before its position.
    await execute(dsn, "UPDATE users SET horizon = 4 WHERE id = %s", alice.id)

    rest = await sync(alice, passed["token"])

    assert [task_id for _, task_id in reported(rest)] == made[1:]


async def test_full_sync_begins_with_the_profile(alice: Account) -> None:
    await make(alice, 1)

    profile = (await alice.get("/users/me")).json()

    assert (await sync(alice))["changes"][0] == {
        "type": "user",
        "id": alice.id,
        "op": "upsert",
        "data": profile,
    }


async def test_change_of_the_profile_is_reported_once(alice: Account) -> None:
    copy = await synced(alice)

    for timezone in ("Europe/Rome", "Asia/Tokyo"):
        await alice.patch("/users/me", {"timezone": timezone})
    changes = (await sync(alice, copy.token))["changes"]
    await copy.pull(alice)

    assert [(change["type"], change["data"]["timezone"]) for change in changes] == [
        ("user", "Asia/Tokyo")
    ]
    assert copy.profile == (await alice.get("/users/me")).json()
    assert (await sync(alice, copy.token))["changes"] == []


async def test_change_of_the_password_keeps_the_copy_of_the_profile_current(
    alice: Account,
) -> None:
    copy = await synced(alice)
    body = {"current_password": alice.password, "new_password": "another correct horse"}

    response = await alice.request("PUT", "/users/me/password", json=body)
    assert response.status_code == 204
    await copy.pull(alice)

    assert copy.profile == (await alice.get("/users/me")).json()


async def test_change_of_the_profile_is_not_reported_to_others(
    alice: Account, bob: Account
) -> None:
    copy = await synced(bob)

    await alice.patch("/users/me", {"name": "Another name"})

    assert (await sync(bob, copy.token))["changes"] == []
