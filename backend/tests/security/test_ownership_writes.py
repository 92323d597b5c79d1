"""No INSERT, UPDATE or DELETE of owned rows compiles that does not name their owner."""

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Uuid,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from duly.database.statements import USER_ID, UnscopedStatement, owned
from tests.support.ownership import (
    ME,
    MINE,
    MY_SESSION,
    STRANGER,
    Build,
    TaskModel,
    each,
    inserting,
    new_task,
    renaming,
    sessions,
    tasks,
    user_emails,
    users,
)

KEY = ["user_id", "id"]
ALIAS: Any = tasks.alias("t")
a_secret = select(sessions.c.user_agent).limit(1).scalar_subquery()


def upserting(table_values: dict[str, Any] | None = None, **on_conflict: Any) -> Any:
    statement = postgresql.insert(tasks).values(table_values or new_task())
    return statement.on_conflict_do_update(**{"set_": {"title": "changed"}, **on_conflict})


@each(
    everything=renaming,
    another_column=lambda: renaming(tasks.c.id == USER_ID),
    another_table=lambda: renaming(MY_SESSION),
    another_alias=lambda: renaming(ALIAS.c.user_id == USER_ID),
    a_constant=lambda: renaming(tasks.c.user_id == STRANGER),
    widened=lambda: renaming(or_(MINE, tasks.c.revision > 0)),
    an_alias=lambda: update(ALIAS).values(title="changed"),
    by_model=lambda: update(TaskModel).values(title="changed"),
    from_an_untied_table=lambda: renaming(MINE, sessions.c.id == tasks.c.id),
    of_an_untied_table=lambda: renaming(MY_SESSION, sessions.c.id == tasks.c.id),
    from_an_untied_table_by_owner=lambda: renaming(MINE, users.c.id == tasks.c.user_id),
    set_from_an_untied_subquery=lambda: update(tasks).where(MINE).values(title=a_secret),
    set_from_a_correlated_subquery=lambda: (
        update(tasks)
        .where(MINE)
        .values(title=select(users.c.email).where(users.c.id == tasks.c.user_id).scalar_subquery())
    ),
    returning_an_untied_subquery=lambda: renaming(MINE).returning(a_secret),
    where_an_untied_subquery=lambda: renaming(MINE, exists(select(sessions.c.id))),
    in_a_cte=lambda: select(renaming().returning(tasks.c.id).cte("c")),
    in_a_cte_that_nothing_reads=lambda: select(literal(1)).add_cte(renaming().cte("c")),
    in_a_cte_nested_here=lambda: select(literal(1)).add_cte(renaming().cte("c"), nest_here=True),
    in_a_cte_of_another_update=lambda: renaming(MINE).add_cte(
        update(users).values(name="changed").cte("c")
    ),
)
def test_an_update_that_reaches_other_rows_does_not_compile(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    nothing_set=lambda: update(users).where(ME),
    nothing_set_of_tasks=lambda: update(tasks).where(MINE),
    by_name=lambda: renaming(MINE).values(user_id=STRANGER),
    by_column=lambda: renaming(MINE).values({tasks.c.user_id: STRANGER}),
    by_column_of_another_table=lambda: renaming(MINE).values({sessions.c.user_id: STRANGER}),
    by_bare_column=lambda: renaming(MINE).values({column("user_id"): STRANGER}),
    by_model=lambda: renaming(MINE).values({TaskModel.user_id: STRANGER}),
    to_the_same=lambda: renaming(MINE).values(user_id=USER_ID),
    in_order=lambda: (
        update(tasks).where(MINE).ordered_values((tasks.c.title, "x"), (tasks.c.user_id, STRANGER))
    ),
    in_order_by_name=lambda: (
        update(tasks).where(MINE).ordered_values(("title", "x"), ("user_id", STRANGER))
    ),
    in_a_row=lambda: (
        update(tasks)
        .where(MINE)
        .values(
            {
                tuple_(tasks.c.user_id, tasks.c.title): tuple_(
                    literal(STRANGER, Uuid()), literal("x")
                )
            }
        )
    ),
    in_a_row_by_subquery=lambda: (
        update(tasks)
        .where(MINE)
        .values(
            {
                tuple_(tasks.c.title, tasks.c.user_id): select(
                    literal("x"), literal(STRANGER, Uuid())
                ).scalar_subquery()
            }
        )
    ),
    of_a_user=lambda: update(users).where(ME).values(id=STRANGER),
    on_conflict=lambda: upserting(index_elements=KEY, set_={"user_id": STRANGER}),
    on_conflict_by_column=lambda: upserting(index_elements=KEY, set_={tasks.c.user_id: STRANGER}),
    on_conflict_by_another_name=lambda: upserting(
        index_elements=KEY, set_={column("user_id").label("x"): literal(STRANGER, Uuid())}
    ),
    on_conflict_by_another_key=lambda: upserting(
        index_elements=KEY, set_={Column("user_id", Uuid, key="x"): literal(STRANGER, Uuid())}
    ),
    on_conflict_to_what_was_sent=lambda: upserting(
        index_elements=KEY, set_=postgresql.insert(tasks).excluded
    ),
)
def test_the_owner_of_a_row_can_not_be_changed(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    everything=lambda: delete(tasks),
    another_column=lambda: delete(tasks).where(tasks.c.id == USER_ID),
    another_table=lambda: delete(tasks).where(MY_SESSION),
    a_constant=lambda: delete(tasks).where(tasks.c.user_id == STRANGER),
    negated=lambda: delete(tasks).where(~MINE),
    an_alias=lambda: delete(ALIAS),
    by_model=lambda: delete(TaskModel),
    users=lambda: delete(users),
    using_an_untied_table=lambda: delete(tasks).where(MINE, sessions.c.id == tasks.c.id),
    using_a_tied_table=lambda: delete(tasks).where(MY_SESSION, sessions.c.id == tasks.c.id),
    returning_an_untied_subquery=lambda: delete(tasks).where(MINE).returning(a_secret),
    of_shared_rows_by_untied_ones=lambda: delete(user_emails).where(
        user_emails.c.user_id == users.c.id
    ),
    in_a_cte=lambda: select(delete(tasks).returning(tasks.c.id).cte("c")),
    in_a_cte_that_nothing_reads=lambda: select(literal(1)).add_cte(delete(tasks).cte("c")),
)
def test_a_delete_that_reaches_other_rows_does_not_compile(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


def without_owner() -> dict[str, Any]:
    values = new_task()
    del values["user_id"]
    return values


@each(
    nothing=lambda: insert(tasks),
    no_owner=lambda: insert(tasks).values(without_owner()),
    a_constant=lambda: inserting(user_id=STRANGER),
    another_parameter=lambda: inserting(user_id=bindparam("owner_id", type_=Uuid())),
    a_unique_parameter=lambda: inserting(user_id=bindparam("user_id", STRANGER, unique=True)),
    a_subquery=lambda: inserting(user_id=select(USER_ID).scalar_subquery()),
    a_function=lambda: inserting(user_id=func.coalesce(USER_ID)),
    an_untied_subquery=lambda: inserting(title=a_secret),
    by_position=lambda: insert(tasks).values([STRANGER, STRANGER, "title"]),
    by_positions=lambda: insert(tasks).values([(USER_ID, STRANGER, "title")]),
    by_model=lambda: insert(TaskModel).values(new_task(user_id=STRANGER)),
    twice=lambda: inserting().values({tasks.c.user_id: literal(STRANGER, Uuid())}),
    twice_first=lambda: insert(tasks).values({tasks.c.user_id: STRANGER, **new_task()}),
    twice_by_bare_column=lambda: insert(tasks).values(
        {tasks.c.user_id: STRANGER, column("user_id"): USER_ID, **without_owner()}
    ),
    twice_by_column_of_another_table=lambda: insert(tasks).values(
        {tasks.c.user_id: STRANGER, sessions.c.user_id: USER_ID, **without_owner()}
    ),
    twice_by_label=lambda: insert(tasks).values(
        {tasks.c.user_id: STRANGER, literal(1).label("user_id"): USER_ID, **without_owner()}
    ),
    many_with_one_of_a_stranger=lambda: insert(tasks).values(
        [new_task(), new_task(user_id=STRANGER), new_task()]
    ),
    many_with_a_stranger_first=lambda: insert(tasks).values(
        [new_task(user_id=STRANGER), new_task()]
    ),
    many_with_one_of_nobody=lambda: insert(tasks).values([new_task(), without_owner()]),
    a_user_of_another_id=lambda: insert(users).values(
        id=STRANGER, email="a@b.org", password_hash=""
    ),
    returning_an_untied_subquery=lambda: insert(tasks).values(new_task()).returning(a_secret),
    in_a_cte=lambda: select(
        insert(tasks).values(new_task(user_id=STRANGER)).returning(tasks.c.id).cte("c")
    ),
    in_a_cte_that_nothing_reads=lambda: select(literal(1)).add_cte(
        insert(tasks).values(new_task(user_id=STRANGER)).cte("c")
    ),
)
def test_an_insert_must_give_every_row_to_the_user(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


def from_select(*columns: Any, names: tuple[str, ...] = ("user_id", "id", "title")) -> Any:
    return insert(tasks).from_select(list(names), select(*columns))


A_TITLE, AN_ID = literal("x"), literal(STRANGER, Uuid())


@each(
    no_owner=lambda: from_select(AN_ID, A_TITLE, names=("id", "title")),
    a_constant=lambda: from_select(AN_ID, AN_ID, A_TITLE),
    another_place=lambda: from_select(AN_ID, USER_ID, A_TITLE),
    another_place_after_a_repeated_column=lambda: from_select(
        A_TITLE, A_TITLE, AN_ID, USER_ID, names=("title", "description", "user_id", "id")
    ),
    too_few_columns=lambda: from_select(A_TITLE, AN_ID, names=("title", "id", "user_id")),
    the_owner_named_twice=lambda: from_select(
        USER_ID, AN_ID, A_TITLE, names=("user_id", "user_id", "title")
    ),
    an_owner_that_was_read=lambda: insert(tasks).from_select(
        ["user_id", "id", "title"], select(users.c.id, AN_ID, users.c.email).where(ME)
    ),
    untied_rows=lambda: insert(tasks).from_select(
        ["user_id", "id", "title"], select(USER_ID, tasks.c.id, tasks.c.title)
    ),
    untied_rows_into_a_shared_table=lambda: insert(user_emails).from_select(
        ["email_key", "user_id"], select(users.c.email, users.c.id)
    ),
    an_untied_subquery=lambda: from_select(USER_ID, AN_ID, a_secret),
    an_untied_cte=lambda: insert(tasks).from_select(
        ["user_id", "id", "title"],
        select(USER_ID, (c := select(sessions.c.id).cte("c")).c.id, A_TITLE).select_from(c),
    ),
    a_union=lambda: insert(tasks).from_select(
        ["user_id", "id", "title"],
        union_all(select(USER_ID, AN_ID, A_TITLE), select(AN_ID, AN_ID, A_TITLE)),
    ),
    a_union_of_own_rows=lambda: insert(tasks).from_select(
        ["user_id", "id", "title"],
        union_all(select(USER_ID, AN_ID, A_TITLE), select(USER_ID, AN_ID, A_TITLE)),
    ),
)
def test_an_insert_from_select_must_select_the_user(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    no_target=lambda: upserting(constraint="pk_tasks"),
    another_constraint=lambda: upserting(constraint=tasks.primary_key),
    the_id_alone=lambda: upserting(index_elements=["id"]),
    the_id_column_alone=lambda: upserting(index_elements=[tasks.c.id]),
    a_column_that_is_called_so=lambda: upserting(index_elements=[tasks.c.id.label("user_id")]),
    a_user_by_address=lambda: (
        postgresql.insert(users)
        .values(id=USER_ID, email="a@b.org", password_hash="")
        .on_conflict_do_update(index_elements=["email"], set_={"name": "changed"})
    ),
    an_untied_value=lambda: upserting(index_elements=KEY, set_={"title": a_secret}),
    an_untied_condition=lambda: upserting(index_elements=KEY, where=exists(select(sessions.c.id))),
    a_stranger_as_the_new_row=lambda: upserting(new_task(user_id=STRANGER), index_elements=KEY),
    of_another_dialect=lambda: (
        sqlite.insert(tasks)
        .values(new_task())
        .on_conflict_do_update(index_elements=["id"], set_={"title": "changed"})
    ),
)
def test_an_upsert_must_conflict_with_rows_of_the_user_only(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


def test_an_update_tied_in_both_of_its_tables_compiles() -> None:
    owned(renaming(and_(MINE, MY_SESSION, sessions.c.id == tasks.c.id)))
