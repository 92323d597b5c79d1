"""No SELECT over owned rows compiles that does not name their owner."""

import pytest
from sqlalchemy import (
    Column,
    MetaData,
    Table,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    case,
    column,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    tablesample,
    true,
    tuple_,
)
from sqlalchemy import (
    table as table_clause,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel
from sqlmodel import select as sqlmodel_select

from duly.database.statements import USER_ID, UnscopedStatement, owned
from duly.models.base import OWNER, owner_column
from tests.support.ownership import (
    ME,
    MINE,
    MY_SESSION,
    STRANGER,
    Build,
    TaskModel,
    UserModel,
    each,
    sessions,
    tasks,
    user_emails,
    users,
)

other = tasks.alias("other")


@each(
    tasks=lambda: select(tasks),
    users=lambda: select(users),
    sessions=lambda: select(sessions),
    a_count=lambda: select(func.count()).select_from(tasks),
    no_columns=lambda: select().select_from(tasks),
    where_something_else=lambda: select(tasks).where(tasks.c.id == bindparam("id")),
    an_alias=lambda: select(other),
    an_anonymous_alias=lambda: select(tasks.alias()),
    an_alias_of_an_alias=lambda: select(other.alias("b")).where(
        other.alias("b").c.user_id == USER_ID
    ),
    an_alias_called_as_a_shared_table=lambda: select(tasks.alias("user_emails")),
    a_sample=lambda: select(tablesample(tasks, 100)),
    a_whole_row=lambda: select(tasks.table_valued()),
    an_annotated_table=lambda: select(tasks._annotate({"x": 1})),
    annotated_columns=lambda: select(tasks.c.id._annotate({"x": 1})),
    a_deannotated_column=lambda: select(tasks.c.id._annotate({"x": 1})._deannotate()),
    only_named_in_from=lambda: select(literal(1)).select_from(tasks),
    columns_taken_away=lambda: select(tasks).with_only_columns(tasks.c.title),
    locked=lambda: select(tasks).with_for_update(),
    only=lambda: select(tasks).with_hint(tasks, "ONLY"),
    two_tables_one_tied=lambda: select(tasks, sessions).where(MINE),
    two_aliases_one_tied=lambda: select(tasks, other).where(MINE),
)
def test_rows_that_are_not_tied_to_their_owner_do_not_compile(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    another_alias=lambda: select(other).where(MINE, tasks.c.id == other.c.id),
    another_alias_of_the_same_name=lambda: select(other).where(
        tasks.alias("other").c.user_id == USER_ID
    ),
    another_column=lambda: select(tasks).where(tasks.c.id == USER_ID),
    the_user_id_of_a_shared_table=lambda: select(tasks).where(user_emails.c.user_id == USER_ID),
    the_user_id_of_another_owned_table=lambda: select(tasks).where(MY_SESSION),
    the_owner_by_way_of_another_table=lambda: select(tasks).where(
        ME, tasks.c.user_id == users.c.id
    ),
    a_column_without_a_table=lambda: select(tasks).where(column("user_id") == USER_ID),
    a_column_made_for_it=lambda: select(tasks).where(Column("user_id", Uuid) == USER_ID),
    a_column_of_another_key=lambda: select(tasks).where(
        Table("tasks", MetaData(), Column("id", Uuid, key="user_id")).c.user_id == USER_ID
    ),
    a_row_value=lambda: select(tasks).where(
        tuple_(tasks.c.user_id, tasks.c.id) == tuple_(USER_ID, bindparam("id"))
    ),
    the_column_itself=lambda: select(tasks).where(tasks.c.user_id == tasks.c.user_id),
    the_parameter_itself=lambda: select(tasks).where(USER_ID == USER_ID),  # noqa: PLR0124
    having=lambda: (
        select(tasks.c.user_id).group_by(tasks.c.user_id).having(tasks.c.user_id == USER_ID)
    ),
    a_filter_of_an_aggregate=lambda: select(func.count(tasks.c.id).filter(MINE)),
    a_column_that_says_so=lambda: select(tasks.c.id, MINE.label("mine")),
    an_order=lambda: select(tasks.c.id).order_by(MINE),
    a_case=lambda: select(tasks).where(case((true(), MINE), else_=false())),
)
def test_a_predicate_on_anything_but_the_owner_column_does_not_tie(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    is_not=lambda: tasks.c.user_id != USER_ID,
    less=lambda: tasks.c.user_id < USER_ID,
    at_least=lambda: tasks.c.user_id >= USER_ID,
    not_distinct=lambda: tasks.c.user_id.is_not_distinct_from(USER_ID),
    distinct=lambda: tasks.c.user_id.is_distinct_from(USER_ID),
    is_=lambda: tasks.c.user_id.is_(USER_ID),
    between=lambda: tasks.c.user_id.between(USER_ID, USER_ID),
    in_=lambda: tasks.c.user_id.in_([USER_ID]),
    any_=lambda: tasks.c.user_id == any_(postgresql.array([USER_ID])),
    all_=lambda: tasks.c.user_id == all_(postgresql.array([USER_ID])),
    custom=lambda: tasks.c.user_id.op("=")(USER_ID),
    custom_comparison=lambda: tasks.c.user_id.bool_op("<>")(USER_ID),
    negated=lambda: not_(MINE),
    negated_twice_around_an_or=lambda: not_(not_(or_(MINE, tasks.c.revision > 0))),
    negated_and=lambda: not_(and_(MINE, tasks.c.revision > 0)),
    is_true=lambda: MINE.is_(true()),
    or_=lambda: or_(MINE, tasks.c.revision > 0),
    or_true=lambda: or_(MINE, true()),
    or_inside_and=lambda: and_(tasks.c.revision > 0, or_(MINE, tasks.c.revision > 1)),
    bitwise_or=lambda: MINE | (tasks.c.revision > 0),
    in_a_subquery=lambda: tasks.c.user_id == select(USER_ID).scalar_subquery(),
    of_a_function=lambda: func.coalesce(tasks.c.user_id, USER_ID) == USER_ID,
    of_a_function_of_the_parameter=lambda: tasks.c.user_id == func.coalesce(USER_ID),
    a_constant=lambda: tasks.c.user_id == STRANGER,
    a_constant_of_that_name=lambda: tasks.c.user_id == literal(STRANGER, Uuid()).label("user_id"),
    another_parameter=lambda: tasks.c.user_id == bindparam("owner_id"),
    a_parameter_that_renders_alike=lambda: (
        tasks.c.user_id == bindparam("user.id", STRANGER, type_=Uuid())
    ),
    a_unique_parameter=lambda: (
        tasks.c.user_id == bindparam("user_id", STRANGER, unique=True, type_=Uuid())
    ),
    true_=true,
)
def test_only_equality_that_must_hold_ties(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(select(tasks).where(build()))


@each(
    select=lambda: select(TaskModel),
    columns=lambda: select(TaskModel.id),
    sqlmodel=lambda: sqlmodel_select(TaskModel),
    alias=lambda: select(aliased(TaskModel)),
    tied_by_another_alias=lambda: select(aliased(TaskModel)).where(TaskModel.user_id == USER_ID),
    tied_by_the_table=lambda: select(aliased(TaskModel)).where(MINE),
    join=lambda: (
        select(TaskModel)
        .join(UserModel, UserModel.id == TaskModel.user_id)
        .where(TaskModel.user_id == USER_ID)
    ),
)
def test_models_are_tied_as_their_tables_are(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    clause=lambda: table_clause("tasks", column("user_id"), column("id")),
    of_other_metadata=lambda: Table("tasks", MetaData(), Column("user_id", Uuid, info=OWNER)),
    a_copy=lambda: tasks.to_metadata(MetaData()),
    in_a_schema=lambda: Table("tasks", MetaData(), Column("user_id", Uuid), schema="public"),
    the_catalogue=lambda: table_clause("pg_stats", column("user_id")),
)
def test_a_table_that_is_not_of_the_models_is_refused_even_when_tied(build: Build) -> None:
    table = build()

    with pytest.raises(UnscopedStatement):
        owned(select(table).where(table.c.user_id == USER_ID))


def test_owner_of_a_row_is_the_user_of_its_user_id() -> None:
    named = {table for table in SQLModel.metadata.tables.values() if "user_id" in table.columns}

    assert {table for table in named if owner_column(table) is not table.c.user_id} == set()


@pytest.mark.parametrize("table", [tasks, sessions])
def test_owned_rows_are_keyed_by_their_owner_first(table: Table) -> None:
    assert [key.name for key in table.primary_key] == ["user_id", "id"]
