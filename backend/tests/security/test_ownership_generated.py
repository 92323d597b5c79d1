"""Statements that nobody would write: those that compile reach no row of another user."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    and_,
    case,
    delete,
    exists,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from duly.database.statements import USER_ID, OwnedStatement, UnscopedStatement, owned
from tests.support.ownership import ME, sessions, tasks, users
from tests.support.two_users import STORED, People, two_people

Source = tuple[Any, Any]
"""A table, or an alias of one, and its owner column."""


@pytest.fixture
async def people(dsn: str) -> AsyncIterator[People]:
    async with two_people(dsn) as people:
        yield people


def sources() -> st.SearchStrategy[Source]:
    plain: list[Source] = [
        (tasks, tasks.c.user_id),
        (sessions, sessions.c.user_id),
        (users, users.c.id),
    ]
    alias: Any = tasks.alias()
    return st.sampled_from([*plain, (alias, alias.c.user_id)])


@st.composite
def conditions(draw: st.DrawFn, source: Source) -> Any:
    """A condition that ties the table to the user, or only looks as if it did."""
    table, owner = source
    tie = owner == USER_ID
    leaves = st.sampled_from(
        [
            owner == USER_ID,
            owner != USER_ID,
            owner == owner,  # noqa: PLR0124
            table.c.id != USER_ID,
            tasks.c.user_id == USER_ID,
            sessions.c.user_id == USER_ID,
            users.c.id == USER_ID,
            users.c.id == owner,
            true(),
        ]
    )
    compound = st.one_of(
        st.builds(lambda one: and_(tie, one), leaves),
        st.builds(lambda one: or_(tie, one), leaves),
        st.builds(lambda one: not_(and_(one, tie)), leaves),
        st.builds(lambda one: not_(or_(not_(tie), one)), leaves),
    )
    # Mostly tied, or hardly a statement would compile.
    return tie if draw(st.integers(0, 5)) else draw(st.one_of(leaves, compound))


@st.composite
def selects(draw: st.DrawFn, depth: int = 2) -> Any:
    """A SELECT from one owned table or two, with others nested in it."""
    first = draw(sources())
    second = draw(sources().filter(lambda source: source[0] is not first[0]))
    (table, owner), (joined, joined_owner) = first, second
    statement: Any = select(table.c.id.label("id"), owner.label("owner"))
    kind = draw(st.sampled_from(["one", "comma", "join", "left", "full"]))
    if kind != "one":
        statement = statement.add_columns(joined_owner.label("joined"))
    if kind in {"join", "left", "full"}:
        on = and_(draw(conditions(second)), draw(st.one_of(st.just(true()), conditions(first))))
        join = table.join(joined, on, isouter=kind == "left", full=kind == "full")
        statement = statement.select_from(join)
    for source in [first, second] if draw(st.integers(0, 3)) else [first]:
        statement = statement.where(draw(conditions(source)))
    return draw(nestings(statement, depth - 1)) if depth else statement


def nestings(statement: Any, depth: int) -> st.SearchStrategy[Any]:
    """The statement as it is, or with another one somewhere in it."""
    others = selects(depth)
    return st.one_of(
        st.just(statement),
        st.builds(lambda: select(statement.subquery())),
        st.builds(lambda name: select(statement.cte(name)), st.sampled_from([None, "tasks"])),
        st.builds(lambda one: statement.where(exists(one)), others),
        st.builds(lambda one: statement.add_cte(one.cte()), others),
        st.builds(lambda one: statement.order_by(scalar(one)), others),
        st.builds(lambda one: statement.add_columns(scalar(one).label("nested")), others),
        st.builds(
            lambda one: select(statement.subquery(), one.subquery().lateral().c.owner), others
        ),
        st.builds(lambda one: union_all(pair(statement), pair(one)), others),
        st.builds(lambda one: recursive(statement, one), others),
    )


def pair(statement: Any) -> Any:
    """Its id and owner alone."""
    rows = statement.subquery()
    return select(rows.c.id, rows.c.owner)


def scalar(statement: Any) -> Any:
    return select(statement.subquery().c.owner).limit(1).scalar_subquery()


def recursive(start: Any, step: Any) -> Any:
    return select(pair(start).cte(recursive=True).union(pair(step)))


@st.composite
def writes(draw: st.DrawFn) -> Any:
    """An UPDATE or a DELETE, at the top or in a CTE."""
    source = (tasks, tasks.c.user_id)
    where = [draw(conditions(source)) for _ in range(draw(st.integers(0, 2)))]
    statement: Any = delete(tasks).where(*where)
    if draw(st.booleans()):
        title = draw(
            st.sampled_from([literal("changed"), case((ME, literal("a")), else_=literal("b"))])
        )
        statement = update(tasks).where(*where).values(title=title)
    if draw(st.booleans()):
        statement = statement.where(exists(draw(selects(depth=0))))
    statement = statement.returning(tasks.c.id, tasks.c.user_id)
    return select(statement.cte("written")) if draw(st.booleans()) else statement


class RollBack(Exception):
    """Takes back what a statement has written."""


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(statement=st.one_of(selects(), writes()))
async def test_no_statement_that_compiles_reaches_rows_of_another(
    people: People, statement: Any
) -> None:
    try:
        proven = owned(statement)
    except (UnscopedStatement, SQLAlchemyError):
        event("does not compile")
        return

    try:
        rows, before, after = await run(people, proven)
    except psycopg.Error:
        event("is not what PostgreSQL takes")
        return

    event("ran, and gave rows" if rows else "ran, and gave none")
    assert str(people.theirs) not in str(rows)
    assert after == before


async def run(people: People, statement: OwnedStatement) -> tuple[list[Any], list[Any], list[Any]]:
    """Run a statement and take back what it has written.

    Gives its rows, and the other user's as they were before and after it.
    """
    theirs = {"user_id": people.theirs}
    with suppress(RollBack):
        async with people.scope.transaction() as scope:
            before = await scope._runner.fetch(STORED.encode(), theirs)
            rows = await scope.all(statement)
            after = await scope._runner.fetch(STORED.encode(), theirs)
            raise RollBack
    return rows, before, after
