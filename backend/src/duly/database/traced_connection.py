"""A connection whose exchanges with the server are spans, in requests that are traced."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlmodel import SQLModel

import duly.models  # noqa: F401  # declares the tables
from duly.core.spans import client_span, is_recording
from duly.database.connection import Call, Connection
from duly.database.values import Row

_WRITE = re.compile(rb"\b(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)\b")
_READ = re.compile(rb"\b(?:FROM|JOIN) (\w+)\b")


class TracedConnection(Connection):
    """A connection of a pool, in an application that exports traces."""

    async def execute(self, sql: bytes) -> None:
        """Run a command, in a span of its own."""
        if not is_recording():
            await super().execute(sql)
            return
        name = sql.split(maxsplit=1)[0].rstrip(b";").decode()
        with client_span(name, _attributes(name)):
            await super().execute(sql)

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        """Run one statement in a span of its own, and return its rows."""
        if not is_recording():
            return await super().fetch(sql, params, is_for_response=is_for_response)
        name = summary_of(sql)
        with client_span(name, _attributes(name)):
            return await super().fetch(sql, params, is_for_response=is_for_response)

    async def fetch_many(self, calls: Sequence[Call]) -> list[list[Row]]:
        """Run statements in one span, and return the rows of each."""
        if not is_recording():
            return await super().fetch_many(calls)
        name = ", ".join(_once(summary_of(sql) for sql, _ in calls))
        size = {"db.operation.batch.size": len(calls)} if len(calls) > 1 else {}
        with client_span(name, {**_attributes(name), **size}):
            return await super().fetch_many(calls)


def _attributes(summary: str) -> dict[str, str | int]:
    return {"db.system.name": "postgresql", "db.query.summary": summary}


@lru_cache(maxsize=1024)
def summary_of(sql: bytes) -> str:
    """Return what a statement writes, such as `UPDATE users INSERT tasks`, or else what it reads."""
    tables = SQLModel.metadata.tables
    writes = _once(
        f"{verb.decode()} {table.decode()}"
        for verb, table in _WRITE.findall(sql)
        if table.decode() in tables
    )
    if writes:
        return " ".join(writes)
    found = (table.decode() for table in _READ.findall(sql))
    return " ".join(["SELECT", *_once(table for table in found if table in tables)])


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
