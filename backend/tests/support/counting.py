"""What a request makes the service do, so that two requests can be compared."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import bcrypt
import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.database.pool import Pool
from duly.database.values import Row
from duly.main import create_app


@dataclass
class Work:
    """What a request made the service do."""

    statements: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    """The version and cost of each hash that was computed."""


class CountingPool(Pool):
    """The real pool, which remembers what it ran."""

    work = Work()

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        self.work.statements.append(sql)
        return await super().fetch(sql, params, is_for_response=is_for_response)


@asynccontextmanager
async def counting(settings: Settings) -> AsyncIterator[FastAPI]:
    """An application of which the work can be seen."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        context = app.state.context
        pool = CountingPool(
            settings.database_url.get_secret_value() if settings.database_url else "",
            size=2,
            timeout=5,
        )
        await pool.open()
        app.state.context = replace(context, pool=pool)
        yield app
        await pool.close()


@contextmanager
def work_of(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """What the application does in the block."""
    work = app.state.context.pool.work = Work()
    check = bcrypt.checkpw

    def count(password: bytes, hashed: bytes) -> bool:
        work.hashes.append(hashed[:7])
        return check(password, hashed)

    with monkeypatch.context() as patch:
        patch.setattr(bcrypt, "checkpw", count)
        yield work
    app.state.context.pool.work = Work()


def seen(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer, the order of its headers included, less what names the request."""
    headers = [(k, v) for k, v in answer.headers.multi_items() if k != "x-request-id"]
    return answer.status_code, answer.content, headers
