"""The nouns that sync: for each, the rows it has and what an answer shows of one."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table

from duly.models import Task
from duly.services.columns import TASK
from duly.utils.tables import table_of

_tasks = table_of(Task)


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of owned thing. `trashed_at` marks what is deleted but can be restored."""

    name: str
    table: Table
    columns: tuple[ColumnElement[Any], ...]
    trashed_at: ColumnElement[Any]


TASKS = Noun("task", _tasks, TASK, _tasks.c.trashed_at)

SYNCED = (TASKS,)
"""What `/sync` and `/events` tell of. A new noun is added here, and that is all."""
