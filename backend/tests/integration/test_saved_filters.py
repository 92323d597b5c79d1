"""Saved filters."""

import json

import pytest

from tests.support.accounts import Account, error_code
from tests.support.invariants import check_rows
from tests.support.resource_calls import body_of, create, errors_of, titles, trash
from tests.support.sync_copies import stored, sync, synced


async def test_filter_is_created_changed_and_deleted(alice: Account, dsn: str) -> None:
    saved = await create(alice, "filters", name="Urgent", query="p1", color="#ff0000")
    path = f"/filters/{saved['id']}"
    token = (await sync(alice))["token"]

    assert body_of(await alice.patch(path, {"query": "p2"}))["color"] == "#ff0000"
    replaced = body_of(await alice.put(path, {"name": "New", "query": "p3"}))
    assert (replaced["name"], replaced["query"], replaced["color"]) == ("New", "p3", None)
    assert (await synced(alice)).resources == await stored(alice)
    await trash(alice, "filters", saved)

    assert error_code(await alice.get(path)) == "NOT_FOUND"
    assert [one["op"] for one in (await sync(alice, token))["changes"]] == ["delete"]
    assert error_code(await alice.post(f"{path}/restore")) == "NOT_FOUND"
    await check_rows(dsn, alice)


async def test_filters_may_have_the_same_name(alice: Account) -> None:
    for query in ("p1", "p2"):
        await create(alice, "filters", name="Urgent", query=query)

    assert await titles(alice, plural="filters") == ["Urgent", "Urgent"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", ["", " ", "\u200b", "x" * 121, 1, None]),
        ("query", ["", "x" * 501, 1, None]),
        ("color", ["red", "#FFFFFF", "#fff", "#1234567", 1]),
    ],
)
async def test_invalid_field_is_rejected(alice: Account, field: str, values: list[object]) -> None:
    for value in values:
        body = {"name": "Urgent", "query": "p1", field: value}
        response = await alice.post("/filters", body)
        assert [path for path, _ in errors_of(response)] == [f"body.{field}"]


async def test_filter_of_another_user_is_not_found(alice: Account, bob: Account) -> None:
    saved = await create(alice, "filters", name="Urgent", query="p1")
    path = f"/filters/{saved['id']}"

    for response in (
        await bob.get(path),
        await bob.patch(path, {"name": "Mine"}),
        await bob.delete(path),
        await bob.post(f"{path}/move", {}),
    ):
        assert error_code(response) == "NOT_FOUND"
    assert body_of(await alice.get(path)) == saved


async def test_white_space_of_every_kind_separates_the_words_of_a_filter(alice: Account) -> None:
    query = "\tp1\r\n&\u00a0p2\u0085"

    listed = await alice.get("/tasks", params={"filter": query})
    saved = await alice.post("/filters", {"name": "Lines", "query": query})

    assert listed.status_code == 200
    assert saved.json()["query"] == query


@pytest.mark.parametrize("query", ["p1 & \x01", "p1 & #a\x01b", "p1 & #\x00"])
async def test_control_character_is_an_error_with_a_position(alice: Account, query: str) -> None:
    content = b'{"name":"Controls","query":%s}' % json.dumps(query).encode()
    response = await alice.request(
        "POST", "/filters", content=content, headers={"Content-Type": "application/json"}
    )

    assert error_code(response) == "VALIDATION_ERROR"
    [field] = response.json()["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.query", "filter")
    assert field["position"] in {5, 6, 7}


async def test_length_of_a_filter_is_that_of_the_text_as_it_is_sent(alice: Account) -> None:
    fits, too_long = "p1" + " " * 498, "p1" + " " * 499

    responses = [await alice.get("/tasks", params={"filter": one}) for one in (fits, too_long)]

    assert [response.status_code for response in responses] == [200, 400]
    [field] = responses[1].json()["error"]["details"]["fields"]
    assert (field["path"], field["position"]) == ("query.filter", 500)
