"""Bodies that are too long, or not JSON: 413 and 415."""

import gzip
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.support.accounts import Account, error_code
from tests.support.operations import operations_of

JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"
MIB = 1024 * 1024


async def pieces(size: int, first: bytes = b"") -> AsyncIterator[bytes]:
    """A body of `size` bytes, sent without saying how long it is."""
    yield first
    left = size - len(first)
    while left > 0:
        yield b" " * min(left, 65_536)
        left -= 65_536


async def test_every_route_rejects_a_content_length_over_the_limit(
    app: FastAPI, alice: Account
) -> None:
    for operation in operations_of(app):
        headers = {**alice.headers, **JSON, "Content-Length": str(MIB + 1)}
        response = await alice.client.request(
            operation.method, operation.url, content=b"{}", headers=headers
        )
        assert response.status_code == 413, operation.id
        assert error_code(response) == "PAYLOAD_TOO_LARGE"


async def test_every_route_with_a_body_rejects_one_that_exceeds_the_limit_as_it_arrives(
    app: FastAPI, alice: Account
) -> None:
    for operation in operations_of(app):
        if operation.body_type is None:
            continue
        headers = {**alice.headers, "Content-Type": operation.body_type}
        response = await alice.client.request(
            operation.method, operation.url, content=pieces(MIB + 1), headers=headers
        )
        assert response.status_code == 413, operation.id
        assert error_code(response) == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("is_chunked", [True, False], ids=["chunked", "with its length"])
async def test_a_body_of_one_mebibyte_is_taken(alice: Account, *, is_chunked: bool) -> None:
    body = b'{"title": "Buy milk"}'
    content = pieces(MIB, body) if is_chunked else body.ljust(MIB)

    response = await alice.request("POST", "/tasks", content=content, headers=JSON)

    assert response.status_code == 201


@pytest.mark.parametrize("length", ["-1", "1e9", "a", "", "0x10", "٣"], ids=ascii)
async def test_invalid_content_length_is_rejected(alice: Account, length: str) -> None:
    headers = {**JSON, "Content-Length": length.encode()}
    response = await alice.request("POST", "/tasks", content=b'{"title":"t"}', headers=headers)

    assert response.status_code in (400, 413)
    assert (await alice.get("/tasks")).json()["items"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/xml"},
        {"Content-Type": FORM},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("path", ["/tasks", "/users/me/tasks", "/auth/login"])
async def test_a_body_that_is_not_json_is_an_unsupported_media_type(
    alice: Account, path: str, headers: dict[str, str]
) -> None:
    content = b'{"title": "t", "email": "a@example.com", "password": "p"}'
    if "Content-Encoding" in headers:
        content = gzip.compress(content)

    response = await alice.request("POST", path, content=content, headers=headers)

    assert response.status_code == 415
    assert error_code(response) == "UNSUPPORTED_MEDIA_TYPE"


async def test_every_json_route_rejects_other_media_types(app: FastAPI, alice: Account) -> None:
    checked = 0
    for operation in operations_of(app):
        if operation.body_type != "application/json":
            continue
        response = await alice.client.request(
            operation.method,
            operation.url,
            content=b"title=t",
            headers={**alice.headers, "Content-Type": FORM},
        )
        assert response.status_code == 415, operation.id
        assert error_code(response) == "UNSUPPORTED_MEDIA_TYPE"
        checked += 1
    assert checked == 45


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; charset=UTF8",
    ],
)
async def test_json_may_be_announced_in_any_of_its_spellings(
    alice: Account, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    response = await alice.request("POST", "/tasks", content=b'{"title":"t"}', headers=headers)

    assert response.status_code == 201


async def test_a_length_may_have_any_number_of_zeros_before_it(alice: Account) -> None:
    body = b'{"title": "Buy milk"}'
    headers = {**JSON, "Content-Length": b"0" * 5000 + str(len(body)).encode()}

    response = await alice.request("POST", "/tasks", content=body, headers=headers)

    assert response.status_code == 201
