"""The statements of filters: what they share, whose names they know, and how they are read."""

from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from duly.database.connections import plan_settings
from duly.database.pool import Pool
from duly.database.queries import query_of
from duly.database.scope import UserScope
from duly.filter_language import MAX_COST, FilterError, parse
from duly.services.task_filters import BoundFilter, bound_filter
from tests.support.databases import migrated_database
from tests.support.filter_oracle import Viewpoint
from tests.support.filter_samples import fill, id_of, statement_of
from tests.support.filter_vectors import Sample

TODAY = date(2026, 11, 26)
HEAVY = 20_000


@pytest.fixture(scope="module")
def connection(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        migrated_database(dsn) as own,
        psycopg.connect(own, autocommit=True, prepare_threshold=None) as connection,
    ):
        yield connection


@pytest.fixture
async def pool(connection: psycopg.Connection[Any]) -> AsyncIterator[Pool]:
    pool = Pool(connection.info.dsn, size=1, timeout=10)
    await pool.open()
    yield pool
    await pool.close()


class WithoutDatabase(UserScope):
    """A scope that runs nothing."""

    def __init__(self) -> None:
        super().__init__(None, UUID(int=1))  # type: ignore[arg-type]


def sample_of(
    *, lists: int = 0, sections: int = 0, labels: int = 0, names: str = "Name {}"
) -> Sample:
    """A sample with so many lists, sections and labels of similar names, and without tasks."""

    def named(kind: str, count: int) -> list[dict[str, Any]]:
        return [{"id": f"{kind}{n}", "name": names.format(n)} for n in range(count)]

    in_list = [{**section, "list_id": "list0"} for section in named("section", sections)]
    return Sample(
        "names", Viewpoint("Etc/UTC", TODAY), named("list", lists), in_list, named("label", labels),
        [], [],
    )  # fmt: skip


async def bind(scope: UserScope, text: str) -> BoundFilter:
    return await bound_filter(scope, parse(text), timezone="Europe/Berlin", today=TODAY)


async def test_filters_that_differ_in_values_share_a_statement(
    connection: psycopg.Connection[Any], pool: Pool
) -> None:
    scope = UserScope(pool, fill(connection, sample_of(lists=3, labels=3)))
    one = '#"name 1" & @"name 2" & @n* & p1 & !(due < today | created = monday) & search: milk'
    other = '#"x" & @"y" & @z* & p4 & !(due < 2026-01-01 | created = 2020-01-01) & search: bread'

    bound, also = await bind(scope, one), await bind(scope, other)

    assert bound.shape == also.shape
    assert bound.params.keys() == also.params.keys()
    assert bound.params != also.params
    sql = statement_of(bound.shape).sql.decode()
    assert not any(value in sql for value in ("name", "milk", "2026", "2020", "bread"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p1", "no priority"),
        ("due < today", "due <= today"),
        ("due < today", "start < today"),
        ("p1 & open", "p1 | open"),
        ("#a", "/a"),
        ("@a", "@a*"),
        ("p1", "!p1"),
        ("p1 & p2", "p1 & p2 & p3"),
    ],
)
async def test_filters_that_differ_in_form_have_statements_of_their_own(
    one: str, other: str, connection: psycopg.Connection[Any], pool: Pool
) -> None:
    scope = UserScope(pool, fill(connection, sample_of()))
    assert (await bind(scope, one)).shape != (await bind(scope, other)).shape


async def test_terms_that_cost_more_are_evaluated_later() -> None:
    scope = WithoutDatabase()
    one = await bind(scope, "(search: a | p1) & created < today & no due")
    other = await bind(scope, "created < today & (p1 | search: a) & no due")
    assert one.shape == other.shape


async def test_filter_without_names_reads_nothing() -> None:
    bound = await bind(WithoutDatabase(), "p1 & due < today & search: milk & #inbox & @* & #*")
    assert bound.params


async def test_names_of_other_users_match_nothing(
    connection: psycopg.Connection[Any], pool: Pool
) -> None:
    sample = sample_of(lists=2, sections=2, labels=2)
    mine, _ = (fill(connection, sample) for _ in range(2))
    text = "#{0} | #{1} | /{0} | /{1} | @{0} | @{1}".format('"name 1"', "na*")

    bound = await bind(UserScope(pool, mine), text)

    found = {
        one
        for value in bound.params.values()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, UUID)
    }
    assert found == {
        id_of(mine, f"{kind}{n}") for kind in ("list", "section", "label") for n in range(2)
    }


async def test_filter_is_refused_at_the_name_that_matches_too_many_labels(
    connection: psycopg.Connection[Any], pool: Pool
) -> None:
    scope = UserScope(pool, fill(connection, sample_of(labels=MAX_COST - 4)))
    await bind(scope, '@name* & p1 & @"name 1"')
    with pytest.raises(FilterError) as caught:
        await bind(scope, 'p1 & @name* & p2 & @"name 1"')
    assert caught.value.position == len("p1 & ")


