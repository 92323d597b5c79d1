"""Other places from which people call, and other instances that they reach."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from duly.core.config import Settings
from duly.main import create_app


def client_at(app: FastAPI, address: str, **options: Any) -> httpx.AsyncClient:
    """A client of `app` that calls from `address`."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://duly.test", **options)


@asynccontextmanager
async def running(
    settings: Settings, address: str, **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Another instance on the same database, as a second worker is; gives a client of it."""
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app), client_at(app, address) as client:
        yield client
