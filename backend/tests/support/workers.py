"""Instances of a test's own, whose hubs and connections it can look at."""

from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from duly.runtime.hub import Hub
from tests.support.direct_sql import execute


def hub_of(app: FastAPI) -> Hub:
    found: Hub = app.state.context.hub
    return found


@dataclass
class Worker:
    """An instance of the test's own, whose connections the database knows by `name`."""

    app: FastAPI
    client: httpx.AsyncClient
    name: str
    dsn: str

    @property
    def hub(self) -> Hub:
        return hub_of(self.app)

    async def connections(self, statement: str = "%") -> list[int]:
        """The process ids of its connections whose last statement was like that."""
        rows = await execute(
            self.dsn,
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query LIKE %s",
            self.name,
            statement,
        )
        return [row[0] for row in rows]


def worker_settings(settings: Settings, dsn: str, direct: str | None = None) -> Settings:
    return settings.model_copy(
        update={
            "database_url": SecretStr(dsn),
            "database_direct_url": SecretStr(direct) if direct else None,
        }
    )
