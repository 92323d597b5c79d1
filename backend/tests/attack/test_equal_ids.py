"""Users with resources of the same ids neither see nor change what the other one has."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.main import create_app
from tests.attack.environments import database
from tests.attack.equal_ids import NOTICED, History
from tests.attack.predicates import each_statement, mutants, sources
from tests.support.accounts import register
from tests.support.instances import client_at
from tests.support.workers import worker_settings


@pytest.fixture(scope="module")
async def own_dsn(dsn: str) -> AsyncIterator[str]:
    """A database of its own: some statements change all users if they forget their owner."""
    async with database(dsn) as own:
        yield own


@pytest.fixture(scope="module")
async def own_app(settings: Settings, own_dsn: str) -> AsyncIterator[FastAPI]:
    app = create_app(worker_settings(settings, own_dsn))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def history(own_app: FastAPI, own_dsn: str, address: str) -> Any:
    client = client_at(own_app, address)

    async def run() -> list[Any]:
        # Bob first: what is looked for without an owner may be found in his rows.
        bob, alice = await register(client), await register(client)
        return await History(alice, bob, own_dsn).run()

    return run


async def test_user_is_untouched_by_another_one_with_the_same_ids(history: Any) -> None:
    seen = await history()

    assert [part for part in seen if isinstance(part, bool)] == [True] * 12


@pytest.mark.slow
@pytest.mark.parametrize("origin", sorted(NOTICED))
async def test_removed_predicate_is_noticed_by_users_with_the_same_ids(
    history: Any, origin: str
) -> None:
    without = {
        mutant.source.sql: mutant.sql
        for source in sources()
        for mutant in mutants(source)
        if mutant.origin == origin
    }
    assert without
    expected = await history()

    with each_statement(lambda sql: without.get(sql, sql)):
        try:
            seen = await history()
        except AssertionError as error:  # a request to prepare the history has failed
            seen = [error]

    assert seen != expected
