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
from tests.support.filter_oracle import Viewpoint, finds
from tests.support.filter_random import random_filter, random_sample
from tests.support.filter_samples import fill, found, id_of
from tests.support.filter_vectors import SAMPLES, Sample

SHORT = 400
LONG = 100_000
FILTERS_OF_A_SAMPLE = 50


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


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_filter_finds_the_tasks_of_the_vectors(
    connection: psycopg.Connection[Any], pool: Pool, sample: Sample
) -> None:
    user_id = fill(connection, sample)
    for text, ids in sample.queries:
        expected = {id_of(user_id, name) for name in ids}
        assert await found(UserScope(pool, user_id), parse(text), sample) == expected, text


@pytest.mark.parametrize(
    "text", ["#n*", "!#n*", "#n1*", "!#n1*", "/n1*", "/n*", "!/n*", "#n* & p1", "@n*", "!@n* | p1"]
)
async def test_name_that_begins_many_finds_the_tasks_of_all(
    connection: psycopg.Connection[Any], pool: Pool, text: str
) -> None:
    kinds = [[{"id": f"{kind}{n}", "name": f"n{n}"} for n in range(30)] for kind in "lsb"]
    names = [{one["id"]: one["name"] for one in kind} for kind in kinds]
    names[0]["other"] = "other"
    lists, sections, labels = kinds
    template = SAMPLES[0].tasks[0]
    tasks = [
        {
            **template,
            "id": f"t{n}",
            "list_id": "other" if n == 30 else f"l{n}",
            "section_id": f"s{n}" if n % 3 == 0 and n < 30 else None,
            "label_ids": [f"b{n}"] if n % 5 == 0 and n < 30 else [],
            "priority": 1 + n % 2,
        }
        for n in range(31)
    ]
    sample = Sample(
        "many",
        Viewpoint("Etc/UTC", SAMPLES[0].view.today, *names),
        [*lists, {"id": "other", "name": "other"}],
        [{**section, "list_id": f"l{n}"} for n, section in enumerate(sections)],
        labels,
        tasks,
        [],
    )
    scope = UserScope(pool, fill(connection, sample))
    expected = {
        id_of(scope.user_id, task["id"]) for task in tasks if finds(parse(text), task, sample.view)
    }
    assert await found(scope, parse(text), sample) == expected


async def compare(
    connection: psycopg.Connection[Any], pool: Pool, drawn: random.Random, pairs: int
) -> None:
    """Compare PostgreSQL with the plain evaluation for as many samples and filters."""
    done = 0
    while done < pairs:
        sample = random_sample(drawn)
        scope = UserScope(pool, fill(connection, sample))
        for _ in range(min(FILTERS_OF_A_SAMPLE, pairs - done)):
            text = random_filter(drawn, sample)
            expression = parse(text)
            done += 1
            expected = {
                id_of(scope.user_id, task["id"])
                for task in sample.tasks
                if finds(expression, task, sample.view)
            }
            with suppress(FilterError):  # two searches and several labels cost too much
                assert await found(scope, expression, sample) == expected, (text, sample)
        connection.execute("DELETE FROM users WHERE id = %s", [scope.user_id])


@pytest.mark.slow
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