async def test_filter_may_match_hundreds_of_lists_and_sections(
    connection: psycopg.Connection[Any], pool: Pool
) -> None:
    scope = UserScope(pool, fill(connection, sample_of(lists=300, sections=300)))
    bound = await bind(scope, "#n* | /n*")
    assert sorted(len(ids) for ids in bound.params.values()) == [300, 300]
    with pytest.raises(FilterError):
        await bind(scope, "|".join(["#n*", "/n*"] * 9))


@pytest.fixture(scope="module", params=["never analyzed", "analyzed"])
def heavy(request: pytest.FixtureRequest, dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A user with many tasks, and a connection with the settings of the service."""
    with (
        migrated_database(dsn) as own,
        psycopg.connect(own, autocommit=True, prepare_threshold=None) as connection,
    ):
        connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = off)")
        user_id = fill(connection, sample_of(lists=50))
        connection.execute(
            "INSERT INTO tasks (user_id, id, title, revision, created_at, list_id, due_date, "
            "completed_at, priority, title_words) SELECT %(user)s, gen_random_uuid(), 'Task', n, "
            "now() - n * interval '1 minute', (array(SELECT id FROM lists ORDER BY id))"
            "[1 + n %% 60], %(today)s::date + n %% 400 - 200, "
            "CASE WHEN n %% 3 = 0 THEN now() END, nullif(n %% 5, 0), array_to_tsvector(ARRAY[n::text]) "
            "FROM generate_series(1, %(tasks)s) n",
            {"user": user_id, "today": TODAY, "tasks": HEAVY},
        )
        if request.param == "analyzed":
            connection.execute("ANALYZE")
        for setting in plan_settings(connection.info.server_version):
            connection.execute(setting)
        connection.execute("SELECT set_config('test.user', %s, false)", [str(user_id)])
        yield connection


def indexes_of(connection: psycopg.Connection[Any], bound: BoundFilter) -> set[str]:
    """The indexes of tasks that a list with a filter reads."""
    statement = statement_of(bound.shape)
    query = query_of(statement.sql)
    [(user_id,)] = connection.execute("SELECT current_setting('test.user')").fetchall()
    given = {
        "limit": 21, "offset": 0, "user_id": user_id, **statement.constants, **bound.params,
    }  # fmt: skip
    connection.execute("DEALLOCATE ALL")
    connection.execute(b"PREPARE planned AS " + query.text)
    marks = ", ".join(["%s"] * len(query.names))
    values = [
        value if isinstance(value, list) or value is None else str(value)
        for value in (given[name] for name in query.names)
    ]
    explain = f"EXPLAIN (FORMAT JSON) EXECUTE planned({marks})".encode()
    [(plan,)] = psycopg.ClientCursor(connection).execute(explain, values).fetchall()
    return {name for name in _indexes(plan[0]["Plan"]) if name.startswith("ix_tasks")}


def _indexes(plan: dict[str, Any]) -> Iterator[str]:
    yield plan.get("Index Name", "")
    for part in plan.get("Plans", ()):
        yield from _indexes(part)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("today", "ix_tasks_live_user_id_due_id"),
        ("due = tomorrow & open", "ix_tasks_live_user_id_due_id"),
        ("due >= today & due <= today + 1 week & p1", "ix_tasks_live_user_id_due_id"),
        ("today | due = tomorrow", "ix_tasks_live_user_id_due_id"),
        ("search: milk & p1", "ix_tasks_words"),
        ("search: milk & today", "ix_tasks_words"),
        ("search: milk | search: bread", "ix_tasks_words"),
        ("p1", "ix_tasks_live_user_id_created_at_id"),
        ("open & no due", "ix_tasks_open_user_id_created_at_id"),
        ("!search: milk", "ix_tasks_words"),
    ],
)
async def test_filter_reads_the_index_that_fits(
    heavy: psycopg.Connection[Any], text: str, index: str
) -> None:
    assert index in indexes_of(heavy, await bind(WithoutDatabase(), text))


async def test_filter_by_list_reads_the_index_of_lists(
    heavy: psycopg.Connection[Any],
) -> None:
    bound = await bind(WithoutDatabase(), "p1")
    assert bound.shape is not None
    shape = ("all", (*bound.shape[1], ("list",)))
    named = BoundFilter(shape, {**bound.params, "filter_1": UUID(int=1)})
    [index] = indexes_of(heavy, named)
    assert index in {"ix_tasks_live_user_id_list_id_position_id", "ix_tasks_user_id_list_id"}
