"""The table of errors, row by row: one envelope for every fault, from every route."""

import socket
from collections import defaultdict
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import API, Account, error_code, register
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at, running
from tests.support.operations import NOTHING, Operation, operations_of

OPEN = {
    "register",
    "login",
    "login_with_form",
    "finish_sign_in",
    "begin_passkey_sign_in",
    "refresh",
    "list_sign_in_providers",
    "begin_sign_in",
    "exchange_sign_in_code",
    "request_password_reset",
    "reset_password",
    "verify_email",
    "get_public_keys",
    "check_liveness",
    "check_readiness",
}


# 401


async def test_every_route_except_sign_in_and_health_rejects_a_missing_token(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    asked = set()
    for operation in operations_of(app):
        response = await client.request(operation.method, operation.url)
        if response.status_code == 401:
            assert error_code(response) == "UNAUTHENTICATED"
            assert response.headers["www-authenticate"] == "Bearer"
            asked.add(operation.id)

    assert asked == {operation.id for operation in operations_of(app)} - OPEN


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "bearer\tx", "é"],
    ids=repr,
)
async def test_invalid_token_is_unauthenticated(
    client: httpx.AsyncClient, authorization: str
) -> None:
    headers = {"Authorization": authorization.encode()}
    response = await client.get(f"{API}/tasks", headers=headers)  # type: ignore[arg-type]

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_unknown_address_and_wrong_password_get_the_same_response(
    client: httpx.AsyncClient, alice: Account
) -> None:
    tries = [
        {"email": alice.email, "password": "not hers, though"},
        {"email": f"{uuid4()}@example.com", "password": alice.password},
    ]

    known, unknown = [await client.post(f"{API}/auth/login", json=body) for body in tries]

    assert known.status_code == unknown.status_code == 401
    assert error_code(known) == "UNAUTHENTICATED"
    assert known.headers["www-authenticate"] == unknown.headers["www-authenticate"] == "Bearer"
    assert known.content == unknown.content


# 403, 404


async def test_every_route_under_another_user_is_forbidden(
    app: FastAPI, alice: Account, bob: Account
) -> None:
    operations = [item for item in operations_of(app) if "{user_id}" in item.path]
    assert len(operations) == 12

    for operation in operations:
        path = operation.path.format(user_id=alice.id, task_id=NOTHING).removeprefix(API)
        response = await bob.request(operation.method, path, json={"title": "t"})
        assert response.status_code == 403, operation.id
        assert error_code(response) == "FORBIDDEN"


def _body_for(operation: Operation) -> dict[str, Any] | None:
    """A valid body of an operation on an existing resource."""
    if operation.path.endswith("/move"):
        return {}
    if operation.path.endswith("/skip"):
        return {"occurrence": "2026-01-31"}
    if operation.id == "confirm_factor":
        return {"code": "123456"}
    if operation.method not in {"PUT", "PATCH"}:
        return None
    body = {"title" if "task_id" in operation.path else "name": "t"}
    return {**body, "query": "p1"} if "filter_id" in operation.path else body


async def test_every_route_of_an_unknown_resource_is_not_found(
    app: FastAPI, alice: Account
) -> None:
    operations = [item for item in operations_of(app) if item.path != item.url]

    answers = {}
    for operation in operations:
        if "_id}" not in operation.path.replace("{user_id}", ""):
            continue
        body = _body_for(operation)
        path = operation.url.removeprefix(API)
        answers[operation.id] = await alice.request(operation.method, path, json=body)

    assert len(answers) == 43
    for name, response in answers.items():
        assert response.status_code == 404, name
        assert error_code(response) == "NOT_FOUND"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/tasks/",
        "/api/v1/nothing",
        "/api/v2/tasks",
        f"/api/v1/tasks/{NOTHING}/finish",
        "/API/V1/TASKS",
        "/docs/",
        "/docs/assets/",
        "/docs/assets/nothing.js",
        "/docs/assets/../../../setup.py",
        "/docs/assets/%2e%2e/%2e%2e/__init__.py",
        "/redoc",
        "/openapi.yaml",
        "/health",
        "/favicon.ico",
        "/%00",
        "/health/live%0A",
        "/api/v1/tasks%0A",
        "/🦆",
        "/" + "a" * 3000,
    ],
)
async def test_an_unknown_path_is_not_found(
    client: httpx.AsyncClient, alice: Account, path: str
) -> None:
    for headers in ({}, alice.headers):
        response = await client.get(path, headers=headers)

        assert response.status_code == 404
        assert error_code(response) == "NOT_FOUND"


# 405


