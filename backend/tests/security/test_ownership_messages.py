"""The error for a statement without an owner names what is missing."""

import re

import pytest
from sqlalchemy import cast, insert, select, text
from sqlalchemy.dialects import postgresql

from duly.database.statements import UnscopedStatement, owned
from duly.utils.identifiers import new_id
from tests.support.ownership import MINE, Build, each, new_task, tasks


@each(
    **{
        "INSERT must set tasks.user_id = :user_id": lambda: insert(tasks).values(id=new_id()),
        "ON CONFLICT must name tasks.user_id": lambda: (
            postgresql.insert(tasks)
            .values(new_task())
            .on_conflict_do_update(index_elements=["id"], set_={"title": "mine"})
        ),
        "tasks must be restricted to :user_id": lambda: select(tasks.c.id),
        "raw SQL cannot be checked": lambda: select(tasks.c.id).where(MINE, text("true")),
    }
)
def test_error_names_what_is_missing(build: Build, request: pytest.FixtureRequest) -> None:
    expected = request.node.callspec.id

    with pytest.raises(UnscopedStatement, match=f"^{re.escape(expected)}$"):
        owned(build())


def test_operator_that_could_be_sql_is_refused() -> None:
    with pytest.raises(UnscopedStatement, match=r"^raw SQL cannot be checked$"):
        owned(select(tasks.c.id).where(MINE, tasks.c.title.op("OR true OR")("x")))


def test_custom_operator_is_rendered() -> None:
    words = tasks.c.title_words.bool_op("@@")(cast("'milk'", postgresql.TSQUERY))

    assert b"(tasks.title_words @@ CAST(" in owned(select(tasks.c.id).where(MINE, words)).sql
