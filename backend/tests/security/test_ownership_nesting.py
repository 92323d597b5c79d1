"""Each table that is joined, nested or in a CTE must be restricted to its owner itself."""

import pytest
from sqlalchemy import (
    and_,
    case,
    delete,
    exists,
    func,
    lateral,
    literal,
    select,
    true,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased

from duly.database.statements import USER_ID, UnscopedStatement, owned
from tests.support.ownership import (
    ME,
    MINE,
    MY_SESSION,
    Build,
    TaskModel,
    each,
    sessions,
    tasks,
    user_emails,
    users,
)

other = tasks.alias("other")
free = select(tasks.c.id)
tied = select(tasks.c.id).where(MINE)


@each(
    inner=lambda: select(tasks).select_from(tasks.join(sessions, MINE)),
    inner_by_owner=lambda: select(tasks).select_from(
        tasks.join(sessions, and_(MINE, sessions.c.user_id == tasks.c.user_id))
    ),
    cross=lambda: select(tasks).select_from(tasks.join(sessions, true())).where(MINE),
    comma=lambda: select(tasks, sessions).where(MINE, sessions.c.user_id == tasks.c.user_id),
    left_of_a_left_join=lambda: select(tasks).select_from(
        tasks.outerjoin(sessions, and_(MINE, MY_SESSION))
    ),
    right_of_a_left_join=lambda: (
        select(sessions.c.id).select_from(tasks.outerjoin(sessions, true())).where(MINE)
    ),
    full=lambda: select(tasks).select_from(
        tasks.join(sessions, and_(MINE, MY_SESSION), full=True)
    ),
    full_tied_on_one_side=lambda: (
        select(tasks).select_from(tasks.join(sessions, MY_SESSION, full=True)).where(MINE)
    ),
    itself=lambda: (
        select(tasks).select_from(tasks.join(other, other.c.id == tasks.c.id)).where(MINE)
    ),
    itself_by_owner=lambda: (
        select(other)
        .select_from(tasks.join(other, other.c.user_id == tasks.c.user_id))
        .where(MINE)
    ),
    nested_in_a_left_join=lambda: (
        select(tasks).select_from(tasks.outerjoin(sessions.join(users, MY_SESSION), ME)).where(ME)
    ),
    left_of_a_left_join_inside=lambda: (
        select(users)
        .select_from(users.join(tasks.outerjoin(sessions, and_(MINE, MY_SESSION)), true()))
        .where(ME)
    ),
    by_join_method=lambda: select(tasks).join(sessions, true()).where(MINE),
    by_foreign_key=lambda: select(tasks).join(users).where(MINE),
    tied_in_a_join_elsewhere=lambda: select(
        tasks, exists().select_from(sessions.join(users, and_(MINE, ME, MY_SESSION)))
    ),
)
def test_a_join_ties_only_what_its_condition_filters(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    from_=lambda: select(free.subquery()),
    filtered_outside=lambda: select(sub := select(tasks).subquery()).where(
        sub.c.user_id == USER_ID
    ),
    predicate_of_the_table_outside=lambda: select(free.subquery()).where(MINE),
    column=lambda: select(free.limit(1).scalar_subquery()),
    in_a_function=lambda: select(func.coalesce(free.limit(1).scalar_subquery())),
    where=lambda: tied.where(tasks.c.id.in_(select(other.c.id))),
    not_in=lambda: tied.where(tasks.c.id.not_in(select(other.c.id))),
    order_by=lambda: tied.order_by(select(other.c.id).limit(1).scalar_subquery()),
    group_by=lambda: tied.group_by(select(other.c.id).limit(1).scalar_subquery()),
    having=lambda: tied.group_by(tasks.c.id).having(exists(select(other.c.id))),
    limit=lambda: tied.limit(select(func.count(other.c.id)).scalar_subquery()),
    offset=lambda: tied.offset(select(func.count(other.c.id)).scalar_subquery()),
    window=lambda: select(
        func.count().over(order_by=select(sessions.c.id).limit(1).scalar_subquery())
    ),
    distinct_on=lambda: tied.ext(
        postgresql.distinct_on(select(other.c.id).limit(1).scalar_subquery())
    ),
    join_condition=lambda: select(tasks).select_from(
        tasks.join(users, and_(MINE, ME, exists(select(sessions.c.id))))
    ),
    case=lambda: select(case((exists(free), 1), else_=0)),
    exists_=lambda: select(exists(free)),
    not_exists=lambda: select(literal(1)).where(~exists(free)),
    correlated=lambda: select(users.c.id).where(
        ME, exists(select(tasks.c.id).where(tasks.c.user_id == users.c.id))
    ),
    correlated_the_other_way=lambda: select(tasks.c.id).where(
        exists(select(users.c.id).where(ME, tasks.c.user_id == users.c.id).correlate(tasks))
    ),
    outside_tied_inside=lambda: select(tasks.c.id).where(
        exists(select(users.c.id).where(ME, MINE).correlate(tasks))
    ),
    inside_tied_outside=lambda: select(tasks.c.id).where(
        MINE, exists(select(tasks.c.id).correlate(None))
    ),
    lateral_=lambda: select(users.c.id).select_from(users, lateral(free)).where(ME),
    lateral_correlated=lambda: (
        select(users.c.id)
        .select_from(
            users,
            select(tasks.c.id).where(tasks.c.user_id == users.c.id).correlate(users).lateral(),
        )
        .where(ME)
    ),
    array=lambda: select(postgresql.array([free.limit(1).scalar_subquery()])),
    two_deep=lambda: select(select(free.subquery()).subquery()),
    union_=lambda: union(tied, free),
    union_first=lambda: union_all(free, tied),
    except_=lambda: tied.except_(free),
    intersect=lambda: free.intersect(tied),
    union_of_unions=lambda: union(tied, union_all(tied, free)),
    union_filtered_outside=lambda: select(
        both := union(select(tasks), select(tasks).where(MINE)).subquery()
    ).where(both.c.user_id == USER_ID),
    cte=lambda: select(free.cte("c")),
    cte_filtered_outside=lambda: select(c := select(tasks).cte("c")).where(c.c.user_id == USER_ID),
    cte_of_a_cte=lambda: select(select(free.cte("a")).cte("b")),
    cte_nesting=lambda: select(free.cte("c", nesting=True)),
    cte_that_nothing_reads=lambda: tied.add_cte(select(other.c.id).cte("c")),
    cte_nested_here=lambda: tied.add_cte(select(other.c.id).cte("c"), nest_here=True),
    recursive_cte=lambda: select(
        (c := tied.cte("c", recursive=True)).union_all(
            select(other.c.id).where(other.c.id == c.c.id)
        )
    ),
    recursive_cte_start=lambda: select(
        (c := free.cte("c", recursive=True)).union_all(select(c.c.id))
    ),
)
def test_nested_statement_must_be_restricted_itself(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


one = tasks.alias("one")
two = one.alias("two")


@each(
    alias_of_an_alias=lambda: select(two.c.title).where(one.c.user_id == USER_ID),
    joined=lambda: select(two.c.title).join_from(two, one, one.c.user_id == USER_ID),
    tied_itself=lambda: select(two.c.title).where(two.c.user_id == USER_ID),
    lateral_=lambda: select(one.lateral("l").c.title).where(one.c.user_id == USER_ID),
    entity=lambda: select(aliased(TaskModel, two).title).where(one.c.user_id == USER_ID),
    sampled=lambda: select(one.tablesample(1, name="s").c.title).where(one.c.user_id == USER_ID),
)
def test_an_alias_of_an_alias_is_refused(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())


@each(
    select_=lambda: select(user_emails),
    select_by_address=lambda: select(user_emails).where(user_emails.c.email_key == "x"),
    delete_=lambda: delete(user_emails),
    update_=lambda: update(user_emails).values(user_id=USER_ID),
)
def test_statement_on_addresses_must_be_restricted_to_their_owner(build: Build) -> None:
    with pytest.raises(UnscopedStatement):
        owned(build())
