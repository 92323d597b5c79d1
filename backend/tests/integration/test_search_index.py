"""A search reads the caller's part of the index only, whatever other users have."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from duly.schemas.tasks import TaskSort
from duly.services.task_pages import Shape, list_statement
from duly.utils.identifiers import new_id
from duly.utils.search import description_vector, search_query, title_vector
from tests.support.databases import migrated_database, schema_of

Connection = psycopg.Connection[Any]

OWN_TASKS = 1_000
OWN_MATCHES = 20
SEARCHES = ["milk", "mil", "-milk", '"buy milk"', "buy milk -bread", "nothing"]


@pytest.fixture(scope="module")
def connection(dsn: str) -> Iterator[Connection]:
    with (
        migrated_database(dsn) as database,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        # The table is small enough for PostgreSQL to prefer reading it whole.
        connection.execute("SET enable_seqscan = off")
        yield connection


@pytest.fixture(scope="module")
def searcher(connection: Connection) -> UUID:
    user_id = new_user(connection)
    create_tasks(connection, user_id, "bread", OWN_TASKS - OWN_MATCHES)
    create_tasks(connection, user_id, "milk", OWN_MATCHES)
    connection.execute("ANALYZE")
    return user_id


def new_user(connection: Connection) -> UUID:
    user_id = new_id()
    connection.execute(
        "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, 'none')",
        [user_id, f"{user_id}@example.com"],
    )
    return user_id


def create_tasks(connection: Connection, user_id: UUID, word: str, count: int) -> None:
    """Insert tasks with a word in the title and in the description."""
    with connection.cursor().copy(
        "COPY tasks (user_id, id, title, description, revision, title_words, description_words) "
        "FROM STDIN"
    ) as copy:
        for number in range(1, count + 1):
            title, description = f"buy {word}", f"{word} for {number}"
            copy.write_row(
                (
                    *(user_id, new_id(), title, description, number),
                    title_vector(user_id, title),
                    description_vector(user_id, description),
                )
            )


def explain(
    connection: Connection,
    user_id: UUID,
    q: str,
    sort: TaskSort = TaskSort.CREATED_AT_DESCENDING,
) -> dict[str, Any]:
    """Run a search as the service does; return what PostgreSQL did for it."""
    statement = list_statement(Shape(sort=sort, is_searched=True, is_counted=True))
    params = {"user_id": user_id, "words": search_query(user_id, q), "limit": 21, "offset": 0}
    found = connection.execute(
        b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql,
        {**statement.constants, **params},
    ).fetchone()
    assert found is not None
    plan: dict[str, Any] = found[0][0]["Plan"]
    return plan


def buffers_of(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


def test_buffers_of_a_search_do_not_grow_with_matches_of_other_users(
    connection: Connection, searcher: UUID
) -> None:
    before = {q: buffers_of(explain(connection, searcher, q)) for q in SEARCHES}
    assert max(before.values()) < 300

    for _ in range(8):
        create_tasks(connection, new_user(connection), "milk", 500)

    after = {q: buffers_of(explain(connection, searcher, q)) for q in SEARCHES}
    # The index may have become a level higher, for each word.
    assert {q: after[q] for q in SEARCHES if after[q] > before[q] + 10} == {}


@pytest.mark.parametrize("sort", TaskSort)
def test_a_search_uses_the_index_and_meets_rows_of_its_user_only(
    connection: Connection, searcher: UUID, sort: TaskSort
) -> None:
    create_tasks(connection, new_user(connection), "milk", 2_000)

    for q in SEARCHES:
        scans = [
            node
            for node in nodes_of(explain(connection, searcher, q, sort))
            if node.get("Index Name") == "ix_tasks_words"
        ]
        assert len(scans) == 1  # it serves the page and its total
        assert all(scan["Actual Rows"] <= OWN_TASKS for scan in scans)


def test_no_text_is_split_into_words_by_postgresql(dsn: str) -> None:
    # `to_tsvector` is quadratic on some texts, and a restore would run it on all of them again.
    with migrated_database(dsn) as database:
        schema = schema_of(database)

    assert "to_ts" not in schema
    assert "tsvector DEFAULT ''::tsvector NOT NULL" in schema
