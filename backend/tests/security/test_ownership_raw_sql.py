"""What the proof can't see through does not compile, however well the rest is tied."""

from typing import Any

import pytest
from sqlalchemy import (
    DDL,
    Function,
    Numeric,
    Sequence,
    Text,
    Uuid,
    bindparam,
    cast,
    collate,
    column,
    delete,
    extract,
    func,
    lambda_stmt,
    literal,
    literal_column,
    select,
    tablesample,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable, CreateTableAs, DropTable
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import UserDefinedType

from duly.database.statements import USER_ID, Statement, UnscopedStatement, across_users, owned
from tests.support.ownership import MINE, Build, each, renaming, tasks, user_emails

EVIL = "(SELECT title FROM tasks LIMIT 1)"
tied = select(tasks.c.id).where(MINE)


@each(
    statement=lambda: text("SELECT * FROM tasks"),
    textual_select=lambda: text("SELECT id FROM tasks").columns(tasks.c.id),
    textual_subquery=lambda: select(text(EVIL).columns(tasks.c.id).subquery()),
    column=lambda: select(text(EVIL)),
    literal_column=lambda: select(literal_column(EVIL)),
    literal_column_of_a_table=lambda: select(column("x", is_literal=True)),
    labelled=lambda: select(literal_column(EVIL).label("x")),
    where=lambda: tied.where(text("true")),
    where_or=lambda: select(tasks.c.id).where(text("user_id = :user_id")),
    from_=lambda: select(literal(1)).select_from(text("tasks")),
    order_by=lambda: tied.order_by(text(EVIL)),
    group_by=lambda: tied.group_by(text(EVIL)),
    having=lambda: tied.group_by(tasks.c.id).having(text("true")),
    returning=lambda: renaming(MINE).returning(text(EVIL)),
    prefix=lambda: tied.prefix_with(EVIL + ","),
    prefix_of_an_update=lambda: renaming(MINE).prefix_with("ONLY"),
    suffix=lambda: tied.suffix_with("UNION ALL SELECT id FROM tasks"),
    statement_hint=lambda: tied.with_statement_hint("UNION ALL SELECT id FROM tasks"),
    prefix_of_a_cte=lambda: select(tied.cte("c").prefix_with(EVIL)),
    suffix_of_a_cte=lambda: select(tied.cte("c").suffix_with(EVIL)),
    value=lambda: update(tasks).where(MINE).values(title=text(EVIL)),
    operator=lambda: tied.where(tasks.c.id.op("= ANY (SELECT id FROM tasks) OR id =")(USER_ID)),
    comment_as_operator=lambda: tied.where(tasks.c.revision.op("--")(1)),
    comment_opened_by_an_operator=lambda: tied.where(tasks.c.revision.op("/*")(1)),
    unary_operator=lambda: tied.where(custom_op("NOT true OR")(MINE)),
    function_of_sql=lambda: select(func.query_to_xml("SELECT * FROM tasks", True, True, "")),
    function_in_a_schema=lambda: select(func.pg_catalog.lower("x")),
    function_as_a_table=lambda: select(
        func.ts_stat("SELECT title_words FROM tasks").table_valued("w")
    ),
    function_of_a_setting=lambda: select(func.set_config("search_path", "x", False)),
    function_of_a_raw_name=lambda: select(Function(quoted_name(f"{EVIL}, now", False))),
    function_as_a_sample=lambda: select(
        sample := tablesample(tasks, func.query_to_xml(EVIL))
    ).where(sample.c.user_id == USER_ID),
    field_of_extract=lambda: select(extract(f"year FROM now()), {EVIL}, (now(", func.now())),
    sequence=lambda: select(func.next_value(Sequence(f"x'), {EVIL}, ('"))),
)
def test_raw_sql_does_not_compile(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    column=lambda: select(column(quoted_name(EVIL, False))),
    label=lambda: select(literal(1).label(quoted_name(f"x, {EVIL}", False))),
    alias=lambda: select(t := tasks.alias(quoted_name("t, tasks", False))).where(
        t.c.user_id == USER_ID
    ),
    cte=lambda: select(tied.cte(quoted_name("c AS (SELECT 1), d", False))),
    subquery=lambda: select(tied.subquery(quoted_name("s, tasks", False))),
    collation=lambda: select(collate(literal("x"), quoted_name(f'"C", {EVIL}', False))),
)
def test_a_name_that_asks_not_to_be_quoted_is_quoted(build: Build) -> None:
    statement = owned(build())

    assert b'"' in statement.sql
    assert outside_of_quotes(statement).count("tasks") <= 1 + outside_of_quotes(statement).count(
        "tasks."
    )


def outside_of_quotes(statement: Statement) -> str:
    return "".join(statement.sql.decode().replace('""', "").split('"')[::2])


@each(
    union=lambda: (c := tied.cte("tasks")).union_all(select(c.c.id)),
    another_owned_table=lambda: (c := tied.cte("sessions")).union_all(select(c.c.id)),
    a_shared_table=lambda: (c := select(literal(1).label("x")).cte("user_emails")).union(
        select(c.c.x)
    ),
    the_catalogue=lambda: (c := select(literal(1).label("x")).cte("pg_stats")).union(
        select(c.c.x)
    ),
    alone=lambda: tied.cte("tasks"),
    nesting=lambda: tied.cte("tasks", nesting=True),
)
def test_a_cte_can_not_pass_for_a_table_by_its_name(build: Build) -> None:
    # A CTE that is not recursive and reads its own name reads the table of that name.
    with pytest.raises(UnscopedStatement):
        owned(select(build()))


@each(
    a_drop=lambda: DropTable(tasks),
    a_table=lambda: CreateTable(tasks),
    a_table_from_a_select=lambda: CreateTableAs(select(tasks), "copy"),
    ddl=lambda: DDL("DROP TABLE tasks"),  # type: ignore[no-untyped-call]
    no_statement=lambda: tasks,
    a_join=lambda: tasks.join(user_emails, MINE),
    a_subquery=tied.subquery,
    a_cte=tied.cte,
    a_condition=lambda: MINE,
    a_function=func.now,
    a_lambda=lambda: lambda_stmt(lambda: select(tasks.c.id)),
)
def test_statement_other_than_select_or_dml_does_not_compile(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


class ReadsTheColumn(Uuid[Any]):
    """A type whose parameters render as something else."""

    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:
        del bindparam
        return tasks.c.user_id


def test_a_parameter_that_renders_as_something_else_does_not_tie() -> None:
    user_id = bindparam("user_id", type_=ReadsTheColumn())

    with pytest.raises(UnscopedStatement):
        owned(select(tasks).where(tasks.c.user_id == user_id))


@each(
    a_list=lambda: tied.where(tasks.c.title.in_(["a", "b"])),
    an_expanding_parameter=lambda: tied.where(
        tasks.c.title.in_(bindparam("titles", expanding=True))
    ),
    an_expanding_owner=lambda: select(tasks).where(
        tasks.c.user_id == bindparam("user_id", expanding=True)
    ),
    a_parameter_put_into_the_sql=lambda: tied.where(
        tasks.c.title == bindparam("title", "x", literal_execute=True)
    ),
    an_owner_put_into_the_sql=lambda: delete(tasks).where(
        tasks.c.user_id == bindparam("user_id", USER_ID.value, literal_execute=True)
    ),
)
def test_a_statement_whose_shape_depends_on_its_values_is_a_type_error(build: Build) -> None:
    with pytest.raises(TypeError):
        owned(build())


def test_a_preset_user_id_is_not_kept_with_the_statement() -> None:
    someone = bindparam("user_id", Text(), type_=Uuid())

    statement = owned(select(tasks).where(tasks.c.user_id == someone))

    assert "user_id" not in statement.constants


def test_constants_are_written_into_the_sql() -> None:
    statement = owned(tied.where(tasks.c.title == "x", tasks.c.priority == 1))

    assert statement.constants == {}
    assert b"tasks.title = 'x'::" in statement.sql
    assert b"tasks.priority = 1::" in statement.sql


@pytest.mark.parametrize("text", ["'", "x' OR 'y' = 'y", "\\", "50%", "%(user_id)s", "\0"])
def test_constant_that_could_end_a_literal_is_a_parameter(text: str) -> None:
    statement = owned(tied.where(tasks.c.title == text))

    assert list(statement.constants.values()) == [text]
    assert b"tasks.title = %(title_1)s" in statement.sql


def test_value_of_a_named_parameter_is_kept_with_the_statement() -> None:
    statement = owned(tied.where(tasks.c.title == bindparam("title", "x")))

    assert statement.constants == {"title": "x"}


def test_raw_sql_compiles_only_across_users() -> None:
    statement = across_users(select(cast(func.pg_backend_pid(), Text)))

    assert b"pg_backend_pid()" in statement.sql


PRECISION: Any = f"1,1), ({EVIL}"


class Evil(UserDefinedType[Any]):
    """A type whose name is SQL."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        return "uuid OR true"


@each(
    interval=lambda: select(cast(literal("1"), postgresql.INTERVAL(fields=f"DAY), ({EVIL}"))),
    precision=lambda: select(cast(literal(1), Numeric(PRECISION, 0))),
    collation=lambda: select(cast(literal("1"), Text(collation=f'C"), ({EVIL}'))),
    own=lambda: select(cast(literal("1"), Evil())),
    of_a_parameter=lambda: select(tasks.c.id).where(
        tasks.c.user_id == bindparam("user_id", type_=Evil())
    ),
    of_another=lambda: tied.where(tasks.c.title == bindparam("title", type_=Evil())),
    of_columns=lambda: select(
        func.unnest(literal([1])).table_valued(column("n", Evil())).render_derived(with_types=True)
    ),
)
def test_unknown_type_is_rejected(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())
