"""HEAD: the headers of GET, and nothing after them."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from tests.support.accounts import Account, error_code
from tests.support.operations import operations_of

VARYING = {"x-request-id", "ratelimit"}


def headers_of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in VARYING}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/docs/assets/swagger-ui.css",
        "/openapi.json",
        "/health/live",
        "/health/ready",
        "/api/v1/tasks",
        "/api/v1/tasks?limit=0",
        "/api/v1/tasks/{task_id}",
        "/api/v1/users/me",
        "/api/v1/users/me/export",
        "/api/v1/sync",
        "/no/such/path",
    ],
)
async def test_head_has_the_headers_of_get_and_no_body(alice: Account, path: str) -> None:
    task = await alice.create_task()
    path = path.format(task_id=task["id"])
    get = await alice.client.get(path, headers=alice.headers)
    head = await alice.client.head(path, headers=alice.headers)

    assert head.status_code == get.status_code
    assert headers_of(head) == headers_of(get)
    assert head.content == b""
    assert get.content


async def test_head_works_wherever_get_does(app: FastAPI, alice: Account) -> None:
    for operation in operations_of(app):
        if operation.method == "GET":
            async with asyncio.timeout(20):
                head = await alice.client.head(operation.url, headers=alice.headers)
            assert head.status_code not in {405, 500}, operation.url
            assert head.content == b""


async def test_head_of_an_unchanged_task_is_not_modified(alice: Account) -> None:
    task = await alice.create_task()
    tag = {"If-None-Match": f'"{task["version"]}"'}

    assert (await alice.request("HEAD", f"/tasks/{task['id']}", headers=tag)).status_code == 304


async def test_head_needs_a_token_and_counts_against_the_rate_limit(
    client: httpx.AsyncClient, alice: Account
) -> None:
    left = [
        int((await alice.request(method, "/tasks")).headers["ratelimit"].split(";")[1][2:])
        for method in ("GET", "HEAD", "GET")
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]

    anonymous = await client.head("/api/v1/tasks")
    assert anonymous.status_code == 401
    assert anonymous.headers["www-authenticate"] == "Bearer"
    assert anonymous.content == b""


async def test_head_of_a_path_without_get_is_not_allowed(alice: Account) -> None:
    head = await alice.request("HEAD", "/auth/login")
    get = await alice.get("/auth/login")

    assert head.status_code == get.status_code == 405
    assert error_code(get) == "METHOD_NOT_ALLOWED"
    assert head.headers["allow"] == get.headers["allow"] == "POST"
