"""PostgreSQL reads lists by an index in their order, whatever its statistics say."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from duly.database.connections import plan_settings
from duly.database.queries import query_of
from duly.database.statements import CrossUserStatement, Statement
from duly.records import changes, creation, export, sync
from duly.records.page_statements import Resumption
from duly.schemas.tasks import TaskSort
from duly.services import lists, sections, task_occurrences, task_places, task_trees, tasks
from duly.services.profiles import PROFILE
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.task_pages import Shape, list_statement
from tests.support.databases import migrated_database

Plan = dict[str, Any]
HEAVY = 60_000
LIGHT = 2_000
STATES = ("never analyzed", "analyzed", "many light users", "grown since the analysis")
VALUES = {
    "limit": 21,
    "offset": 0,
    "after": 0,
    "after_id": UUID(int=7),
    "trashed": False,
}
"""Values of parameters; those of others are null."""


def fill(connection: psycopg.Connection[Any], users: int, each: int) -> UUID:
    """Add users with tasks: half of them completed, a tenth trashed. Return one of the users."""
    ids = [uuid4() for _ in range(users)]
    connection.execute(
        "INSERT INTO users (id, email, password_hash) SELECT id, id::text, '' FROM unnest(%s) id",
        [ids],
    )
    connection.execute(
        "INSERT INTO tasks (user_id, id, title, revision, created_at, updated_at, completed_at, "
        "trashed_at) SELECT id, gen_random_uuid(), 'Task ' || n, n, time, time, "
        "CASE WHEN n %% 2 = 0 THEN time END, CASE WHEN n %% 10 = 0 THEN time END "
        "FROM unnest(%s) id, generate_series(1, %s) n, "
        "LATERAL (SELECT now() - n * interval '1 second' AS time)",
        [ids, each],
    )
    return ids[0]


@pytest.fixture(
    scope="module",
    params=[STATES[0], *(pytest.param(state, marks=pytest.mark.slow) for state in STATES[1:])],
)
def state(request: pytest.FixtureRequest, dsn: str) -> Iterator[tuple[Any, UUID]]:
    """A database in one state of its statistics, and a user with many tasks."""
    with (
        migrated_database(dsn) as own,
        psycopg.connect(own, autocommit=True, prepare_threshold=None) as connection,
    ):
        connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = off)")
        user_id = fill(connection, 1, HEAVY)
        step = STATES.index(request.param)
        if step > 0:
            connection.execute("ANALYZE")
        if step > 1:
            fill(connection, LIGHT, 5)
            connection.execute("ANALYZE")
        if step > 2:
            user_id = fill(connection, 1, HEAVY)
        for setting in plan_settings(connection.info.server_version):
            connection.execute(setting)
        yield connection, user_id


def plan_of(
    connection: psycopg.Connection[Any], statement: Statement, values: Mapping[str, Any]
) -> list[Plan]:
    """All nodes of the plan of a statement."""
    given = {**VALUES, **statement.constants, **values}
    query = query_of(statement.sql)
    found = [given.get(name) for name in query.names]
    arguments = [None if value is None else str(value) for value in found]
    connection.execute("DEALLOCATE ALL")
    connection.execute(b"PREPARE planned AS " + query.text)
    marks = ", ".join(["%s"] * len(arguments))
    explain = f"EXPLAIN (FORMAT JSON) EXECUTE planned({marks})"
    row = psycopg.ClientCursor(connection).execute(explain.encode(), arguments).fetchone()
    assert row is not None
    return list(_nodes(row[0][0]["Plan"]))


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def reads_of(plan: list[Plan], table: str) -> list[str]:
    """How a plan reads a table: by which index, or whole; sorted or not."""
    return [
        str(node.get("Index Name", node["Node Type"]))
        for node in plan
        if node.get("Relation Name") == table or node["Node Type"] == "Bitmap Index Scan"
    ]


MARKS = {"title": "Task 7", "due": "2026-11-20", "priority": "2", "position": "g0000007"}
OF_NULLS = ("due", "priority", "completed_at")
"""Orders of what not every task has: those without it follow, by id."""


@pytest.mark.parametrize(
    ("sort", "resumption"),
    [*product(TaskSort, (Resumption.START, Resumption.AFTER_KEY))],
)
def test_list_is_read_by_the_index_of_its_order(
    state: tuple[Any, UUID], sort: TaskSort, resumption: Resumption
) -> None:
    connection, user_id = state
    name = sort.removeprefix("-")
    mark = MARKS.get(name, "2026-11-20")
    index = f"ix_tasks_live_user_id_{name}_id"
    # The manual order is that of one list.
    shape = Shape(sort=sort, resumption=resumption)
    if name == "position":
        shape = shape._replace(list_id="inbox", leaves_out_archived=False)
        index = "ix_tasks_inbox_user_id_position_id"

    plan = plan_of(
        connection,
        list_statement(shape),
        {"user_id": user_id, "after_0": mark, "after_1": "09:30"},
    )

    indexes = [index, "pk_tasks"] if name in OF_NULLS else [index]
    assert reads_of(plan, "tasks") == indexes


def test_list_of_one_list_is_read_in_its_manual_order(state: tuple[Any, UUID]) -> None:
    connection, user_id = state
    shape = Shape(sort=TaskSort.POSITION, list_id="id", leaves_out_archived=False)

    plan = plan_of(connection, list_statement(shape), {"user_id": user_id, "of_list_id": uuid4()})

    assert reads_of(plan, "tasks") == ["ix_tasks_live_user_id_list_id_position_id"]


@pytest.mark.parametrize("name", OF_NULLS)
def test_rest_of_a_list_without_the_key_is_read_by_id(state: tuple[Any, UUID], name: str) -> None:
    connection, user_id = state
    shape = Shape(sort=TaskSort(name), resumption=Resumption.AFTER_NULL)

    plan = plan_of(connection, list_statement(shape), {"user_id": user_id})

    assert reads_of(plan, "tasks") == ["pk_tasks"]


@pytest.mark.parametrize(
    ("options", "index"),
    [
        ({"is_completed": False}, "ix_tasks_open_user_id_created_at_id"),
        ({"is_trashed": True}, "ix_tasks_trashed_user_id_created_at_id"),
    ],
)
def test_few_of_many_are_read_by_an_index_of_their_own(
    state: tuple[Any, UUID], options: dict[str, Any], index: str
) -> None:
    connection, user_id = state
    statement = list_statement(Shape(**options))

    assert reads_of(plan_of(connection, statement, {"user_id": user_id}), "tasks") == [index]


def test_list_is_read_by_its_index_without_the_settings_of_the_pool(
    state: tuple[Any, UUID], request: pytest.FixtureRequest
) -> None:
    """As behind a transaction pooler. Only a user who has just grown is taken for a small one."""
    connection, user_id = state
    if "grown" in request.node.callspec.id:
        pytest.skip("without the settings, PostgreSQL sorts until the next ANALYZE")
    statement = list_statement(Shape())
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        connection.execute("SET LOCAL enable_sort = on")

        plan = plan_of(connection, statement, {"user_id": user_id})

    assert reads_of(plan, "tasks") == ["ix_tasks_live_user_id_created_at_id"]


@pytest.mark.parametrize("after", [0, HEAVY - 10])
def test_sync_reads_tasks_in_the_order_of_revisions(state: tuple[Any, UUID], after: int) -> None:
    connection, user_id = state
    statement = sync.page_statement(RESOURCE_TYPES, PROFILE)

    plan = plan_of(connection, statement, {"user_id": user_id, "after": after})

    ordered = [node for node in plan if node.get("Index Name") == "ix_tasks_user_id_revision"]
    assert [node["Node Type"] for node in ordered] == ["Index Scan"]


@pytest.mark.parametrize(
    "name",
    [
        "read",
        "update",
        "complete",
        "complete one",
        "reopen",
        "reopen one",
        "trash",
        "restore",
        "erase",
        "create",
    ],
)
def test_single_tasks_are_found_by_their_key(state: tuple[Any, UUID], name: str) -> None:
    connection, user_id = state
    kind = tasks.TYPE
    statement = {
        "read": changes._read(kind),
        "update": changes._setting(kind, frozenset({"title"})).statement,
        "complete": task_trees.COMPLETE.statement,
        "complete one": task_trees.COMPLETE_ONE,
        "reopen": task_trees.REOPEN.statement,
        "reopen one": task_trees.REOPEN_ONE,
        "trash": task_trees.TRASH.statement,
        "restore": task_trees.RESTORE.statement,
        "erase": task_trees.ERASE.statement,
        "create": creation._insert(kind, creation.PLAIN, True, False, False),
    }[name]

    plan = plan_of(connection, statement, {"user_id": user_id, "id": uuid4()})

    # Subtasks are found by their parent.
    below = {"ix_tasks_user_id_parent_id"} & {*reads_of(plan, "tasks")}
    others = {*reads_of(plan, "tasks")} - {"ModifyTable", "Bitmap Heap Scan"} - below
    assert others == {"pk_tasks"}
    assert bool(below) is (name not in {"read", "update", "create"})


BY_KEY = {
    "complete": task_trees.COMPLETE.statement,
    "reopen": task_trees.REOPEN.statement,
    "complete one": task_trees.COMPLETE_ONE,
    "reopen one": task_trees.REOPEN_ONE,
    "trash": task_trees.TRASH.statement,
    "restore": task_trees.RESTORE.statement,
    "erase": task_trees.ERASE.statement,
    "move": task_places._FACTS,
    "facts of an occurrence": task_occurrences.FACTS,
    "series of an occurrence": task_occurrences.SERIES,
    "complete subtasks again": task_occurrences.COMPLETE_AGAIN,
    "move subtasks up": task_occurrences.MOVE_UP,
    "count what is in a list": lists._COUNTS,
    "move what is in a list": lists._MOVE_TASKS,
    "trash a list": lists._TRASH[0],
    "erase a list": lists._ERASE[0],
    "restore a list": lists._RESTORE[0],
    "count what is in a section": sections._COUNT,
    "take tasks out of a section": sections._CLEAR,
    "foreign key of lists": CrossUserStatement(
        b"SELECT 1 FROM ONLY tasks x WHERE %(user_id)s OPERATOR(pg_catalog.=) user_id "
        b"AND %(id)s OPERATOR(pg_catalog.=) list_id FOR KEY SHARE OF x",
        {},
    ),
}


@pytest.mark.parametrize("name", BY_KEY)
def test_no_tree_or_list_is_found_by_reading_all_tasks_of_its_user(
    state: tuple[Any, UUID], name: str
) -> None:
    connection, user_id = state

    plan = plan_of(connection, BY_KEY[name], {"user_id": user_id, "id": uuid4()})

    conditions = [
        node.get("Index Cond", "")
        for node in plan
        if node.get("Relation Name") == "tasks" and node["Node Type"] != "ModifyTable"
    ]
    assert conditions
    for condition in conditions:
        assert re.search(r"\((id|list_id|section_id|parent_id|occurrence_of) = ", condition), (
            conditions
        )


@pytest.mark.parametrize("is_resumed", [False, True])
def test_export_reads_tasks_by_their_key(state: tuple[Any, UUID], *, is_resumed: bool) -> None:
    connection, user_id = state
    statement = export._page(tasks.TYPE, is_resumed=is_resumed)

    plan = plan_of(connection, statement, {"user_id": user_id, "after": UUID(int=7)})

    [scan] = [node for node in plan if node.get("Index Name") == "pk_tasks"]
    assert ("id >" in scan["Index Cond"]) is is_resumed
