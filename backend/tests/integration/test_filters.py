"""Filters, as PostgreSQL evaluates them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from duly.database.pool import Pool
from duly.database.scope import UserScope
from duly.filter_language import parse
from tests.support.databases import migrated_database
from tests.support.filter_vectors import WORLDS, World
from tests.support.filter_worlds import fill, found, id_of


@pytest.fixture(scope="module")
def database(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = Pool(database, size=1, timeout=10)
    await pool.open()
    yield pool
    await pool.close()


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
async def test_filter_finds_the_tasks_of_the_vectors(
    connection: psycopg.Connection[Any], pool: Pool, world: World
) -> None:
    user_id = fill(connection, world)
    for text, ids in world.queries:
        expected = {id_of(user_id, name) for name in ids}
        assert await found(UserScope(pool, user_id), parse(text), world) == expected, text
