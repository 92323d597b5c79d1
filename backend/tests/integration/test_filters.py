"""Filters, as PostgreSQL evaluates them.

`make filters` compares 100,000 random filters with a plain evaluation, the short form a few hundred.
"""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from duly.database.pool import Pool
from duly.database.scope import UserScope
from duly.filter_language import FilterError, parse
from tests.support.databases import migrated_database
from tests.support.filter_oracle import finds
from tests.support.filter_random import random_filter, random_world
from tests.support.filter_vectors import WORLDS, World
from tests.support.filter_worlds import fill, found, id_of

SHORT = 400
LONG = 100_000
FILTERS_OF_A_WORLD = 50


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


async def compare(
    connection: psycopg.Connection[Any], pool: Pool, drawn: random.Random, pairs: int
) -> None:
    """Compare PostgreSQL with the plain evaluation for as many worlds and filters."""
    done = 0
    while done < pairs:
        world = random_world(drawn)
        scope = UserScope(pool, fill(connection, world))
        for _ in range(min(FILTERS_OF_A_WORLD, pairs - done)):
            text = random_filter(drawn, world)
            expression = parse(text)
            done += 1
            expected = {
                id_of(scope.user_id, task["id"])
                for task in world.tasks
                if finds(expression, task, world.view)
            }
            with suppress(FilterError):  # two searches and several labels cost too much
                assert await found(scope, expression, world) == expected, (text, world)
        connection.execute("DELETE FROM users WHERE id = %s", [scope.user_id])


async def test_random_filters_find_what_a_plain_evaluation_finds(
    connection: psycopg.Connection[Any], pool: Pool
) -> None:
    await compare(connection, pool, random.Random(11), SHORT)


@pytest.mark.long
async def test_many_random_filters_find_what_a_plain_evaluation_finds(
    connection: psycopg.Connection[Any],
    pool: Pool,
    run_seed: int,
    pytestconfig: pytest.Config,
) -> None:
    print(f"\nseed {run_seed}", flush=True)  # noqa: T201
    pairs = pytestconfig.getoption("pairs") or LONG
    await compare(connection, pool, random.Random(run_seed), pairs)
