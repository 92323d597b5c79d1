"""How long statements take as the number of tasks grows: `make bench-growth`.

A hundred users with 100 tasks each are measured, and one with 100,000; the other tasks belong to 9,900
more users. For each number of tasks, prints the median time of each statement, on one connection, as
the pool sends it, and by how much the largest median exceeds the smallest.
"""

import argparse
import random
import re
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from bench.live import database
from duly.core.config import Settings
from duly.database.connections import plan_settings
from duly.database.scope import UserScope
from duly.database.statements import Statement
from duly.records import changes
from duly.records.commands import Command
from duly.records.page_statements import Resumption
from duly.schemas.tasks import TaskCreate
from duly.services import sync, task_trees, tasks
from duly.services.task_pages import Shape, list_statement
from duly.utils.search import title_vector

MEASURED = 100
OTHERS = 9_900
EACH = 100
HEAVY = 100_000

_USERS = """
INSERT INTO users (id, email, password_hash, revision, task_count)
SELECT lpad(to_hex(u), 32, '0')::uuid, u || '@example.com', 'x', %s, %s
FROM generate_series(%s::int, %s) u
"""
# Every hundredth task is in the trash, and one in ten is open. Ids are in order of time, as UUIDv7.
_TASKS = """
INSERT INTO tasks (user_id, id, title, description, completed_at, created_at, updated_at, revision,
    trashed_at, title_words)
SELECT lpad(to_hex(u), 32, '0')::uuid,
    (lpad(to_hex(i), 12, '0') || '7' || substr(md5(i || '/' || u), 1, 19))::uuid,
    'Task ' || md5(i || '/' || u), 'two litres',
    CASE WHEN mod(i, 10) > 0 THEN now() END, now() - (%s - i) * interval '1 minute',
    now() - (%s - i) * interval '1 minute', i, CASE WHEN mod(i, 100) = 0 THEN now() END,
    quote_literal(substr(md5(u::text), 1, 22) || mod(i, 100))::tsvector
FROM generate_series(1, %s::int) i, generate_series(%s::int, %s) u
"""

Connection = psycopg.Connection[dict[str, Any]]

_SETTINGS = Settings(max_tasks=10_000_000)


def load(connection: Connection, first: int, last: int, each: int) -> None:
    """Create users with `each` tasks."""
    connection.execute(_USERS, [each, each, first, last])
    connection.execute(_TASKS, [each, each, each, first, last])


