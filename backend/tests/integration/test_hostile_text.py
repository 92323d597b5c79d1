"""Texts that cost a naive program quadratic time, in every field that takes text."""

import time
from typing import Any

import httpx
import pytest

from tests.support.accounts import Account, error_code

# Each held PostgreSQL for seconds while `to_tsvector` made its words.
DESCRIPTIONS = {
    "addresses": "a1@",
    "words": "a_1_",
    "paths": "/~",
    "files": "/.",
    "marks": "\u0301\u0323",
    "ligatures": "\ufb03",
    "one word": "a",
    "lines": "a\n",
}

# 800 kB. To normalize it takes minutes, unless its length is looked at first.
MARKS = "\u0301\u0323" * 200_000


@pytest.mark.parametrize("unit", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
async def test_a_description_of_hostile_text_is_stored_and_found(
    alice: Account, unit: str
) -> None:
    text = "milk " + (unit * 20_000)[: 20_000 - len("milk  bread")] + " bread"

    created = await alice.post("/tasks", {"title": "hostile", "description": text})
    changed = await alice.patch(f"/tasks/{created.json()['id']}", {"description": text})
    found = await alice.get("/tasks", params={"q": "milk bread"})

    assert (created.status_code, changed.status_code) == (201, 200)
    assert [task["id"] for task in found.json()["items"]] == [created.json()["id"]]


async def test_words_after_the_first_20000_are_not_found(alice: Account) -> None:
    # Each of these characters is several words.
    text = "milk " + "\ufdfa" * 7_000 + " bread"
    created = await alice.post("/tasks", {"title": "hostile", "description": text})
    assert created.status_code == 201

    found = [
        len((await alice.get("/tasks", params={"q": word})).json()["items"])
        for word in ("milk", "bread")
    ]

    assert found == [1, 0]


@pytest.mark.parametrize("name", ["title", "description"])
async def test_a_task_with_too_many_combining_marks_is_refused_at_once(
    alice: Account, name: str
) -> None:
    started = time.perf_counter()
    response = await alice.post("/tasks", {"title": "marks", name: MARKS})

    assert time.perf_counter() - started < 5
    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("register", "email"),
        ("register", "password"),
        ("register", "name"),
        ("login", "email"),
        ("login", "password"),
    ],
)
async def test_credentials_of_too_many_combining_marks_are_refused_at_once(
    client: httpx.AsyncClient, path: str, name: str
) -> None:
    body: dict[str, Any] = {"email": "ada@example.com", "password": "a long passphrase"}
    hostile = f"a{MARKS}@example.com" if name == "email" else MARKS

    started = time.perf_counter()
    response = await client.post(f"/api/v1/auth/{path}", json={**body, name: hostile})

    assert time.perf_counter() - started < 5
    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