async def test_every_path_lists_its_methods_in_allow(app: FastAPI, alice: Account) -> None:
    taken = defaultdict(set)
    for operation in operations_of(app):
        taken[operation.url].add(operation.method)

    for path in taken:
        methods = taken[path] | ({"HEAD"} if "GET" in taken[path] else set())
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "X"} - methods:
            response = await alice.client.request(method, path, headers=alice.headers)
            assert response.status_code == 405, (method, path)
            assert method == "HEAD" or error_code(response) == "METHOD_NOT_ALLOWED"
            assert set(response.headers["allow"].split(", ")) == methods, path


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/assets/swagger-ui.css"])
async def test_paths_outside_the_schema_are_not_found_as_well(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.post(path)

    assert response.status_code == 405
    assert error_code(response) == "METHOD_NOT_ALLOWED"
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


# 409


async def test_a_taken_address_is_a_conflict(
    client: httpx.AsyncClient, alice: Account, bob: Account
) -> None:
    body = RegistrationFactory(email=alice.email.upper())
    change = {"email": alice.email, "current_password": bob.password}

    for response in (
        await client.post(f"{API}/auth/register", json=body),
        await bob.patch("/users/me", change),
    ):
        assert response.status_code == 409
        assert error_code(response) == "EMAIL_TAKEN"


@pytest.mark.parametrize("prefix", ["/tasks", "/users/me/tasks"])
async def test_a_taken_id_is_a_conflict(alice: Account, prefix: str) -> None:
    task = await alice.create_task()

    response = await alice.post(prefix, {"title": "t", "id": task["id"].upper()})

    assert response.status_code == 409
    assert error_code(response) == "ID_TAKEN"


# 429


async def test_too_many_failed_sign_ins_have_retry_after(
    client: httpx.AsyncClient, alice: Account
) -> None:
    body = {"email": alice.email, "password": "not hers, though"}
    tries = [await client.post(f"{API}/auth/login", json=body) for _ in range(11)]

    assert [response.status_code for response in tries] == [401] * 10 + [429]
    assert error_code(tries[-1]) == "RATE_LIMITED"
    assert 1 <= int(tries[-1].headers["retry-after"]) <= 60


async def test_exceeded_rate_limit_has_retry_after(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, rate_limit="3/minute") as client:
        answers = [
            await client.get(f"{API}{path}", headers=alice.headers)
            for path in ("/tasks", "/users/me", "/tasks/x", "/tasks", "/users/me")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 429, 429]
    for answer in answers[3:]:
        assert error_code(answer) == "RATE_LIMITED"
        assert 1 <= int(answer.headers["retry-after"]) <= 60


# 500, 503


async def test_internal_error_reveals_no_internals(
    settings: Settings, address: str, alice: Account
) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_at(app, address) as client:
        # Without its threads the application can't check a password any more.
        app.state.context.passwords.close()
        body = {"email": alice.email, "password": alice.password}
        response = await client.post(f"{API}/auth/login", json=body)

    assert response.status_code == 500
    assert error_code(response) == "INTERNAL_ERROR"
    assert response.json()["error"] == {
        "code": "INTERNAL_ERROR",
        "message": "Internal error. When reporting it, include the X-Request-ID of this response.",
        "details": {},
    }


async def test_database_outage_is_unavailable_with_retry_after(
    settings: Settings, address: str, alice: Account
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    down: dict[str, Any] = {
        "database_url": SecretStr(f"postgresql://duly@127.0.0.1:{port}/duly"),
        "request_timeout": 0.1,
    }
    async with running(settings, address, **down) as client:
        calls = [
            await client.get(f"{API}/tasks", headers=alice.headers),
            await client.post(f"{API}/tasks", json={"title": "t"}, headers=alice.headers),
            await client.get(f"{API}/users/me/export", headers=alice.headers),
            await client.post(f"{API}/auth/register", json=RegistrationFactory()),
            await client.post(
                f"{API}/auth/login", json={"email": alice.email, "password": alice.password}
            ),
            await client.get("/health/ready"),
        ]
        alive = await client.get("/health/live")

    for response in calls:
        assert response.status_code == 503, response.request.url
        assert error_code(response) == "SERVICE_UNAVAILABLE"
        assert int(response.headers["retry-after"]) >= 1
        assert str(port) not in response.text
    assert alive.status_code == 200


# Common to all


async def test_a_request_id_of_the_clients_is_kept_and_any_other_is_replaced(
    client: httpx.AsyncClient,
) -> None:
    given = uuid4().hex
    kept = await client.get("/nothing", headers={"X-Request-ID": given})
    assert kept.headers["x-request-id"] == given

    for odd in ("", "a" * 65, "a b", "<b>", "a,b"):
        replaced = await client.get("/nothing", headers={"X-Request-ID": odd})
        assert error_code(replaced) == "NOT_FOUND"
        assert replaced.headers["x-request-id"] != odd


async def test_two_requests_have_two_ids(client: httpx.AsyncClient) -> None:
    account = await register(client)
    answers = [await account.get("/tasks"), await account.get("/tasks"), await client.get("/x")]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
