"""Create, read, change and delete for every resource type. A new type needs no change here."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from duly.records.types import ResourceType
from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.resources import (
    EACH_TYPE,
    EACH_TYPE_WITH_TRASH,
    body_for,
    changes_to,
    create_one,
    erasing_query,
    path_of,
    plain_actions_of,
    prepare,
    replacement_for,
    stored_fields,
    whole_body,
)

KEY = {"Idempotency-Key": "k"}


@pytest.fixture
async def strict(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance that requires `If-Match`."""
    async with running(settings, address, require_if_match=True) as client:
        yield replace(alice, client=client)


def writes_to(kind: ResourceType) -> dict[str, tuple[str, str, dict[str, Any] | None]]:
    """Every write of one existing resource: method, suffix of the path, body."""
    changes = changes_to(kind, whole_body(kind, "one"), "two")
    return {
        "replace": ("PUT", "", replacement_for(kind, "two")),
        "move": ("POST", "/move", {}),
        "update": ("PATCH", "", changes),
        "update nothing": ("PATCH", "", {}),
        "delete": ("DELETE", "", None),
        "delete permanently": ("DELETE", erasing_query(kind), None),
        **{action: ("POST", f"/{action}", None) for action in plain_actions_of(kind)},
    }


async def write(
    account: Account, kind: ResourceType, name: str, resource_id: str, if_match: str | None
) -> httpx.Response:
    method, rest, body = writes_to(kind)[name]
    headers = {} if if_match is None else {"If-Match": if_match}
    path = path_of(kind, resource_id) + rest
    return await account.request(method, path, json=body, headers=headers)


def shown(kind: ResourceType, resource: dict[str, Any]) -> dict[str, Any]:
    """The fields that clients may set, as a response shows them."""
    return {name: resource[name] for name in kind.fields}


async def revision(dsn: str, account: Account) -> int:
    [(number,)] = await execute(dsn, "SELECT revision FROM users WHERE id = %s", account.id)
    return int(number)


async def everything(dsn: str, account: Account, kind: ResourceType) -> list[Any]:
    """Everything that a write of a resource can change."""
    query = f"""
        SELECT (SELECT revision FROM users WHERE id = %s),
               (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM {kind.table.name} t
                WHERE user_id = %s),
               (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM tombstones t WHERE user_id = %s)
    """
    return list(await execute(dsn, query, account.id, account.id, account.id))


