"""The log of an internal error identifies it, and contains no values of the request."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.logging import configure_logging
from tests.support.accounts import API, register
from tests.support.databases import migrated_database
from tests.support.instances import captured_logs, running

SECRET = "Vertraulich"
ADDRESS = "198.51.100.8"


@pytest.fixture(scope="module")
def flawed(dsn: str) -> Iterator[str]:
    """A database of its own that refuses what the service takes: a defect, as it were."""
    with migrated_database(dsn) as own:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("ALTER TABLE tasks ADD CHECK (title NOT LIKE 'Vertraulich%')")
        yield own


@asynccontextmanager
async def defective(
    settings: Settings, dsn: str, **changes: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, io.StringIO]]:
    with captured_logs(settings) as stream:
        async with running(settings, ADDRESS, database_url=SecretStr(dsn), **changes) as client:
            yield client, stream


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_defect_is_logged_in_full_but_for_the_values(
    settings: Settings, flawed: str, log_format: str
) -> None:
    async with defective(settings, flawed, log_format=log_format) as (client, stream):
        account = await register(client, password=f"{SECRET} and long")
        response = await account.post(
            "/tasks", {"title": f"{SECRET} title", "description": f"{SECRET} description"}
        )

    assert response.status_code == 500
    text = stream.getvalue()
    assert response.headers["x-request-id"] in text
    # What kind of error it was, and where, line by line.
    assert "CheckViolation" in text
    assert "records/commands.py" in text
    assert SECRET.lower() not in text.lower()
    assert account.session["access_token"] not in text


async def test_an_unreachable_database_is_logged_without_its_password(
    settings: Settings,
) -> None:
    dsn = f"postgresql://duly:{SECRET}@127.0.0.1:1/duly"
    async with defective(settings, dsn, request_timeout=0.3) as (client, stream):
        response = await client.post(
            f"{API}/auth/login", json={"email": "ada@example.com", "password": SECRET}
        )

    assert response.status_code == 503
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert "database.unavailable" in {line["event"] for line in events}
    assert SECRET.lower() not in stream.getvalue().lower()


def fail() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        raise LookupError(f"not a number: {SECRET}") from error


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_exceptions_logged_by_libraries_contain_no_values(
    settings: Settings, log_format: str
) -> None:
    with captured_logs(settings) as stream:
        configure_logging("info", log_format)
        try:
            fail()
        except LookupError:
            logging.getLogger("some.library").exception("It failed")

    text = stream.getvalue()
    assert "It failed" in text
    assert "LookupError" in text
    assert "ValueError" in text
    assert "test_error_logs.py" in text
    assert SECRET not in text
