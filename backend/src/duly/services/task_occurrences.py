"""The statements that complete an occurrence of a recurring task, and take that back.

`services.task_completion` runs them.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Integer,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    null,
    select,
)

from duly.database.scope import Call
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.models import TaskLabel, User
from duly.records.cascades import changing_all
from duly.records.order import appended
from duly.records.revisions import next_revision
from duly.records.types import ID
from duly.recurrence.occurrences import MAX_COMPLETED
from duly.services.task_trees import tree_of
from duly.services.task_type import TYPE, done_at
from duly.utils.tables import table_of

_tasks = TYPE.table
_users, _task_labels = table_of(User), table_of(TaskLabel)

_COPY_ID = bindparam("copy_id", type_=Uuid())
_TOGETHER = bindparam("together", type_=BigInteger())

_FRESH = {
    "id",
    "created_at",
    "updated_at",
    "revision",
    "creation_hash",
    "completed_at",
    "completed_with",
    "trashed_at",
    "trashed_with",
    "occurrence_of",
    "occurrence",
    "reset_at",
    "reset_with",
    "position",
}
"""Columns that a completed occurrence does not copy from its task, besides the recurrence."""


def _copying() -> OwnedStatement:
    """Insert the completed occurrence, unless the quota is reached."""
    limit = bindparam("limit", type_=Integer())
    counter = TYPE.counter
    owner = next_revision(counter < limit, **{counter.name: counter + 1})
    new: dict[str, Any] = {
        "id": _COPY_ID,
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
        "completed_at": done_at(owner),
        "completed_with": _TOGETHER,
        "position": appended(owner.c.revision),
        "occurrence_of": ID,
    }
    original = _tasks.alias("original")
    kept = {
        column.name: original.c[column.name]
        for column in _tasks.c
        if column.name not in _FRESH and not column.name.startswith("recurrence_")
    }
    values = {**kept, **new, "user_id": USER_ID, "occurrence": original.c.recurrence_occurrence}
    source: Select[Any] = select(*values.values()).where(
        original.c.user_id == USER_ID, original.c.id == ID, owner.c.revision.is_not(None)
    )
    return owned_change(insert(_tasks).from_select(list(values), source).returning(_tasks.c.id))


def _copying_labels() -> OwnedStatement:
    copy = _tasks.alias("copy")
    source = select(USER_ID, copy.c.id, func.unnest(copy.c.label_ids, type_=Uuid())).where(
        copy.c.user_id == USER_ID, copy.c.id == _COPY_ID
    )
    return owned(insert(_task_labels).from_select(["user_id", "task_id", "label_id"], source))


def facts_call(task_id: UUID, completed_at: datetime | None) -> Call:
    """The statement that reads what completing or skipping depends on, and its parameters."""
    # Earlier ones can't be next. A day more than any time zone is off.
    day = (completed_at or datetime.now(UTC)).date()
    since = day - min(timedelta(days=2), day - date.min)
    return FACTS, {"id": task_id, "since": since}


def _facts() -> OwnedStatement:
    """The owner's time zone and revision, the size of a task's tree, its last completed occurrences."""
    tree = tree_of(TYPE.is_named)
    size = select(func.count()).select_from(tree).scalar_subquery()
    copy = _tasks.alias("copy")
    future = (
        select(copy.c.occurrence)
        .where(
            copy.c.user_id == USER_ID,
            copy.c.occurrence_of == ID,
            copy.c.occurrence >= bindparam("since", type_=Date()),
        )
        .order_by(copy.c.occurrence.desc())
        .limit(MAX_COMPLETED)
    )
    completed = func.array(future.scalar_subquery(), type_=ARRAY(Date()))
    columns = (_users.c.timezone, _users.c.revision, size.label("size"))
    return owned(select(*columns, completed.label("completed")).where(_users.c.id == USER_ID))


def _series() -> OwnedStatement:
    """The open recurring task whose newest completed occurrence is `:copy_id`.

    `size` counts the task, its subtasks, and what is directly below the copy.
    """
    later = _tasks.alias("later")
    original = _of_copy("occurrence_of")
    tree = tree_of(_tasks.c.user_id == USER_ID, _tasks.c.id == original)
    below = _tasks.alias("below")
    is_below = (below.c.user_id == USER_ID, below.c.parent_id == _COPY_ID)
    size = (
        select(func.count()).select_from(tree).scalar_subquery()
        + select(func.count()).select_from(below).where(*is_below).scalar_subquery()
    )
    is_newest = ~exists().where(
        later.c.user_id == USER_ID,
        later.c.occurrence_of == original,
        later.c.created_at > _of_copy("created_at"),
        later.c.trashed_at.is_(None),
    )
    return owned(
        select(*TYPE.shown, size.label("size")).where(
            _tasks.c.user_id == USER_ID,
            _tasks.c.id == original,
            TYPE.is_live,
            _tasks.c.completed_at.is_(None),
            _tasks.c.recurrence_rule.is_not(None),
            is_newest,
        )
    )


def _of_copy(name: str) -> Any:
    """A column of the completed occurrence. Not joined, so that it is looked up by its key."""
    copy = _tasks.alias("copy")
    found = select(copy.c[name]).where(copy.c.user_id == USER_ID, copy.c.id == _COPY_ID)
    return found.scalar_subquery()


def _opening_below() -> OwnedStatement:
    """Open the completed subtasks, and remember when they were completed.

    Completed occurrences of recurring subtasks stay as they are, with all that is below them.
    """
    tree = tree_of(TYPE.is_named, below=lambda child: child.c.occurrence_of.is_(None))
    targets = select(tree.c.id).where(
        tree.c.level > 1, tree.c.trashed_at.is_(None), tree.c.completed_at.is_not(None)
    )
    return changing_all(
        TYPE,
        targets,
        lambda _: {
            "completed_at": null(),
            "completed_with": null(),
            "reset_at": _tasks.c.completed_at,
            "reset_with": _TOGETHER,
        },
    )


def _completing_again() -> OwnedStatement:
    """Complete the subtasks that were completed before the copy was made, if they are open."""
    tree, below = tree_of(TYPE.is_named), _tasks.alias("below")
    targets = (
        select(tree.c.id)
        .join(below, (below.c.user_id == USER_ID) & (below.c.id == tree.c.id))
        .where(
            tree.c.trashed_at.is_(None),
            tree.c.completed_at.is_(None),
            below.c.reset_with == _of_copy("completed_with"),
        )
    )
    return changing_all(
        TYPE,
        targets,
        lambda owner: {
            "completed_at": _tasks.c.reset_at,
            "completed_with": owner.c.revision,
            "reset_at": null(),
            "reset_with": null(),
        },
    )


def _moving_up() -> OwnedStatement:
    """Move what is directly below a task to where that task is, the trash included."""
    named = _tasks.alias("named")
    above = select(named.c.parent_id).where(named.c.user_id == USER_ID, named.c.id == ID)
    targets = select(_tasks.c.id).where(_tasks.c.user_id == USER_ID, _tasks.c.parent_id == ID)
    return changing_all(TYPE, targets, lambda _: {"parent_id": above.scalar_subquery()})


COPY = _copying()
COPY_LABELS = _copying_labels()
FACTS = _facts()
SERIES = _series()
OPEN_BELOW = _opening_below()
MOVE_UP = _moving_up()
COMPLETE_AGAIN = _completing_again()
