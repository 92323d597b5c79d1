"""Statements on user-owned tables, and parts of them, for tests of the ownership check."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from duly.database.statements import USER_ID
from duly.models import Session, Task, User, UserEmail
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

Build = Callable[[], Any]

tasks = table_of(Task)
users = table_of(User)
sessions = table_of(Session)
user_emails = table_of(UserEmail)

# Their attributes are columns, which the type checker does not know.
TaskModel: Any = Task
UserModel: Any = User

MINE = tasks.c.user_id == USER_ID
MY_SESSION = sessions.c.user_id == USER_ID
ME = users.c.id == USER_ID
STRANGER: UUID = new_id()
"""Someone whom a statement names as a constant."""


def each(**builders: Build) -> pytest.MarkDecorator:
    """One test for each statement; each is built inside of its test."""
    return pytest.mark.parametrize("build", list(builders.values()), ids=list(builders))


def new_task(**values: Any) -> dict[str, Any]:
    """The values of a task, rightly owned."""
    return {"user_id": USER_ID, "id": new_id(), "title": "new", "revision": 1, **values}


def inserting(**values: Any) -> Any:
    """An INSERT of one task."""
    return insert(tasks).values(new_task(**values))


def renaming(*conditions: Any) -> Any:
    """An UPDATE of tasks, where `conditions` hold."""
    return update(tasks).where(*conditions).values(title="changed")
