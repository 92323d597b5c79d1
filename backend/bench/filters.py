"""The time of the costliest filters over 100,000 tasks of one user: `make bench-filters`.

Each filter is a page of a list, planned and run as the service does it. Times are those of the CPU,
which other programs hardly affect. If a filter finds no task, all terms are evaluated for all tasks.
"""

import argparse
import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import psutil
import psycopg

from bench.live import database
from duly.database.connections import plan_settings
from duly.database.pool import Pool
from duly.database.queries import query_of
from duly.database.scope import UserScope
from duly.database.statements import OwnedStatement
from duly.filter_language import FilterError, cost, parse
from duly.services.task_filters import bound_filter
from duly.utils.identifiers import new_id
from duly.utils.name_keys import name_key
from duly.utils.search import description_vector, title_vector
from tests.support.filter_samples import statement_of

LISTS = LABELS = 1_000
RUNS = 10
TODAY = date(2026, 11, 26)


def fill(connection: psycopg.Connection[Any], tasks: int, labels: int) -> UUID:
    """Create a user with tasks, some of each kind, and so many labels on each."""
    user_id = new_id()
    connection.execute(
        "INSERT INTO users (id, email, password_hash) VALUES (%s, 'heavy@example.com', '')",
        [user_id],
    )
    for table, count in (("lists", LISTS), ("labels", LABELS)):
        for number in range(count):
            name = f"{number:x}"
            connection.execute(
                f"INSERT INTO {table} (user_id, id, name, name_key, revision) "
                "VALUES (%s, %s, %s, %s, 1)".encode(),
                [user_id, new_id(), name, name_key(name)],
            )
    connection.execute(
        "CREATE TEMP TABLE numbered AS SELECT id, row_number() OVER () - 1 AS n FROM labels"
    )
    connection.execute("CREATE TEMP TABLE words (n int, title tsvector, description tsvector)")
    with connection.cursor().copy("COPY words FROM STDIN") as copy:
        for number in range(tasks):
            copy.write_row(
                (
                    number,
                    title_vector(user_id, f"Task number {number}"),
                    description_vector(user_id, "some words " * 10),
                )
            )
    connection.execute(
        "INSERT INTO tasks (user_id, id, title, description, revision, created_at, updated_at, "
        "completed_at, list_id, priority, due_date, due_time, due_timezone, due_at, start_date, "
        "recurrence_rule, recurrence_anchor, recurrence_from, recurrence_occurrence, "
        "title_words, description_words, label_ids) "
        "SELECT %(user)s, gen_random_uuid(), 'Task number ' || n, repeat('some words ', 10), n + 1, "
        "time, time, CASE WHEN n %% 3 = 0 THEN time END, "
        "CASE WHEN n %% 10 > 0 THEN (array(SELECT id FROM lists))"
        "[1 + n %% %(lists)s] END, nullif(n %% 5, 0), "
        "CASE WHEN n %% 4 > 0 THEN day END, CASE WHEN n %% 4 = 1 THEN '09:00' END, "
        "CASE WHEN n %% 4 = 1 THEN 'Asia/Tokyo' END, "
        "CASE WHEN n %% 4 = 1 THEN (day + time '09:00') AT TIME ZONE 'Asia/Tokyo' END, "
        "CASE WHEN n %% 7 = 0 THEN day END, "
        "CASE WHEN n %% 44 = 11 THEN 'FREQ=DAILY' END, CASE WHEN n %% 44 = 11 THEN 'due' END, "
        "CASE WHEN n %% 44 = 11 THEN day END, CASE WHEN n %% 44 = 11 THEN day END, "
        "words.title, words.description, array(SELECT id FROM numbered WHERE numbered.n IN "
        "(SELECT (words.n * 31 + k * k * 7) %% %(labels)s FROM generate_series(1, %(each)s) k)) "
        "FROM words, LATERAL (SELECT now() - words.n * interval '7 min' AS time, "
        "%(today)s::date + words.n %% 400 - 200 AS day)",
        {"user": user_id, "lists": LISTS, "labels": LABELS, "each": labels, "today": TODAY},
    )
    connection.execute("VACUUM ANALYZE")
    return user_id


