"""Responses match their schemas, although rows are encoded without a check."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_type import TYPE as TASK
from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory, TaskFactory
from tests.support.operations import operations_of
from tests.support.resources import (
    changes_to,
    create_of,
    path_of,
    prepare,
    replacement_for,
    whole_body,
)
from tests.support.second_factors import (
    Clock,
    challenge_of,
    confirm,
    enroll,
    send_factor,
)

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
    # Dumped again it is the same: nothing is absent, and nothing was converted. Only the results
    # of batches leave something out.
    is_batch = route.operation_id == "run_batch"
    assert model.model_dump(mode="json", by_alias=True, exclude_unset=is_batch) == response.json()
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


async def task_answers(user: Account, prefix: str, name: str) -> dict[str, httpx.Response]:
    """The responses of all routes of tasks under a path."""
    created = await user.post(prefix, {**whole_body(TASK, "whole"), **TaskFactory()})
    await user.post(prefix, TaskFactory(description=None, is_completed=True))
    path = f"{prefix}/{created.json()['id']}"
    quick = {"text": "Pay rent 2026-12-01 17:00 @bills p1"}
    daily = {
        "title": "Water",
        "due": {"date": "2026-12-01"},
        "recurrence": {"rule": "FREQ=DAILY"},
    }
    recurring = (await user.post(prefix, daily)).json()
    skip = {"occurrence": recurring["recurrence"]["occurrence"]}
    return {
        f"create_{name}": created,
        f"add_{name}_from_text": await user.post(f"{prefix}/quick", quick),
        f"get_{name}": await user.get(path),
        f"replace_{name}": await user.put(path, {"title": "t"}),
        f"update_{name}": await user.patch(path, {"description": "d"}),
        f"move_{name}": await user.post(f"{path}/move", {"after_id": None}),
        f"complete_{name}": await user.post(f"{path}/complete"),
        f"skip_{name}": await user.post(f"{prefix}/{recurring['id']}/skip", skip),
        f"list_{name}s": await user.get(f"{prefix}?limit=1&include_total=true"),
        f"reopen_{name}": await user.post(f"{path}/reopen"),
        f"delete_{name}": await user.delete(path),
        f"restore_{name}": await user.post(f"{path}/restore"),
    }


async def answers_of(user: Account, kind: ResourceType) -> dict[str, httpx.Response]:
    """The responses of the routes of a type that every type has, except for the deletion."""
    await prepare(user, kind)
    name = kind.name
    body = whole_body(kind, "one")
    created = await user.post(f"/{kind.plural}", body)
    path = path_of(kind, created.json()["id"])
    return {
        f"create_{name}": created,
        f"get_{name}": await user.get(path),
        f"replace_{name}": await user.put(path, replacement_for(kind, "two")),
        f"update_{name}": await user.patch(path, changes_to(kind, body, "three")),
        f"move_{name}": await user.post(f"{path}/move", {"after_id": None}),
        f"list_{kind.plural}": await user.get(f"/{kind.plural}?limit=1&include_total=true"),
    }


async def test_every_response_matches_the_schema_of_its_route(  # noqa: PLR0915  # all routes
    app: FastAPI, routes: dict[str, APIRoute], client: httpx.AsyncClient, clock: Clock
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
    public = {
        "list_sign_in_providers": f"{API}/auth/oidc",
        "get_public_keys": "/.well-known/jwks.json",
        "check_liveness": "/health/live",
        "check_readiness": "/health/ready",
    }
    answers |= {name: await client.get(path) for name, path in public.items()}

    user = Account(client, body["email"], body["password"], answers["login"].json())
    for prefix, name in (("/tasks", "task"), ("/users/me/tasks", "user_task")):
        answers |= await task_answers(user, prefix, name)
    kept: dict[str, Any] = {}
    for kind in (one for one in RESOURCE_TYPES if one is not TASK):
        answers |= await answers_of(user, kind)
        kept[kind.name] = answers[f"create_{kind.name}"].json()["id"]
    missing = {"op": "complete", "type": "task", "id": str(uuid4())}
    operations = [
        *(create_of(kind, whole_body(kind, "urgent")) for kind in RESOURCE_TYPES),
        *({"op": "move", "type": name, "id": one, "data": {}} for name, one in kept.items()),
        missing,
    ]
    answers["run_batch"] = await user.post("/batch", {"operations": operations})
    assert [one["status"] for one in answers["run_batch"].json()["results"][:-1]] == [
        *[201] * len(RESOURCE_TYPES),
        *[200] * len(kept),
    ]
    for name, one in reversed(kept.items()):
        answers[f"delete_{name}"] = await user.delete(f"/{name}s/{one}")
        if name == "list":
            answers["restore_list"] = await user.post(f"/lists/{one}/restore")
    answers["sync_changes"] = await user.get("/sync")

    robot = {"name": "Robot", "scopes": ["tasks:read"], "expires_at": "2035-01-01T00:00:00Z"}
    answers["create_api_token"] = await user.post("/users/me/tokens", robot)
    answers["list_api_tokens"] = await user.get("/users/me/tokens?limit=1&include_total=true")
    created = answers["create_api_token"].json()
    answers["delete_api_token"] = await user.delete(f"/users/me/tokens/{created['id']}")
    await user.post("/users/me/tokens", robot)

    answers["list_sessions"] = await user.get("/auth/sessions")
    answers["list_security_events"] = await user.get("/users/me/security-events")
    answers["export_me"] = await user.get("/users/me/export")
    answers["get_me"] = await user.get("/users/me")
    answers["update_me"] = await user.patch("/users/me", {"name": None, "timezone": "Asia/Tokyo"})
    change = {"current_password": body["password"], "new_password": f"{body['password']}+"}
    answers["change_password"] = await user.put("/users/me/password", change)
    user.password = change["new_password"]
    await user.sign_in_again()
    phone = await enroll(user, clock)
    answers["confirm_factor"] = await confirm(user, phone)
    answers["list_factors"] = await user.get("/users/me/factors")
    answers["finish_sign_in"] = await send_factor(
        user, await challenge_of(user), code=phone.next_code()
    )
    answers["begin_passkey_sign_in"] = await client.post(f"{API}/auth/passkey")
    answers["replace_recovery_codes"] = await user.post("/users/me/factors/recovery-codes")
    answers["remove_factor"] = await user.delete(f"/users/me/factors/{phone.factor_id}")
    factor = {"type": "totp", "name": "Phone"}
    answers["enroll_factor"] = await user.post("/users/me/factors", factor)
    sessions = (await user.get("/auth/sessions")).json()["items"]
    ended = next(item for item in sessions if not item["is_current"])
    answers["end_session"] = await user.delete(f"/auth/sessions/{ended['id']}")
    answers["logout"] = await (await user.sign_in_again()).post("/auth/logout")
    answers["end_all_sessions"] = await (await user.sign_in_again()).delete("/auth/sessions")
    answers["delete_me"] = await (await user.sign_in_again()).delete(
        "/users/me", json={"current_password": user.password}
    )

    # A stream of events has no end, and no model. Links and mail need a mail server: see
    # test_password_resets.py and test_email_verification.py. Sign-in elsewhere needs a provider: see
    # test_provider_sign_in.py.
    without_model = {"stream_events", "request_password_reset", "reset_password"}
    without_model |= {"verify_email", "resend_verification"}
    without_model |= {"begin_sign_in", "exchange_sign_in_code"}
    assert {*answers, *without_model} == {operation.id for operation in operations_of(app)}
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
