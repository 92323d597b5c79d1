"""Bodies that are malformed, or not what the route takes: 400, without a word of what was sent."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from tests.support.accounts import API, Account, error_code
from tests.support.operations import operations_of

JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"}",
        b"nothing",
        b'{"title": "t"',
        b'{"title": "t",}',
        b"{'title': 't'}",
        b'{"title": "t"} {}',
        b'{"title": "t"}\x00',
        b'{"title": "a\x00b"}',
        b'{"title": "a\nb"}',
        b'{"title": NaN}',
        b'{"title": Infinity}',
        b'{"title": -Infinity}',
        b'{"title": "t", "description": "\\ud800"}',
        b'{"title": "\\ud83e t"}',
        b'{"\\udc00": "t"}',
        b'{"title": "\xed\xa0\x80"}',
        b'{"title": "\xff"}',
        b'{"title": "\xc0\xaf"}',
        b'\xef\xbb\xbf{"title": "t"}',
        '{"title": "t"}'.encode("utf-16"),
        '{"title": "t"}'.encode("utf-16-le"),
        '{"title": "t"}'.encode("utf-32"),
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b'{"title": "t" /* a comment */}',
        b'{"title": 01}',
    ],
    ids=lambda content: ascii(content[:30]),
)
async def test_body_other_than_rfc_8259_json_in_utf_8_is_rejected(
    alice: Account, content: bytes
) -> None:
    for method, path in (("POST", "/tasks"), ("POST", "/auth/refresh"), ("PATCH", "/users/me")):
        response = await alice.request(method, path, content=content, headers=JSON)

        assert response.status_code == 400
        assert error_code(response) == "VALIDATION_ERROR"
        (field,) = response.json()["error"]["details"]["fields"]
        assert (field["path"], field["type"]) == ("body", "json_invalid")
    assert (await alice.get("/tasks")).json()["items"] == []


async def test_repeated_member_of_an_object_is_rejected(alice: Account) -> None:
    for method, path, content in (
        ("POST", "/tasks", b'{"title": "one", "title": "two"}'),
        ("POST", "/tasks", b'{"title": "one", "\\u0074itle": "two"}'),
        ("POST", "/auth/refresh", b'{"refresh_token": "a", "refresh_token": "b"}'),
        ("PATCH", "/users/me", b'{"name": "Ada", "name": null}'),
    ):
        response = await alice.request(method, path, content=content, headers=JSON)

        assert response.status_code == 400
        (field,) = response.json()["error"]["details"]["fields"]
        assert (field["path"], field["type"]) == ("body", "json_repeated_member")
    assert (await alice.get("/tasks")).json()["items"] == []


async def test_body_with_thousands_of_unknown_fields_gets_a_short_response(
    client: httpx.AsyncClient, alice: Account
) -> None:
    for count, kind, listed in (
        (5_000, "extra_forbidden", 20),
        (5_001, "json_too_many_members", 1),
    ):
        content = json.dumps({f"k{number}": 1 for number in range(count)})
        response = await client.post(f"{API}/auth/login", content=content, headers=JSON)

        assert response.status_code == 400
        fields = response.json()["error"]["details"]["fields"]
        assert len(fields) == listed
        assert fields[-1]["type"] == kind
        assert len(response.content) < 4_000

    operation = {"op": "create", "type": "task", "data": {f"k{number}": 1 for number in range(60)}}
    body = {"operations": [operation] * 100}
    batch = await alice.post("/batch", body)
    assert batch.status_code == 400
    assert batch.json()["error"]["details"]["fields"][0]["type"] == "json_too_many_members"


@pytest.mark.parametrize(
    "value",
    [[[]] * 20_000, [0] * 20_001, [{}] * 20_000, {"a": [""] * 20_001}],
    ids=["arrays", "numbers", "objects", "strings"],
)
async def test_body_of_too_many_values_is_rejected(
    client: httpx.AsyncClient, alice: Account, value: object
) -> None:
    content = json.dumps({"title": value})
    for response in (
        await alice.request("POST", "/tasks", content=content, headers=JSON),
        await client.post(f"{API}/auth/login", content=content, headers=JSON),
    ):
        assert response.status_code == 400
        (field,) = response.json()["error"]["details"]["fields"]
        assert (field["path"], field["type"]) == ("body", "json_too_many_values")


async def test_text_full_of_brackets_is_not_counted_as_values(alice: Account) -> None:
    description = '[{,\\"' * 4_000
    response = await alice.post("/tasks", {"title": "brackets", "description": description})

    assert response.status_code == 201
    assert response.json()["description"] == description


async def test_body_without_a_valid_token_is_not_parsed(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer none"}):
        response = await client.post(f"{API}/tasks", content="{", headers={**JSON, **headers})

        assert response.status_code == 401


async def test_text_full_of_colons_is_not_counted_as_members(alice: Account) -> None:
    response = await alice.post("/tasks", {"title": "colons", "description": ":" * 20_000})

    assert response.status_code == 201


@pytest.mark.parametrize("content", [b"null", b"[]", b'"text"', b"7", b"true", b"[{}]", b""])
async def test_body_that_is_not_an_object_is_rejected(
    app: FastAPI, alice: Account, content: bytes
) -> None:
    for operation in operations_of(app):
        if operation.body_type != "application/json":
            continue
        response = await alice.client.request(
            operation.method,
            operation.url,
            content=content,
            headers={**alice.headers, **JSON},
        )
        is_needed = operation.spec["requestBody"].get("required", False)
        if content in {b"null", b""} and not is_needed:
            assert response.status_code == 404, operation.id
            continue
        assert response.status_code == 400, operation.id
        assert error_code(response) == "VALIDATION_ERROR"


async def test_every_json_route_rejects_unknown_fields(app: FastAPI, alice: Account) -> None:
    for operation in operations_of(app):
        if operation.body_type != "application/json":
            continue
        response = await alice.client.request(
            operation.method, operation.url, json={"colour": "red"}, headers=alice.headers
        )
        assert response.status_code == 400, operation.id
        fields = response.json()["error"]["details"]["fields"]
        assert {"path": "body.colour", "type": "extra_forbidden"}.items() <= fields[-1].items()
        for field in fields:
            assert set(field) == {"path", "message", "type"}


SECRET = "Zq7-hunter2"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tasks", {"title": [SECRET]}),
        ("POST", "/tasks", {"title": "t", "id": SECRET}),
        ("POST", "/tasks", {"title": "t", "is_completed": SECRET}),
        ("POST", "/tasks", {"title": "t", "description": {SECRET: SECRET}}),
        ("POST", "/tasks", {SECRET: 1}),
        ("POST", "/tasks", {"title": SECRET * 200}),
        ("PATCH", "/users/me", {"timezone": SECRET}),
        ("PATCH", "/users/me", {"email": SECRET, "current_password": SECRET}),
        ("PATCH", "/users/me", {"name": "\u0000" + SECRET}),
        ("PUT", "/users/me/password", {"current_password": SECRET, "new_password": SECRET}),
        ("DELETE", "/users/me", {"current_password": SECRET}),
        ("POST", "/auth/register", {"email": SECRET, "password": SECRET}),
        ("POST", "/auth/login", {"email": [SECRET], "password": {"": SECRET}}),
        ("POST", "/auth/refresh", {"refresh_token": SECRET}),
        ("GET", f"/tasks/{SECRET}", None),
        ("GET", f"/tasks?sort={SECRET}", None),
        ("GET", f"/tasks?limit={SECRET}", None),
        ("GET", f"/tasks?cursor={SECRET}", None),
        ("GET", f"/tasks?is_completed={SECRET}", None),
        ("GET", f"/tasks?{SECRET}=1", None),
        ("GET", f"/tasks?q={quote(chr(0) + SECRET)}", None),
        ("GET", f"/users/{SECRET}/tasks", None),
        ("GET", f"/{SECRET}", None),
        ("DELETE", f"/auth/sessions/{SECRET}", None),
    ],
)
async def test_error_does_not_repeat_the_value(
    alice: Account, method: str, path: str, body: Any
) -> None:
    response = await alice.request(method, path, json=body)

    assert 400 <= response.status_code < 500
    assert error_code(response)
    answer = json.dumps([response.json(), dict(response.headers)])
    assert SECRET not in answer


@pytest.mark.parametrize(
    ("method", "path", "one", "other"),
    [
        ("GET", "/tasks/{}", "zebra", "01936d5e-8f1c-7000-8000-00000000quag"),
        ("DELETE", "/auth/sessions/{}", "{", "urn:uuid:x"),
        ("GET", "/tasks?limit={}", "zebra", "1.5"),
        ("GET", "/tasks?sort={}", "zebra", "quagga"),
        ("GET", "/tasks?cursor={}", "zebra", "quagga"),
        ("GET", "/tasks?is_completed={}", "zebra", "quagga"),
    ],
)
async def test_error_depends_on_the_fault_and_not_on_the_value(
    alice: Account, method: str, path: str, one: str, other: str
) -> None:
    answers = [await alice.request(method, path.format(value)) for value in (one, other)]

    assert error_code(answers[0]) == "VALIDATION_ERROR"
    assert answers[0].content == answers[1].content


async def test_error_does_not_repeat_malformed_json(alice: Account) -> None:
    content = f'{{"title": "{SECRET}'.encode()

    response = await alice.request("POST", "/tasks", content=content, headers=JSON)

    assert error_code(response) == "VALIDATION_ERROR"
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"username=a",
        b"password=b",
        b"username=&password=",
        b"username=a&password=b&grant_type=client_credentials",
        b"grant_type=password",
    ],
)
async def test_form_without_a_required_field_is_rejected(
    client: httpx.AsyncClient, content: bytes
) -> None:
    headers = {"Content-Type": FORM}
    response = await client.post(f"{API}/auth/token", content=content, headers=headers)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


@pytest.mark.parametrize("content", [b"&" * 20_000, b"username=" + b"a" * 20_000])
async def test_form_that_is_far_too_long_is_rejected(
    client: httpx.AsyncClient, content: bytes
) -> None:
    headers = {"Content-Type": FORM}
    response = await client.post(f"{API}/auth/token", content=content, headers=headers)

    assert response.status_code == 413
    assert error_code(response) == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "content",
    [
        b"username=a%00b&password=c",
        b"username=a&password=%ED%A0%80",
        b"username=%FF&password=%FF",
        b"username=" + b"a" * 10_000 + b"&password=c",
        b"username=a&password=" + b"b" * 10_000,
    ],
    ids=lambda content: ascii(content[:30]),
)
async def test_form_without_a_matching_account_is_unauthenticated(
    client: httpx.AsyncClient, content: bytes
) -> None:
    headers = {"Content-Type": FORM}
    response = await client.post(f"{API}/auth/token", content=content, headers=headers)

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"
