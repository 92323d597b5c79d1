"""Responses match their schemas, although rows are encoded without a check."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory, TaskFactory
from tests.support.operations import operations_of

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> dict[str, APIRoute]:
    return {str(route.operation_id): route for route in app.routes if isinstance(route, APIRoute)}


def check(route: APIRoute, response: httpx.Response) -> None:
    """The answer is what the route declares, to the letter."""
    assert response.status_code == route.status_code, response.text
    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    if route.response_model is None:
        assert response.status_code == 204
        assert response.content == b""
        assert "content-type" not in response.headers
        return
    assert response.headers["content-type"] == "application/json"
    model = TypeAdapter(route.response_model).validate_json(response.content, strict=True)
    # Dumped again it is the same: nothing is absent, and nothing was converted.
    assert model.model_dump(mode="json") == response.json()
    check_instants(response.json())


def check_instants(value: Any) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if name.endswith("_at") and item is not None:
                assert INSTANT.fullmatch(item), (name, item)
            check_instants(item)
    elif isinstance(value, list):
        for item in value:
            check_instants(item)


async def test_every_response_matches_the_schema_of_its_route(
    app: FastAPI, routes: dict[str, APIRoute], client: httpx.AsyncClient
) -> None:
    answers: dict[str, httpx.Response] = {}
    body = RegistrationFactory()
    sign_in = {"email": body["email"], "password": body["password"]}

    answers["register"] = await client.post(f"{API}/auth/register", json=body)
    answers["login"] = await client.post(f"{API}/auth/login", json=sign_in)
    form = {"username": body["email"], "password": body["password"]}
    answers["login_with_form"] = await client.post(f"{API}/auth/token", data=form)
    token = {"refresh_token": answers["login_with_form"].json()["refresh_token"]}
    answers["refresh"] = await client.post(f"{API}/auth/refresh", json=token)
    answers["check_liveness"] = await client.get("/health/live")
    answers["check_readiness"] = await client.get("/health/ready")

    user = Account(client, body["email"], body["password"], answers["login"].json())
    for prefix, name in (("/tasks", "task"), ("/users/me/tasks", "user_task")):
        task = answers[f"create_{name}"] = await user.post(prefix, TaskFactory())
        await user.post(prefix, TaskFactory(description=None, is_completed=True))
        path = f"{prefix}/{task.json()['id']}"
        answers[f"get_{name}"] = await user.get(path)
        answers[f"replace_{name}"] = await user.put(path, {"title": "t"})
        answers[f"update_{name}"] = await user.patch(path, {"description": "d"})
        answers[f"complete_{name}"] = await user.post(f"{path}/complete")
        answers[f"list_{name}s"] = await user.get(f"{prefix}?limit=1&include_total=true")
        answers[f"reopen_{name}"] = await user.post(f"{path}/reopen")
        answers[f"delete_{name}"] = await user.delete(path)
        answers[f"restore_{name}"] = await user.post(f"{path}/restore")
    label = answers["create_label"] = await user.post("/labels", {"name": "errand"})
    path = f"/labels/{label.json()['id']}"
    answers["get_label"] = await user.get(path)
    answers["replace_label"] = await user.put(path, {"name": "home", "color": "#4f46e5"})
    answers["update_label"] = await user.patch(path, {"color": None})
    answers["list_labels"] = await user.get("/labels?limit=1&include_total=true")
    missing = {"op": "complete", "type": "task", "id": str(uuid4())}
    operations = [
        {"op": "create", "type": "task", "data": TaskFactory()},
        {"op": "create", "type": "label", "data": {"name": "urgent"}},
        missing,
    ]
    answers["run_batch"] = await user.post("/batch", {"operations": operations})
    answers["delete_label"] = await user.delete(path)
    answers["sync_changes"] = await user.get("/sync")

    answers["list_sessions"] = await user.get("/auth/sessions")
    answers["export_me"] = await user.get("/users/me/export")
    answers["get_me"] = await user.get("/users/me")
    answers["update_me"] = await user.patch("/users/me", {"name": None, "timezone": "Asia/Tokyo"})
    change = {"current_password": body["password"], "new_password": f"{body['password']}+"}
    answers["change_password"] = await user.put("/users/me/password", change)
    user.password = change["new_password"]
    await user.sign_in_again()
    sessions = (await user.get("/auth/sessions")).json()["items"]
    ended = next(item for item in sessions if not item["is_current"])
    answers["end_session"] = await user.delete(f"/auth/sessions/{ended['id']}")
    answers["logout"] = await (await user.sign_in_again()).post("/auth/logout")
    answers["end_all_sessions"] = await (await user.sign_in_again()).delete("/auth/sessions")
    answers["delete_me"] = await (await user.sign_in_again()).delete(
        "/users/me", json={"current_password": user.password}
    )

    # A stream of events has no end, and no model.
    assert {*answers, "stream_events"} == {operation.id for operation in operations_of(app)}
    for name, response in answers.items():
        check(routes[name], response)


@pytest.mark.parametrize(
    "query", ["", "?include_total=true", "?limit=2", "?q=nothing", "?offset=9"]
)
async def test_every_page_matches_its_schema(
    routes: dict[str, APIRoute], alice: Account, query: str
) -> None:
    for number in range(3):
        await alice.create_task(description=None if number else "d", is_completed=number == 1)

    check(routes["list_tasks"], await alice.get(f"/tasks{query}"))


async def test_time_without_a_fraction_matches_the_schema(
    routes: dict[str, APIRoute], alice: Account, dsn: str
) -> None:
    task = await alice.create_task()
    whole = "UPDATE tasks SET created_at = date_trunc('second', created_at) WHERE user_id = %s"
    await execute(dsn, whole, alice.id)

    response = await alice.get(f"/tasks/{task['id']}")

    check(routes["get_task"], response)


async def test_responses_contain_no_password_and_no_hash(client: httpx.AsyncClient) -> None:
    account = await register(client)
    await account.create_task()

    answers = [
        await account.get("/users/me"),
        await account.get("/users/me/export"),
        await account.get("/auth/sessions"),
        await account.patch("/users/me", {"name": "Ada"}),
    ]

    for text in (str(account.session), *(answer.text for answer in answers)):
        assert account.password not in text
        assert "$2b$" not in text
        assert "password" not in text
