"""Messages for invalid input are Duly's own, for everything that the corpus holds."""

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from duly.schemas.base import RequestBody
from duly.schemas.messages import message_of
from tests.hostile.attacked_account import PLACEHOLDERS, is_plain
from tests.hostile.attacks import attacks_on
from tests.hostile.corpus import JSON, TEXTS
from tests.hostile.samples import Sampler
from tests.support.accounts import Account, error_code

MAX_ATTACKS = 3000
"""On the operations of a batch, drawn at random."""

ID = "01936d5e-8f1c-7000-8000-000000000001"
TASK, LABEL = f"/tasks/{ID}", f"/labels/{ID}"

# The error types that the corpus must provoke.
TYPES = {
    "bool_type",
    "extra_forbidden",
    "greater_than_equal",
    "int_type",
    "less_than_equal",
    "list_type",
    "missing",
    "model_attributes_type",
    "string_pattern_mismatch",
    "string_too_long",
    "string_too_short",
    "string_type",
    "too_long",
    "too_short",
    "union_tag_invalid",
    "union_tag_not_found",
    "uuid_parsing",
    "uuid_type",
    "value_error",
}


def operation(op: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"op": op, "type": "task", "id": ID, "data": data}


def errors_of(adapter: TypeAdapter[Any], value: Any, place: str) -> Iterator[dict[str, Any]]:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        for item in error.errors(include_input=False):
            yield {**item, "loc": (place, *item["loc"])}


def bad_bodies(app: FastAPI, rng: random.Random) -> Iterator[dict[str, Any]]:
    """The errors of bodies of the corpus, for every body that an operation takes."""
    routes = {route.operation_id: route for route in app.routes if isinstance(route, APIRoute)}
    sampler = Sampler(app, PLACEHOLDERS)
    seen: list[Any] = []
    for operation in sampler.operations:
        if operation.body_type != JSON:
            continue
        field = routes[operation.id].body_field
        assert field is not None
        body: Any = field.field_info.annotation
        if body in seen:
            continue  # two routes lead to the tasks of a user
        seen.append(body)
        adapter = TypeAdapter[Any](body)
        attacks = [one for one in attacks_on(sampler, operation) if one.place.startswith("body")]
        # The operations of a batch have all fields of all types.
        inner = [one for one in attacks if one.place.startswith("body.operations.")]
        outer = [one for one in attacks if not one.place.startswith("body.operations.")]
        for attack in (*outer, *rng.sample(inner, min(len(inner), MAX_ATTACKS))):
            try:
                value = orjson.loads(attack.make().body)
            except orjson.JSONDecodeError:
                continue
            yield from errors_of(adapter, value, "body")


def bad_queries() -> Iterator[dict[str, Any]]:
    """The errors of every text of the corpus, for every field of every query."""
    queries = [model for model in models(RequestBody) if model.__name__.endswith("Query")]
    assert queries
    for model in queries:
        for name in (*model.model_fields, "nonsense"):
            for text in TEXTS:
                yield from errors_of(TypeAdapter(model), {name: text}, "query")


