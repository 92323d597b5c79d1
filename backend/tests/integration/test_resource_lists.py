"""Lists of every resource type: every order, pages by cursor, entity tags."""

from typing import Any

import pytest

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import Account, error_code
from tests.support.resources import (
    EACH_TYPE,
    changes_to,
    create_one,
    path_of,
    replacement_for,
    sorts_of,
    whole_body,
)

EACH_SORT = pytest.mark.parametrize(
    ("kind", "sort"), [(kind, sort) for kind in RESOURCE_TYPES for sort in sorts_of(kind)]
)
TEXTS = ["m", "Z", "a", "ä", "m", "z", "10", "2", "\U0001f986"]


async def create_all(account: Account, kind: ResourceType) -> list[dict[str, Any]]:
    """Resources with different and equal texts, some of them changed later."""
    made = [await create_one(account, kind, text) for text in TEXTS]
    for resource in made[::3]:
        body = {name: resource[name] for name in replacement_for(kind, "")}
        path = path_of(kind, resource["id"])
        # There and back: only the time of the change differs, so that the texts stay as drawn.
        await account.patch(path, changes_to(kind, body, "other"))
        await account.put(path, body)
    return [(await account.get(path_of(kind, one["id"]))).json() for one in made]


def in_order(resources: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Sorted by the field and then the id; texts by code point."""
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")

    def position(resource: dict[str, Any]) -> tuple[Any, str]:
        value = resource[name]
        return value.encode() if isinstance(value, str) else value, resource["id"]

    return sorted(resources, key=position, reverse=is_descending)


@EACH_SORT
async def test_list_is_read_by_cursor_in_every_order(
    alice: Account, kind: ResourceType, sort: str
) -> None:
    expected = in_order(await create_all(alice, kind), sort)
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 2, "sort": sort, "include_total": "true"}

    while params.get("cursor", "first"):
        page = (await alice.get(f"/{kind.plural}", params=params)).json()
        found += page["items"]
        params["cursor"] = page["next_cursor"]
        assert page["total"] == len(expected)
        assert len(page["items"]) == 2 or params["cursor"] is None

    assert found == expected


@EACH_TYPE
async def test_list_without_a_sort_is_in_the_default_order(
    alice: Account, kind: ResourceType
) -> None:
    expected = in_order(await create_all(alice, kind), sorts_of(kind)[0])

    page = (await alice.get(f"/{kind.plural}")).json()

    assert page == {"items": expected, "next_cursor": None, "total": None}


@EACH_TYPE
async def test_list_with_the_current_etag_is_not_modified(
    alice: Account, kind: ResourceType
) -> None:
    resource = await create_one(alice, kind)
    path = f"/{kind.plural}"
    tag = (await alice.get(path)).headers["etag"]

    unchanged = await alice.get(path, headers={"If-None-Match": tag})
    await alice.patch(
        path_of(kind, resource["id"]), changes_to(kind, whole_body(kind, "one"), "two")
    )
    changed = await alice.get(path, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    other_page = await alice.get(f"{path}?limit=1", headers={"If-None-Match": tag})
    assert other_page.status_code == 200


@EACH_TYPE
async def test_cursor_of_another_list_is_invalid(
    alice: Account, bob: Account, kind: ResourceType
) -> None:
    cursors = []
    for account in (alice, bob):
        for text in ("one", "two"):
            await create_one(account, kind, text)
        cursors.append((await account.get(f"/{kind.plural}?limit=1")).json()["next_cursor"])
    other_sort = sorts_of(kind)[-1]
    wrong = [
        {"cursor": cursors[1]},
        {"cursor": cursors[0], "sort": other_sort},
        {"cursor": cursors[0][:-1]},
    ]
    for params in wrong:
        refused = await alice.get(f"/{kind.plural}", params=params)
        assert (refused.status_code, error_code(refused)) == (400, "VALIDATION_ERROR"), params
        [field] = refused.json()["error"]["details"]["fields"]
        assert (field["path"], field["type"]) == ("query.cursor", "invalid_cursor")
    assert (await alice.get(f"/{kind.plural}", params={"cursor": cursors[0]})).is_success
