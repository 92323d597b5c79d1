"""Whoever forgets an owner is told what is missing, in the words of the statement."""

import re

import pytest
from sqlalchemy import cast, insert, select, text
from sqlalchemy.dialects import postgresql

from duly.database.statements import UnscopedStatement, owned
from duly.utils.identifiers import new_id
from tests.support.ownership import MINE, Build, each, new_task, tasks


@each(
    **{
        "INSERT must give tasks.user_id = :user_id": lambda: insert(tasks).values(id=new_id()),
        "ON CONFLICT must name tasks.user_id": lambda: (
            postgresql.insert(tasks)
            .values(new_task())
            .on_conflict_do_update(index_elements=["id"], set_={"title": "mine"})
        ),
        "tasks must be tied to :user_id": lambda: select(tasks.c.id),
        "raw SQL can't be proven": lambda: select(tasks.c.id).where(MINE, text("true")),
    }
)
def test_a_refusal_tells_what_is_missing(build: Build, request: pytest.FixtureRequest) -> None:
    expected = request.node.callspec.id

    with pytest.raises(UnscopedStatement, match=f"^{re.escape(expected)}$"):
        owned(build())


def test_an_operator_that_could_be_sql_is_refused_as_such() -> None:
    with pytest.raises(UnscopedStatement, match=r"^raw SQL can't be proven$"):
        owned(select(tasks.c.id).where(MINE, tasks.c.title.op("OR true OR")("x")))


def test_an_operator_that_is_none_of_sql_is_rendered() -> None:
    words = tasks.c.title_words.bool_op("@@")(cast("'milk'", postgresql.TSQUERY))

    assert b"(tasks.title_words @@ CAST(" in owned(select(tasks.c.id).where(MINE, words)).sql
