"""Other places from which people call, and other instances that they reach."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.logging import configure_logging
from duly.main import create_app
from duly.runtime import maintenance


def client_at(app: FastAPI, address: str, **options: Any) -> httpx.AsyncClient:
    """A client of `app` that calls from `address`."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://duly.test", **options)


@asynccontextmanager
async def running(
    settings: Settings, address: str, **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Run another instance on the same database, like a second worker; yield a client of it."""
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app), client_at(app, address) as client:
        yield client


@contextmanager
def captured_logs(settings: Settings) -> Iterator[io.StringIO]:
    """Capture the standard error of an application created in the block."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        yield stream
    configure_logging(settings.log_level, settings.log_format)


async def sweep_all(app: FastAPI) -> None:
    """Sweep; where another test is at it, wait for a turn."""
    while len(await maintenance.sweep(app.state.context.across_users)) < len(maintenance._SWEEPS):  # noqa: ASYNC110  # it is the database that tells
        await asyncio.sleep(0.01)
