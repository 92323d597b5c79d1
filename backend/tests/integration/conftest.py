"""What tests of the command line and of streams need."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from duly.core.config import Settings
from duly.runtime import hub
from tests.support.instances import running
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