def models(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in parent.__subclasses__():
        yield child
        yield from models(child)


async def test_every_message_is_plain(app: FastAPI, run_seed: int) -> None:
    seen = set()
    for error in (*bad_bodies(app, random.Random(run_seed)), *bad_queries()):
        message = message_of(error)
        assert is_plain(message), (error, message)
        assert message != "Must be valid", error
        seen.add(error["type"])

    assert seen >= TYPES


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/tasks", {}, "body.title: Must be present"),
        ("POST", "/tasks", None, "body: Must be present"),
        ("POST", "/tasks", [], "body: Must be an object"),
        ("POST", "/tasks", {"title": 1}, "body.title: Must be a string"),
        (
            "POST",
            "/tasks",
            {"title": "t", "is_completed": 1},
            "body.is_completed: Must be true or false",
        ),
        (
            "POST",
            "/tasks",
            {"title": "t", "id": 1},
            "body.id: Must be a UUID, such as 01936d5e-8f1c-7000-8000-000000000001",
        ),
        ("POST", "/tasks", {"title": "t", "colour": 1}, "body.colour: Unknown field"),
        (
            "POST",
            "/tasks",
            {"title": "t", "due": {"date": "2026-12-01", "time": "9:30"}},
            "body.due.time: Must be a time like 09:30",
        ),
        (
            "POST",
            "/labels",
            {"name": "n", "color": "red"},
            "body.color: Must be a color like #1a2b3c, in lower case",
        ),
        ("PATCH", TASK, {"completed_at": None}, "body.completed_at: Read-only field"),
        (
            "POST",
            f"{TASK}/skip",
            {"occurrence": "2026-12-01", "completed_at": None},
            "body.completed_at: Unknown field",
        ),
        ("POST", f"{TASK}/move", {"position": "a"}, "body.position: Unknown field"),
        ("PATCH", LABEL, {"trashed_at": None}, "body.trashed_at: Unknown field"),
        ("PATCH", "/users/me", {"created_at": None}, "body.created_at: Read-only field"),
        (
            "PUT",
            TASK,
            {"title": "t", "recurrence": {"rule": "FREQ=DAILY", "remaining": 1, "version": 1}},
            "body.recurrence.remaining: Read-only field; body.recurrence.version: Unknown field",
        ),
        (
            "POST",
            "/batch",
            {"operations": [operation("update", {"version": 1, "rule": 1})]},
            (
                "body.operations.0.data.version: Read-only field; "
                "body.operations.0.data.rule: Unknown field"
            ),
        ),
        (
            "POST",
            "/batch",
            {"operations": [operation("skip", {"occurrence": "2026-12-01", "version": 1})]},
            "body.operations.0.data.version: Unknown field",
        ),
        (
            "POST",
            "/batch",
            {"operations": [{**operation("update", {"title": "t"}), "version": 1}]},
            "body.operations.0.version: Unknown field",
        ),
        (
            "POST",
            "/batch",
            {"operations": [operation("move", {}), *[operation("update", {"title": 1})] * 2]},
            "body.operations.1.data.title: Must be a string",
        ),
        ("POST", "/batch", {"operations": []}, "body.operations: Must not be empty"),
        ("POST", "/batch", {"operations": {}}, "body.operations: Must be an array"),
        (
            "POST",
            "/batch",
            {"operations": [{"op": "burn", "type": "task"}]},
            (
                "body.operations.0: Must have op set to one of: "
                "create, update, delete, move, complete, skip, reopen, restore"
            ),
        ),
        ("POST", "/batch", {"operations": [{}]}, "body.operations.0: Must have type"),
        ("GET", "/tasks?limit=0", None, "query.limit: Must be 1 or more"),
        ("GET", "/tasks?limit=1001", None, "query.limit: Must be 100 or less"),
        ("GET", "/tasks?limit=x", None, "query.limit: Must be a whole number in digits"),
        ("GET", "/tasks?colour=red", None, "query.colour: Unknown parameter"),
        (
            "GET",
            "/tasks?sort=x",
            None,
            "query.sort: Must be one of: created_at, -created_at, updated_at, -updated_at, completed_at, -completed_at, due, -due, priority, -priority, position, -position, title, -title",
        ),
        ("GET", "/tasks?q=%ff", None, "query: Must be valid UTF-8"),
        (
            "GET",
            "/tasks/x",
            None,
            "path.task_id: Must be a UUID, such as 01936d5e-8f1c-7000-8000-000000000001",
        ),
        (
            "PUT",
            "/users/me/password",
            {"current_password": "", "new_password": "short"},
            "body.current_password: Must not be empty; body.new_password: Must be at least 8 characters long",
        ),
    ],
)
async def test_invalid_input_is_named_with_what_it_must_be(
    alice: Account, method: str, path: str, body: Any, expected: str
) -> None:
    response = await alice.request(method, path, json=body)

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
    fields = response.json()["error"]["details"]["fields"]
    assert "; ".join(f"{item['path']}: {item['message']}" for item in fields) == expected


async def test_invalid_header_is_named_with_what_it_must_match(alice: Account) -> None:
    headers = {"Idempotency-Key": "a b"}
    response = await alice.post("/tasks", {"title": "t"}, headers=headers)

    assert response.json()["error"]["details"]["fields"] == [
        {
            "path": "header.idempotency-key",
            "message": "Must be 1 to 255 visible ASCII characters, without spaces",
            "type": "string_pattern_mismatch",
        }
    ]


async def test_malformed_json_is_named_as_such(alice: Account) -> None:
    headers = {"Content-Type": "application/json"}
    response = await alice.request("POST", "/tasks", content=b"{", headers=headers)

    assert response.json()["error"]["details"]["fields"] == [
        {"path": "body", "message": "Must be valid JSON in UTF-8", "type": "json_invalid"}
    ]
