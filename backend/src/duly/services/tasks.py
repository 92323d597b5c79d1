"""Tasks: what sets them apart from other resources."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Boolean, ColumnElement, Text, bindparam, case, cast, null
from sqlalchemy.dialects.postgresql import TSQUERY

from duly.core.config import Settings
from duly.core.tokens import Keyring
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import OwnedStatement
from duly.models import Task, User
from duly.records import changes, creation, pages
from duly.records.changes import Change, Versions
from duly.records.commands import Command
from duly.records.creation import Created
from duly.records.types import Field, ResourceType, searchable_text
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskQuery, TaskReplace, TaskSort
from duly.utils.search import description_vector, search_query, title_vector
from duly.utils.tables import table_of
from duly.utils.times import utc

_tasks = table_of(Task)

_IS_COMPLETED = bindparam("is_completed", type_=Boolean())
_IS_OPEN = _tasks.c.completed_at.is_(None)
_IS_DONE = _tasks.c.completed_at.is_not(None)
# As in the index `ix_tasks_words`.
_WORDS = _tasks.c.title_words.op("||")(_tasks.c.description_words)


def _completed_at(owner: CTE) -> Mapping[str, ColumnElement[Any]]:
    # A task that is completed already keeps the time at which it was.
    done_at = case((_IS_DONE, _tasks.c.completed_at), else_=owner.c.changed_at)
    return {"completed_at": case((_IS_COMPLETED, done_at), else_=null())}


def _completed_at_when_new(owner: CTE) -> Mapping[str, ColumnElement[Any]]:
    return {"completed_at": case((_IS_COMPLETED, owner.c.changed_at), else_=null())}


TYPE = ResourceType(
    name="task",
    table=_tasks,
    shown=(
        _tasks.c.id,
        _tasks.c.user_id,
        _tasks.c.title,
        _tasks.c.description,
        _IS_DONE.label("is_completed"),
        utc(_tasks.c.completed_at),
        utc(_tasks.c.created_at),
        utc(_tasks.c.updated_at),
        _tasks.c.revision.label("version"),
    ),
    fields={
        "title": searchable_text(_tasks.c.title, _tasks.c.title_words, title_vector),
        "description": searchable_text(
            _tasks.c.description, _tasks.c.description_words, description_vector
        ),
        "is_completed": Field(
            _completed_at, lambda _, sent: {"is_completed": sent}, _completed_at_when_new
        ),
    },
    counter=table_of(User).c.task_count,
)

COMPLETE = changes.change(
    TYPE, "task.completed", lambda owner: {"completed_at": owner.c.changed_at}, of=_IS_OPEN
)
REOPEN = changes.change(TYPE, "task.reopened", lambda _: {"completed_at": null()}, of=_IS_DONE)
RESTORE = changes.restoring(TYPE)

ACTIONS: Mapping[str, Change] = {"complete": COMPLETE, "reopen": REOPEN, "restore": RESTORE}


def create(scope: UserScope, body: TaskCreate, settings: Settings) -> Command[Created]:
    """Create a task; see `records.creation`."""
    return creation.create(TYPE, scope.user_id, body, client_id=body.id, limit=settings.max_tasks)


def replace(
    scope: UserScope, task_id: UUID, body: TaskReplace, versions: Versions
) -> Command[Row]:
    """Set every field of a task."""
    return changes.update(TYPE, scope.user_id, task_id, body.model_dump(), versions)


def patch(scope: UserScope, task_id: UUID, body: TaskPatch, versions: Versions) -> Command[Row]:
    """Set the fields that were sent."""
    return changes.update(TYPE, scope.user_id, task_id, body.changes(), versions)


async def read_page(
    scope: UserScope, keyring: Keyring, query: TaskQuery
) -> tuple[dict[str, Any], str]:
    """A page of the caller's tasks and its entity tag; see `records.pages`."""
    params: dict[str, Any] = {"offset": query.offset}
    if query.q is not None:
        params["words"] = search_query(scope.user_id, query.q)
    statement = _page(
        query.sort,
        is_completed=query.is_completed,
        is_searched=query.q is not None,
        is_resumed=query.cursor is not None,
        is_counted=query.include_total,
        is_trashed=query.trashed,
    )
    return await pages.read_page(scope, keyring, TYPE, query, statement=statement, params=params)


@cache
def _page(
    sort: TaskSort,
    *,
    is_completed: bool | None,
    is_searched: bool,
    is_resumed: bool,
    is_counted: bool,
    is_trashed: bool,
) -> OwnedStatement:
    """The statement of one kind of list. There are some two hundred, compiled when first used."""
    filters = [pages.listed(TYPE.is_trashed if is_trashed else TYPE.is_live)]
    if is_completed is not None:
        filters.append(pages.listed(_IS_DONE if is_completed else _IS_OPEN))
    query = cast(bindparam("words", type_=Text()), TSQUERY)
    search = _WORDS.bool_op("@@")(query) if is_searched else None
    return pages.page_statement(
        TYPE, sort, filters, search=search, is_resumed=is_resumed, is_counted=is_counted
    )