@EACH_TYPE
async def test_create_returns_the_resource_with_location_and_etag(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    await prepare(alice, kind)
    before = await revision(dsn, alice)
    body = whole_body(kind, "one")

    created = await alice.post(f"/{kind.plural}", body)

    resource = created.json()
    assert created.status_code == 201
    assert shown(kind, resource) == stored_fields(kind, body)
    assert (resource["user_id"], resource["version"]) == (alice.id, before + 1)
    assert resource["created_at"] == resource["updated_at"]
    assert created.headers["etag"] == f'"{before + 1}"'
    assert created.headers["location"] == API + path_of(kind, resource["id"])
    assert (await alice.get(path_of(kind, resource["id"]))).content == created.content


@EACH_TYPE
async def test_create_without_optional_fields_sets_their_defaults(
    alice: Account, kind: ResourceType
) -> None:
    await prepare(alice, kind)
    body = body_for(kind, "one")

    created = await alice.post(f"/{kind.plural}", body)

    assert created.status_code == 201
    assert shown(kind, created.json()) == stored_fields(kind, body)
    read = await alice.get(path_of(kind, created.json()["id"]))
    assert read.content == created.content


@EACH_TYPE
async def test_put_of_a_whole_response_reports_its_read_only_fields(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)

    refused = await alice.put(path_of(kind, resource["id"]), resource)

    messages = {field["message"] for field in refused.json()["error"]["details"]["fields"]}
    assert (refused.status_code, messages) == (400, {"Read-only field"})


@EACH_TYPE
async def test_create_repeated_under_a_client_id_returns_the_resource(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    await prepare(alice, kind)
    before = await revision(dsn, alice)
    body = {**whole_body(kind, "one"), "id": str(uuid4())}
    first = await alice.post(f"/{kind.plural}", body)

    again = await alice.post(f"/{kind.plural}", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert "location" not in again.headers
    assert await revision(dsn, alice) == before + 1


@EACH_TYPE
async def test_create_of_another_body_under_a_taken_id_is_id_taken(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    await prepare(alice, kind)
    body = {**whole_body(kind, "one"), "id": str(uuid4())}
    await alice.post(f"/{kind.plural}", body)
    before = await everything(dsn, alice, kind)

    taken = await alice.post(f"/{kind.plural}", {**body, **changes_to(kind, body, "two")})

    assert (taken.status_code, error_code(taken)) == (409, "ID_TAKEN")
    assert f"already have a {kind.name} with this id" in taken.json()["error"]["message"]
    assert await everything(dsn, alice, kind) == before


@EACH_TYPE
async def test_create_repeated_under_an_idempotency_key_replays_the_response(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    await prepare(alice, kind)
    before = await revision(dsn, alice)
    body = whole_body(kind, "one")
    first = await alice.post(f"/{kind.plural}", body, headers=KEY)

    again = await alice.post(f"/{kind.plural}", body, headers=KEY)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert await revision(dsn, alice) == before + 1


@EACH_TYPE
async def test_create_of_another_body_under_a_used_key_is_a_mismatch(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    await prepare(alice, kind)
    await alice.post(f"/{kind.plural}", whole_body(kind, "one"), headers=KEY)
    before = await revision(dsn, alice)

    other = await alice.post(f"/{kind.plural}", whole_body(kind, "two"), headers=KEY)

    assert (other.status_code, error_code(other)) == (422, "IDEMPOTENCY_MISMATCH")
    assert await revision(dsn, alice) == before


@EACH_TYPE
async def test_read_with_the_current_etag_is_not_modified(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)
    path = path_of(kind, resource["id"])
    tag = (await alice.get(path)).headers["etag"]

    unchanged = await alice.get(path, headers={"If-None-Match": tag})
    await alice.patch(path, changes_to(kind, whole_body(kind, "one"), "two"))
    changed = await alice.get(path, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    assert changed.status_code == 200
    assert changed.headers["etag"] == f'"{resource["version"] + 1}"'


@EACH_TYPE
async def test_replace_sets_absent_fields_to_their_defaults(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)
    body = {
        name: value
        for name, value in body_for(kind, "two").items()
        if name in replacement_for(kind, "two")
    }

    replaced = await alice.put(path_of(kind, resource["id"]), body)

    assert replaced.status_code == 200
    assert shown(kind, replaced.json()) == stored_fields(kind, body)
    assert replaced.json()["version"] == resource["version"] + 1
    assert replaced.headers["etag"] == f'"{resource["version"] + 1}"'
    assert replaced.json()["created_at"] == resource["created_at"]
    assert replaced.json()["updated_at"] > resource["updated_at"]


@EACH_TYPE
async def test_patch_sets_each_field_and_keeps_the_others(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)
    path = path_of(kind, resource["id"])
    expected = shown(kind, resource)

    for name, value in changes_to(kind, whole_body(kind, "one"), "two").items():
        patched = await alice.patch(path, {name: value})
        expected[name] = value
        assert patched.status_code == 200
        assert shown(kind, patched.json()) == expected


@EACH_TYPE
async def test_empty_patch_changes_nothing(alice: Account, kind: ResourceType, dsn: str) -> None:
    resource = await create_one(alice, kind)
    before = await everything(dsn, alice, kind)

    patched = await alice.patch(path_of(kind, resource["id"]), {})

    assert (patched.status_code, patched.json()) == (200, resource)
    assert await everything(dsn, alice, kind) == before


@EACH_TYPE
async def test_each_change_takes_one_revision(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    for name in writes_to(kind):
        resource = await create_one(alice, kind)
        assert resource["version"] == await revision(dsn, alice)
        answer = await write(alice, kind, name, resource["id"], None)
        assert answer.is_success
        steps = await revision(dsn, alice) - resource["version"]
        is_change = answer.status_code == 204 or answer.json() != resource
        assert steps == (1 if is_change else 0), name
        if answer.status_code == 200:
            assert answer.json()["version"] == resource["version"] + steps


@EACH_TYPE
async def test_stale_if_match_changes_nothing(
    alice: Account, kind: ResourceType, dsn: str
) -> None:
    resource = await create_one(alice, kind)
    await alice.put(path_of(kind, resource["id"]), replacement_for(kind, "two"))
    before = await everything(dsn, alice, kind)

    for name in writes_to(kind):
        stale = await write(alice, kind, name, resource["id"], f'"{resource["version"]}"')
        assert (stale.status_code, error_code(stale)) == (412, "PRECONDITION_FAILED"), name
        assert stale.json()["error"]["message"].startswith(f"The {kind.name}'s current version")

    assert await everything(dsn, alice, kind) == before


@EACH_TYPE
async def test_current_if_match_is_accepted(alice: Account, kind: ResourceType) -> None:
    for name in writes_to(kind):
        resource = await create_one(alice, kind)
        answer = await write(alice, kind, name, resource["id"], f'"{resource["version"]}"')
        assert answer.is_success, name


@EACH_TYPE
async def test_write_without_a_required_if_match_is_rejected(
    strict: Account, kind: ResourceType, dsn: str
) -> None:
    resource = await create_one(strict, kind)
    before = await everything(dsn, strict, kind)

    for name in writes_to(kind):
        refused = await write(strict, kind, name, resource["id"], None)
        assert (refused.status_code, error_code(refused)) == (428, "PRECONDITION_REQUIRED"), name

    assert await everything(dsn, strict, kind) == before
    current = f'"{resource["version"]}"'
    assert (await write(strict, kind, "update", resource["id"], current)).status_code == 200


@EACH_TYPE
async def test_permanently_deleted_resource_is_not_found(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)

    deleted = await write(alice, kind, "delete permanently", resource["id"], None)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await alice.get(path_of(kind, resource["id"]))).status_code == 404
    for name in writes_to(kind):
        missing = await write(alice, kind, name, resource["id"], None)
        assert (missing.status_code, error_code(missing)) == (404, "NOT_FOUND"), name


@EACH_TYPE_WITH_TRASH
async def test_trashed_resource_is_not_found_until_it_is_restored(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)
    path = path_of(kind, resource["id"])

    assert (await alice.delete(path)).status_code == 204
    assert (await alice.get(path)).status_code == 404
    [trashed] = (await alice.get(f"/{kind.plural}?is_trashed=true")).json()["items"]
    restored = await alice.post(f"{path}/restore")

    assert trashed == {**resource, "trashed_at": trashed["trashed_at"], "version": 2}
    assert trashed["trashed_at"] > resource["created_at"]
    assert (restored.status_code, restored.json()) == (200, {**resource, "version": 3})
    assert (await alice.get(path)).json() == restored.json()
    assert (await alice.get(f"/{kind.plural}?is_trashed=true")).json()["items"] == []


@EACH_TYPE_WITH_TRASH
async def test_create_under_the_id_of_a_trashed_resource_is_id_taken(
    alice: Account, kind: ResourceType
) -> None:
    body = {**whole_body(kind, "one"), "id": str(uuid4())}
    await alice.post(f"/{kind.plural}", body)
    await alice.delete(path_of(kind, body["id"]))

    taken = await alice.post(f"/{kind.plural}", {**whole_body(kind, "two"), "id": body["id"]})

    assert (taken.status_code, error_code(taken)) == (409, "ID_TAKEN")