def many(count: int, term: Callable[[int], str], sign: str = "|") -> str:
    """A filter of so many terms."""
    return sign.join(term(number) for number in range(count))


def none(terms: str) -> str:
    """A filter that evaluates these terms for each task, and finds no task."""
    return f"({terms})&(start<1900-01-01|no due&!no due)"


FILTERS: Mapping[str, str] = {
    "one term that finds nothing": "start<1900-01-01",
    "27 days": many(27, lambda n: f"start=18{n + 10}-01-01"),
    "49 times overdue, excluded": many(49, lambda _: "!overdue", "&") + "&start<1900-01-01",
    "50 lists that are missing": many(50, lambda n: f"#z{n}"),
    "5 beginnings of 273 lists each": none(many(5, lambda _: "(#1*&!#1*)")),
    "24 labels, excluded": many(24, lambda n: f"!@{n + 256:x}", "&") + "&start<1900-01-01",
    "25 labels that are missing": many(25, lambda n: f"@z{n}"),
    "a beginning of 17 labels, twice": none("@11*&!@11*"),
    "beginnings of 273 labels (refused)": none("@1*"),
    "a search for what all tasks have, excluded": "!search:task",
    "the same, by a beginning": "!search:t",
    "the same, with 14 days": "!search:task|" + many(14, lambda n: f"start=18{n + 10}-01-01"),
    "two searches (refused)": "!search:task|p1&!search:number",
    "a search for what all tasks have": "search:task",
    "today": "today",
    "today or overdue": "(today|overdue)&open",
    "a list": "#5",
    "a label": "@5",
}


def milliseconds(
    connection: psycopg.Connection[Any], statement: OwnedStatement, given: Mapping[str, Any]
) -> float:
    """The CPU time of an execution in the server's process, the mean of several."""
    process = psutil.Process(connection.info.backend_pid)
    query = query_of(statement.sql)
    connection.execute("DEALLOCATE ALL")
    connection.execute(b"PREPARE planned AS " + query.text)
    marks = ", ".join(["%s"] * len(query.names))
    execute = f"EXECUTE planned({marks})".encode()
    values = [
        value if value is None else as_text(value)
        for value in ({**statement.constants, **given}[name] for name in query.names)
    ]
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(execute, values)
    before = sum(process.cpu_times())
    for _ in range(RUNS):
        cursor.execute(execute, values)
    return (sum(process.cpu_times()) - before) / RUNS * 1000


def as_text(value: Any) -> str:
    """A value as PostgreSQL reads it, of whatever type."""
    return f"{{{','.join(map(str, value))}}}" if isinstance(value, list) else str(value)


async def measure(dsn: str, tasks: int, labels: int) -> None:
    """Print the time of each filter, for a page and for a page with the total."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        user_id = fill(connection, tasks, labels)
        connection.execute("SET max_parallel_workers_per_gather = 0")
        for setting in plan_settings(connection.info.server_version):
            connection.execute(setting)
        pool = Pool(dsn, size=1, timeout=30)
        await pool.open()
        columns = [
            (sort, is_counted) for sort in ("created_at", "due") for is_counted in (False, True)
        ]
        heads = [f"{sort}{' + total' if counted else ''}" for sort, counted in columns]
        print(f"{'milliseconds of CPU, sorted by':44} cost " + " ".join(f"{h:>18}" for h in heads))
        for name, text in FILTERS.items():
            try:
                expression = parse(text)
                bound = await bound_filter(
                    UserScope(pool, user_id), expression, timezone="Europe/Berlin", today=TODAY
                )
            except FilterError as error:
                print(f"{name:44} {error.message[:70]} ...")
                continue
            given = {"user_id": user_id, "limit": 21, "offset": 0, **bound.params}
            taken = [
                milliseconds(
                    connection, statement_of(bound.shape, sort, is_counted=counted), given
                )
                for sort, counted in columns
            ]
            figures = " ".join(f"{one:18.0f}" for one in taken)
            print(f"{name:44} {cost(expression):4} {figures}", flush=True)
        await pool.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=3, help="of each task")
    options = parser.parse_args()
    with database() as dsn:
        asyncio.run(measure(dsn, options.tasks, options.labels))


if __name__ == "__main__":
    main()
