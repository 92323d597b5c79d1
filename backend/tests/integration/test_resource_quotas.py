"""Quotas of every resource type: the setting `max_<plural>`, whatever races."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.instances import running, sweep_all
from tests.support.quotas import counted, quota_of
from tests.support.resources import (
    EACH_TYPE,
    EACH_TYPE_WITH_TRASH,
    create_of,
    create_one,
    delete_of,
    erase,
    path_of,
    prepare,
    replacement_for,
    whole_body,
)

LIMIT = 4


@pytest.fixture
async def limited(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance where she may have few resources of each type."""
    limits = {f"max_{kind.plural}": LIMIT for kind in RESOURCE_TYPES}
    async with running(settings, address, **limits, rate_limit="off") as client:
        yield replace(alice, client=client)


@EACH_TYPE
async def test_create_at_the_limit_is_quota_exceeded(
    limited: Account, kind: ResourceType, dsn: str
) -> None:
    resources = [await create_one(limited, kind) for _ in range(LIMIT)]

    for own_id in ({}, {"id": str(uuid4())}):
        refused = await limited.post(f"/{kind.plural}", {**whole_body(kind, "two"), **own_id})
        assert (refused.status_code, error_code(refused)) == (403, "QUOTA_EXCEEDED")
        assert quota_of(refused.json()["error"]) == {"limit": LIMIT, "what": kind.plural}

    assert (await counted(dsn, limited.id))[kind.plural] == LIMIT
    changed = await limited.put(path_of(kind, resources[0]["id"]), replacement_for(kind, "two"))
    assert changed.json()["version"] == resources[-1]["version"] + 1


@EACH_TYPE
async def test_limit_of_one_type_leaves_the_others_free(
    limited: Account, kind: ResourceType
) -> None:
    for other in RESOURCE_TYPES:
        await prepare(limited, other)
    while (await limited.post(f"/{kind.plural}", whole_body(kind, "one"))).status_code == 201:
        pass

    for other in RESOURCE_TYPES:
        answer = await limited.post(f"/{other.plural}", whole_body(other, "two"))
        assert answer.status_code == (403 if other is kind else 201)


@EACH_TYPE
async def test_repeated_create_at_the_limit_returns_the_resource(
    limited: Account, kind: ResourceType
) -> None:
    await prepare(limited, kind)
    body = {**whole_body(kind, "one"), "id": str(uuid4())}
    first = await limited.post(f"/{kind.plural}", body)
    for _ in range(LIMIT - 1):
        await create_one(limited, kind)

    again = await limited.post(f"/{kind.plural}", body)

    assert (again.status_code, again.json()) == (200, first.json())


@EACH_TYPE
async def test_permanent_deletion_frees_the_quota(
    limited: Account, kind: ResourceType, dsn: str
) -> None:
    resources = [await create_one(limited, kind) for _ in range(LIMIT)]

    await erase(limited, kind, resources[0]["id"])

    assert (await counted(dsn, limited.id))[kind.plural] == LIMIT - 1
    assert (await create_one(limited, kind))["version"] == resources[-1]["version"] + 2
    refused = await limited.post(f"/{kind.plural}", whole_body(kind, "two"))
    assert refused.status_code == 403


@EACH_TYPE
async def test_deletion_in_a_batch_frees_the_quota_for_a_later_create(
    limited: Account, kind: ResourceType, dsn: str
) -> None:
    resources = [await create_one(limited, kind) for _ in range(LIMIT)]
    delete = delete_of(kind, resources[0]["id"])
    if kind.has_trash:
        delete["data"] = {"permanent": True}
    creates = [create_of(kind, whole_body(kind, "two")) for _ in range(3)]
    operations = [creates[0], delete, *creates[1:]]

    answer = await limited.post("/batch", {"operations": operations})

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == [403, 204, 201, 403]
    assert (await counted(dsn, limited.id))[kind.plural] == LIMIT


@EACH_TYPE_WITH_TRASH
async def test_resource_in_the_trash_counts_until_the_trash_is_purged(
    app: FastAPI, limited: Account, kind: ResourceType, dsn: str
) -> None:
    resources = [await create_one(limited, kind) for _ in range(LIMIT)]
    await limited.delete(path_of(kind, resources[0]["id"]))
    refused = await limited.post(f"/{kind.plural}", whole_body(kind, "two"))
    old = (
        f"UPDATE {kind.table.name} SET trashed_at = now() - interval '31 days' "
        "WHERE user_id = %s AND trashed_at IS NOT NULL"
    )
    await execute(dsn, old, limited.id)

    await sweep_all(app)

    assert refused.status_code == 403
    assert (await counted(dsn, limited.id))[kind.plural] == LIMIT - 1
    await create_one(limited, kind)


@EACH_TYPE
async def test_racing_creates_and_deletions_keep_to_the_limit(
    settings: Settings, address: str, alice: Account, kind: ResourceType, dsn: str
) -> None:
    async with AsyncExitStack() as stack:
        limits = {f"max_{kind.plural}": LIMIT, "rate_limit": "off"}
        both = [
            replace(
                alice, client=await stack.enter_async_context(running(settings, address, **limits))
            )
            for _ in range(2)
        ]
        resources = [await create_one(alice, kind) for _ in range(LIMIT - 1)]
        creates = [
            both[number % 2].post(f"/{kind.plural}", whole_body(kind, "two"))
            for number in range(12)
        ]
        deletions = [erase(account, kind, resources[0]["id"]) for account in both[:1]]
        every = [*creates, *deletions]
        random.shuffle(every)

        answers = [answer for answer in await asyncio.gather(*every) if answer is not None]

    created = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} == {201, 403}
    # One place was free, and the deletion frees another, perhaps when all creates are done.
    assert 1 <= len(created) <= 2
    assert (await counted(dsn, alice.id))[kind.plural] == LIMIT - 2 + len(created)
    versions = sorted(answer.json()["version"] for answer in created)
    first = resources[-1]["version"] + 1
    assert set(versions) < set(range(first, first + len(created) + 1))
