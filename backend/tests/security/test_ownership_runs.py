"""Statements that compile also run, and return and change only rows of their user."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import (
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql
from sqlmodel import select as sqlmodel_select

from duly.database.statements import USER_ID, owned
from duly.utils.identifiers import new_id
from tests.support.ownership import (
    ME,
    MINE,
    MY_SESSION,
    Build,
    TaskModel,
    each,
    new_task,
    renaming,
    sessions,
    tasks,
    users,
)
from tests.support.two_users import People, two_people

other = tasks.alias("other")
tied = select(tasks.c.id, tasks.c.user_id).where(MINE)
MINE_TOO = other.c.user_id == USER_ID


@pytest.fixture
async def people(dsn: str) -> AsyncIterator[People]:
    async with two_people(dsn) as people:
        yield people


@each(
    table=lambda: select(tasks).where(MINE),
    the_other_way_round=lambda: select(tasks).where(tasks.c.user_id == USER_ID),
    filtered=lambda: select(tasks).filter_by(user_id=USER_ID),
    users=lambda: select(users.c.id).where(ME),
    alias=lambda: select(other).where(MINE_TOO),
    among_others=lambda: select(tasks).where(and_(tasks.c.revision > 0, and_(MINE))),
    narrowed_by_an_or=lambda: select(tasks).where(MINE, or_(tasks.c.revision > 0, true())),
    inner_join=lambda: select(tasks, sessions.c.id).select_from(
        tasks.join(sessions, and_(MINE, MY_SESSION))
    ),
    left_join=lambda: (
        select(tasks, sessions.c.user_id)
        .select_from(tasks.outerjoin(sessions, MY_SESSION))
        .where(MINE)
    ),
    full_join=lambda: (
        select(tasks.c.user_id, sessions.c.user_id.label("owner"))
        .select_from(tasks.join(sessions, tasks.c.user_id == sessions.c.user_id, full=True))
        .where(MINE, MY_SESSION)
    ),
    nested_join=lambda: (
        select(users.c.id, tasks.c.user_id)
        .select_from(users.outerjoin(tasks.join(sessions, and_(MINE, MY_SESSION)), true()))
        .where(ME)
    ),
    itself=lambda: select(tasks, other.c.user_id).where(MINE, MINE_TOO),
    subquery=lambda: select(tied.subquery()),
    scalar_subquery=lambda: select(
        select(tasks.c.user_id).where(MINE).limit(1).scalar_subquery().label("user_id")
    ),
    exists_=lambda: select(users.c.id).where(ME, exists(tied)),
    lateral_=lambda: (
        select(users.c.id, (latest := tied.limit(1).lateral()).c.user_id)
        .select_from(users.join(latest, true()))
        .where(ME)
    ),
    union=lambda: union_all(tied, select(sessions.c.id, sessions.c.user_id).where(MY_SESSION)),
    cte=lambda: select(tied.cte("mine")),
    cte_nesting=lambda: select(tied.cte("mine", nesting=True)),
    recursive_cte=lambda: select(
        (c := tied.cte("c", recursive=True)).union(
            select(other.c.id, other.c.user_id).where(MINE_TOO, other.c.id == c.c.id)
        )
    ),
    window=lambda: select(
        tasks.c.user_id, func.count().over(order_by=tasks.c.id).label("position")
    ).where(MINE),
    locked=lambda: select(tasks).where(MINE).with_for_update(of=tasks),
    model=lambda: select(TaskModel).where(TaskModel.user_id == USER_ID),
    sqlmodel=lambda: sqlmodel_select(TaskModel).where(TaskModel.user_id == USER_ID),
    a_preset_user=lambda: select(tasks).where(tasks.c.user_id == bindparam("user_id", new_id())),
    update_=lambda: renaming(MINE).returning(tasks),
    update_from=lambda: renaming(MINE, MY_SESSION).returning(tasks.c.user_id, sessions.c.user_id),
    delete_=lambda: delete(tasks).where(MINE).returning(tasks),
    delete_using=lambda: delete(tasks).where(MINE, ME).returning(tasks.c.user_id, users.c.id),
    insert_=lambda: insert(tasks).values(new_task()).returning(tasks),
    insert_many=lambda: (
        insert(tasks)
        .values([new_task(id=bindparam("a", new_id())), new_task(id=bindparam("b", new_id()))])
        .returning(tasks)
    ),
    insert_by_column=lambda: (
        insert(tasks)
        .values({tasks.c[name]: value for name, value in new_task().items()})
        .returning(tasks)
    ),
    upsert=lambda: (
        (statement := postgresql.insert(tasks).values(new_task()))
        .on_conflict_do_update(
            index_elements=[tasks.c.user_id, "id"], set_={"title": statement.excluded.title}
        )
        .returning(tasks)
    ),
    insert_from_select=lambda: (
        insert(tasks)
        .from_select(
            ["user_id", "id", "title", "revision"],
            select(USER_ID.label("owner"), sessions.c.id, literal("x"), literal(1)).where(
                MY_SESSION
            ),
        )
        .returning(tasks)
    ),
    dml_in_a_cte=lambda: select(renaming(MINE).returning(tasks.c.user_id).cte("changed")),
    dml_that_nothing_reads=lambda: (
        select(users.c.id).where(ME).add_cte(delete(tasks).where(MINE).cte("gone"))
    ),
)
async def test_accepted_statement_returns_and_changes_only_rows_of_its_user(
    people: People, build: Build
) -> None:
    theirs = await people.stored(people.theirs)

    rows = await people.scope.all(owned(build()))

    assert rows
    assert str(people.mine) in str(rows)
    assert str(people.theirs) not in str(rows)
    assert await people.stored(people.theirs) == theirs