class Scenarios:
    """The statements of requests, for one user at a time."""

    def __init__(self, connection: Connection, draw: Callable[[], UUID]) -> None:
        self._connection = connection
        self._draw = draw
        self._ids: dict[UUID, list[UUID]] = {}
        self._user = draw()

    def next_user(self) -> None:
        """Go on as another user."""
        self._user = self._draw()
        if self._user not in self._ids:
            found = self._connection.execute(
                "SELECT id FROM tasks WHERE user_id = %s AND trashed_at IS NULL "
                "ORDER BY id DESC LIMIT 200",
                [self._user],
            ).fetchall()
            self._ids[self._user] = [row["id"] for row in found]

    def run(self, statement: Statement, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement as a scope does."""
        given = {**statement.constants, **params, "user_id": self._user}
        return self._connection.execute(statement.sql, given).fetchall()

    def _page(self, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        statement = list_statement(Shape(**options))
        return self.run(statement, {"limit": 21, "offset": 0, **(params or {})})

    def list_first(self) -> None:
        """The first page."""
        self._page()

    def list_open(self) -> None:
        """The first page of open tasks."""
        self._page(is_completed=False)

    def list_trash(self) -> None:
        """The first page of the trash."""
        self._page(is_trashed=True)

    def list_deep(self) -> None:
        """A page in the middle of the list."""
        oldest = "SELECT min(created_at) AS oldest, max(created_at) AS newest FROM tasks"
        if not hasattr(self, "_middle"):
            row = self._connection.execute(f"{oldest} WHERE user_id = %s".encode(), [self._user])
            ends = row.fetchone()
            assert ends is not None
            self._middle = ends["oldest"] + (ends["newest"] - ends["oldest"]) / 2
        after = {"after_0": self._middle, "after_id": UUID(int=2**127)}
        self._page(after, resumption=Resumption.AFTER_KEY)

    def get(self) -> None:
        """One task."""
        self.run(changes._read(tasks.TYPE), {"id": random.choice(self._ids[self._user])})

    def create(self) -> None:
        """Create a task."""
        body = TaskCreate(title="Buy milk", description="two litres")
        scope = UserScope(None, self._user)  # type: ignore[arg-type]  # it runs nothing
        command = tasks.create(scope, body, _SETTINGS)
        assert isinstance(command, Command)
        self.run(command.statement, command.params)

    def update(self) -> None:
        """Change the title of a task."""
        self.run(
            changes._setting(tasks.TYPE, frozenset({"title"})).statement,
            {
                "id": random.choice(self._ids[self._user]),
                "title": "Buy oat milk",
                "title_words": title_vector(self._user, "Buy oat milk"),
                "versions": None,
            },
        )

    def complete(self) -> None:
        """Complete a task, or open it again."""
        given = {"id": random.choice(self._ids[self._user]), "versions": None}
        if not self.run(task_trees.COMPLETE.statement, {**given, "completed_at": None}):
            self.run(task_trees.REOPEN.statement, given)

    def sync_news(self) -> None:
        """The last 20 changes."""
        found = self.run(sync._PAGE, {"after": 2**62, "begun": 0, "limit": 1})
        after = max(found[0]["newest"] - 20, 0)
        self.run(sync._PAGE, {"after": after, "begun": 0, "limit": 101})

    def sync_first(self) -> None:
        """The first 20 changes of a full sync."""
        self.run(sync._PAGE, {"after": 0, "begun": None, "limit": 21})


NAMES = [
    name for name in vars(Scenarios) if re.match("list_|sync_|get$|create|update|complete", name)
]


def measure(scenarios: Scenarios, times: int) -> dict[str, float]:
    """The median of each scenario, in milliseconds. They take turns, so that all meet the same noise."""
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(times):
        scenarios.next_user()
        for name in NAMES:
            began = time.perf_counter()
            getattr(scenarios, name)()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(some) * 1000 for name, some in taken.items()}


def at_size(total: int, times: int, prepared: bool) -> dict[str, dict[str, float]]:
    """The medians with `total` tasks, for users drawn at random and for the heavy one."""
    with (
        database() as dsn,
        psycopg.connect(
            dsn,
            autocommit=True,
            prepare_threshold=5 if prepared else None,
            row_factory=dict_row,
        ) as connection,
    ):
        for setting in plan_settings(connection.info.server_version):
            connection.execute(setting)
        began = time.monotonic()
        load(connection, 2, MEASURED + 1, EACH)
        load(connection, MEASURED + 2, MEASURED + OTHERS + 1, (total - MEASURED * EACH) // OTHERS)
        load(connection, 1, 1, HEAVY)
        connection.execute("CHECKPOINT")
        loaded = timedelta(seconds=round(time.monotonic() - began))
        print(f"{total:,} tasks and {HEAVY:,} of one user, loaded in {loaded}", flush=True)
        light = Scenarios(connection, lambda: UUID(int=random.randint(2, MEASURED + 1)))
        heavy = Scenarios(connection, lambda: UUID(int=1))
        return {"any user": measure(light, times), "heavy user": measure(heavy, times)}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=500, help="runs of each statement")
    parser.add_argument("--unprepared", action="store_true", help="as behind a pooler")
    options = parser.parse_args()
    measured = {
        total: at_size(total, options.times, not options.unprepared) for total in options.tasks
    }
    for whose in ("any user", "heavy user"):
        print(f"{whose:12} " + " ".join(f"{total:>11,}" for total in measured) + "   growth")
        for name in NAMES:
            medians = [figures[whose][name] for figures in measured.values()]
            columns = " ".join(f"{median:8.3f} ms" for median in medians)
            print(f"  {name:10} {columns}   {max(medians) / min(medians):6.2f}")


if __name__ == "__main__":
    main()
