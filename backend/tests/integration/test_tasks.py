"""Tasks, from creation to deletion."""

from tests.accounts import Account, error_code


async def test_a_created_task_is_found_where_the_answer_says(alice: Account) -> None:
    created = await alice.post("/tasks", {"title": "Buy milk"})

    assert created.status_code == 201
    assert created.headers["etag"] == '"1"'
    found = await alice.client.get(created.headers["location"], headers=alice.headers)
    assert found.json() == created.json()


async def test_a_task_of_another_user_is_not_found(alice: Account, bob: Account) -> None:
    task = await alice.create_task()

    response = await bob.get(f"/tasks/{task['id']}")

    assert response.status_code == 404
    assert error_code(response) == "NOT_FOUND"
