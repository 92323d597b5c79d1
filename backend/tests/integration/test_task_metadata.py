"""Metadata, priority and duration of tasks, and metadata of lists."""

from typing import Any

import pytest

from tests.support.accounts import Account
from tests.support.resource_calls import body_of, create, create_task, errors_of, patch, read
from tests.support.sync_copies import stored, synced

PLURALS = pytest.mark.parametrize("plural", ["tasks", "lists"])
JSON = {"Content-Type": "application/json"}


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth > 1 else {}


async def with_metadata(account: Account, plural: str, metadata: Any) -> dict[str, Any]:
    return await create(account, plural, **{_name(plural): "one"}, metadata=metadata)


def _name(plural: str) -> str:
    return "title" if plural == "tasks" else "name"


@PLURALS
async def test_metadata_is_kept_as_it_was_sent(alice: Account, plural: str) -> None:
    metadata: dict[str, Any] = {
        "a": [1, -0.5, "x", None, True, {"": "\u0001"}],
        "🧀": {"b": {}},
        "n": None,
    }

    resource = await with_metadata(alice, plural, metadata)

    assert resource["metadata"] == metadata
    assert (await synced(alice)).resources == await stored(alice)


@PLURALS
@pytest.mark.parametrize(
    "number",
    [
        "1e300",
        "1.7976931348623157e308",
        "5e-324",
        "1e22",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
    ],
)
async def test_number_is_kept_in_double_precision(
    alice: Account, plural: str, number: str
) -> None:
    body = f'{{"{_name(plural)}": "one", "metadata": {{"n": {number}}}}}'
    resource = body_of(await alice.post(f"/{plural}", content=body, headers=JSON), 201)
    path = f"/{plural}/{resource['id']}"

    assert float(resource["metadata"]["n"]) == float(number)
    changed = body_of(await alice.patch(path, {"metadata": {"b": 1}}))
    assert changed["metadata"] == {**resource["metadata"], "b": 1}
    assert (await synced(alice)).resources == await stored(alice)
    assert body_of(await alice.get("/users/me/export"))[plural] == [changed]


@PLURALS
@pytest.mark.parametrize(
    "metadata",
    [
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": ["\\ud800"]}',
        '{"a": 1e400}',
        "[]",
        '"text"',
        "1",
        "null",
    ],
)
async def test_invalid_metadata_is_rejected(alice: Account, plural: str, metadata: str) -> None:
    body = f'{{"{_name(plural)}": "one", "metadata": {metadata}}}'

    response = await alice.post(f"/{plural}", content=body, headers=JSON)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


@PLURALS
async def test_metadata_has_at_most_four_kibibytes(alice: Account, plural: str) -> None:
    fits = {"a": "x" * (4096 - len('{"a":""}'))}
    resource = await with_metadata(alice, plural, fits)

    too_long = await alice.post(
        f"/{plural}", {_name(plural): "one", "metadata": {"a": fits["a"] + "x"}}
    )
    too_much = await alice.patch(f"/{plural}/{resource['id']}", {"metadata": {"b": 1}})

    assert errors_of(too_long) == [("body.metadata", "value_error")]
    assert errors_of(too_much) == [("body.metadata", "value_error")]
    assert body_of(await alice.get(f"/{plural}/{resource['id']}")) == resource


@PLURALS
async def test_metadata_has_at_most_32_levels(alice: Account, plural: str) -> None:
    await with_metadata(alice, plural, nested(32))

    response = await alice.post(f"/{plural}", {_name(plural): "one", "metadata": nested(33)})

    assert errors_of(response) == [("body.metadata", "value_error")]


@PLURALS
async def test_patch_merges_metadata(alice: Account, plural: str) -> None:
    resource = await with_metadata(alice, plural, {"a": {"b": 1, "c": [1]}, "d": 1, "e": "x"})
    path = f"/{plural}/{resource['id']}"

    merged = await alice.patch(
        path, {"metadata": {"a": {"b": None, "c": {"f": None}}, "d": None, "g": {"h": None}}}
    )

    assert body_of(merged)["metadata"] == {"a": {"c": {}}, "e": "x", "g": {}}
    assert body_of(await alice.patch(path, {"metadata": None}))["metadata"] == {}


@PLURALS
async def test_put_replaces_metadata_whole(alice: Account, plural: str) -> None:
    resource = await with_metadata(alice, plural, {"a": 1})
    path = f"/{plural}/{resource['id']}"

    replaced = await alice.put(path, {_name(plural): "one", "metadata": {"b": None}})
    emptied = await alice.put(path, {_name(plural): "one"})

    assert body_of(replaced)["metadata"] == {"b": None}
    assert body_of(emptied)["metadata"] == {}


async def test_two_devices_change_different_members_of_metadata(alice: Account) -> None:
    task = await create_task(alice, metadata={"a": 1, "b": 1})

    await patch(alice, task, metadata={"a": 2})
    await patch(alice, task, metadata={"b": 2}, priority=1)

    assert (await read(alice, task))["metadata"] == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("field", "valid", "invalid"),
    [
        ("priority", [1, 4, None], [0, 5, "1", 1.5, True, -1]),
        ("duration_minutes", [1, 10_080, None], [0, 10_081, "45", 1.5, True]),
    ],
)
async def test_number_fields_have_their_ranges(
    alice: Account, field: str, valid: list[Any], invalid: list[Any]
) -> None:
    for value in valid:
        task = await create_task(alice, **{field: value})
        assert task[field] == value
        assert (await patch(alice, task, **{field: value}))[field] == value
        assert (await patch(alice, task, **{field: None}))[field] is None
    for value in invalid:
        response = await alice.post("/tasks", {"title": "t", field: value})
        assert [path for path, _ in errors_of(response)] == [f"body.{field}"]
