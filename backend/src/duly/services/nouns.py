"""The nouns that sync: for each, the rows it has and what an answer shows of one."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table

from duly.models import Task, User
from duly.services.columns import TASK
from duly.utils.tables import table_of

_tasks = table_of(Task)
_users = table_of(User)


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of owned resource.

    `trashed_at` marks what is deleted but can be restored. `counter` is the column of the owner's
    row that counts the rows in `table`.
    """

    name: str
    table: Table
    columns: tuple[ColumnElement[Any], ...]
    trashed_at: ColumnElement[Any]
    counter: Column[Any]

    @property
    def plural(self) -> str:
        """The name of several, as in `QuotaExceeded`."""
        return f"{self.name}s"


TASKS = Noun("task", _tasks, TASK, _tasks.c.trashed_at, _users.c.task_count)

SYNCED = (TASKS,)
"""What `/sync` and `/events` tell of. A new noun is added here, and that is all."""
