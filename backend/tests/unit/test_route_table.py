"""The table of routes finds each route by the segments of a path, and nothing else."""

import pytest
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from duly.api.routing import CompiledRoute, RouteTable

PATHS = ("/tasks", "/tasks/quick", "/tasks/{task_id}", "/tasks/{task_id}/complete", "/users/me")
ALIASES = ("/users/{user_id}/tasks", "/users/{user_id}/tasks/{task_id}")


async def endpoint() -> Response:
    return Response()


@pytest.fixture(scope="module")
def table() -> RouteTable:
    router = APIRouter(route_class=CompiledRoute)
    for path in (*PATHS, *ALIASES):
        router.add_api_route(path, endpoint, methods=["GET"])
    return RouteTable(router.routes)


@pytest.mark.parametrize(
    ("path", "route", "values"),
    [
        ("/tasks", "/tasks", {}),
        ("/tasks/7", "/tasks/{task_id}", {"task_id": "7"}),
        ("/tasks/quick", "/tasks/quick", {}),
        ("/tasks/quick/complete", "/tasks/{task_id}/complete", {"task_id": "quick"}),
        ("/tasks/7/complete", "/tasks/{task_id}/complete", {"task_id": "7"}),
        ("/users/me", "/users/me", {}),
        ("/users/me/tasks", "/users/{user_id}/tasks", {"user_id": "me"}),
        (
            "/users/me/tasks/7",
            "/users/{user_id}/tasks/{task_id}",
            {"user_id": "me", "task_id": "7"},
        ),
    ],
)
def test_path_finds_its_route_with_its_values(
    table: RouteTable, path: str, route: str, values: dict[str, str]
) -> None:
    found = table.find("GET", path)

    assert found is not None
    assert (found[0].path, found[1]) == (route, values)


@pytest.mark.parametrize(
    "path", ["", "/", "tasks", "/tasks/", "//tasks", "/tasks//complete", "/tasks/7/", "/users"]
)
def test_other_path_finds_none(table: RouteTable, path: str) -> None:
    assert table.find("GET", path) is None


def test_other_method_is_not_allowed(table: RouteTable) -> None:
    with pytest.raises(HTTPException, match="405"):
        table.find("POST", "/tasks")


def test_literal_path_hides_a_parameter_for_every_method() -> None:
    router = APIRouter(route_class=CompiledRoute)
    router.add_api_route("/tasks/quick", endpoint, methods=["POST"])
    router.add_api_route("/tasks/{task_id}", endpoint, methods=["GET"])

    with pytest.raises(HTTPException, match="405"):
        RouteTable(router.routes).find("GET", "/tasks/quick")
