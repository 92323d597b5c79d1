"""What tests of the command line, of migrations and of streams need."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from duly.core.config import Settings
from duly.database import migrations
from duly.runtime import hub
from tests.support.databases import fresh_database
from tests.support.instances import running
from tests.support.previous_release import PREVIOUS
from tests.support.workers import Worker, worker_settings


@pytest.fixture
def commanded(
    clean_environment: pytest.MonkeyPatch, dsn: str, tmp_path: Path
) -> pytest.MonkeyPatch:
    """An environment in which commands work on the database of the run."""
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("DATABASE_URL", dsn)
    clean_environment.setenv("DULY_SECRET_KEY", secrets.token_hex(32))
    clean_environment.setenv("DULY_BCRYPT_COST", "4")
    return clean_environment


@pytest.fixture
def old(dsn: str) -> Iterator[str]:
    """A database with the schema of the previous release."""
    with fresh_database(dsn) as database:
        migrations.upgrade(database, PREVIOUS)
        yield database


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"


@pytest.fixture
async def worker(
    settings: Settings, dsn: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Worker]:
    monkeypatch.setattr(hub, "_RETRY_INTERVAL", 0.2)
    name = f"worker-{uuid4().hex[:8]}"
    own = worker_settings(settings, f"{dsn}&application_name={name}")
    async with running(own, address) as client:
        yield Worker(client._transport.app, client, name, dsn)  # type: ignore[attr-defined]
