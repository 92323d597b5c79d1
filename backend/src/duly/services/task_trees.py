"""Actions on a task and its subtasks: complete, reopen, trash, restore, delete permanently.

`services.task_places` checks where a task may be, and that subtasks do not form a circle.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union,
    update,
)

from duly.core.errors import ValidationFailed
from duly.database.statements import USER_ID, OwnedStatement, owned_change
from duly.database.values import Row
from duly.models import List
from duly.records.cascades import changing_tree, erasing_all
from duly.records.changes import Change, lookup_of
from duly.records.revisions import IS_FRESH, check_count, next_revision
from duly.records.types import ID, Values, returning_shown
from duly.records.versions import has_version
from duly.services.task_type import TYPE, done_at
from duly.utils.tables import table_of

_tasks = TYPE.table
_lists = table_of(List)

_IS_OPEN = _tasks.c.completed_at.is_(None)
_IS_DONE = _tasks.c.completed_at.is_not(None)
_IN_TREE = ("id", "parent_id", "completed_at", "completed_with", "trashed_at", "trashed_with")


def tree_of(
    *conditions: ColumnElement[bool],
    below: Callable[[Any], ColumnElement[bool]] | None = None,
    is_nested: bool = False,
) -> CTE:
    """The task that meets `conditions`, at level 1, and all below it; they must name the owner.

    `below`, given a table of subtasks, leaves those out that do not meet it, and all below them.
    With `is_nested`, the CTE is part of the one query that selects from it.
    """
    child = _tasks.alias("child")
    tree = (
        select(*(_tasks.c[name] for name in _IN_TREE), literal(1).label("level"))
        .where(*conditions)
        .cte("tree", recursive=True, nesting=is_nested)
    )
    is_below = [child.c.user_id == USER_ID, child.c.parent_id == tree.c.id]
    if below is not None:
        is_below.append(below(child))
    return tree.union_all(_next_level(tree, child, *is_below))


def _next_level(tree: CTE, task: Any, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The recursive part of a tree: it looks up the tasks that meet `conditions` for each of `tree`.

    OFFSET keeps PostgreSQL from joining: where it takes all users to have a task or two, it reads
    all tasks of the user at each level.
    """
    found = select(*(task.c[name] for name in _IN_TREE)).where(*conditions).offset(0)
    rows = found.lateral("next_level")
    return select(*rows.c, tree.c.level + 1).select_from(tree.join(rows, true()))


def _of_root(tree: CTE, name: str) -> ColumnElement[Any]:
    # Read once; joined, it may be read for each task.
    root = tree.alias("root")
    return select(root.c[name]).where(root.c.level == 1).scalar_subquery()


def chain_from(*conditions: ColumnElement[bool]) -> CTE:
    """The task that meets `conditions`, at level 1, and all above it; they must name the owner."""
    parent = _tasks.alias("parent")
    chain = (
        select(*(_tasks.c[name] for name in _IN_TREE), literal(1).label("level"))
        .where(*conditions)
        .cte("chain", recursive=True)
    )
    return chain.union_all(
        _next_level(chain, parent, parent.c.user_id == USER_ID, parent.c.id == chain.c.parent_id)
    )


def _change(
    event: str,
    targets: Select[Any],
    values: Values,
    condition: ColumnElement[bool],
    *,
    finds_trashed: bool = False,
    explain: Callable[[Row], None] = lambda _: None,
    **facts: ColumnElement[Any],
) -> Change:
    def explain_all(found: Row) -> None:
        check_count(found["affected"])
        explain(found)

    return Change(
        TYPE,
        event,
        changing_tree(TYPE, targets, values),
        _lookup_of(condition, targets, **facts),
        finds_trashed,
        affects_others=True,
        explain=explain_all,
    )


def _lookup_of(
    condition: ColumnElement[bool], targets: Select[Any], **facts: ColumnElement[Any]
) -> OwnedStatement:
    count = select(func.count()).select_from(targets.subquery("counted")).scalar_subquery()
    return lookup_of(TYPE, condition, affected=count, **facts)


def _explain(facts: Row) -> None:
    check_count(facts["affected"])


def _completed(owner: CTE) -> dict[str, ColumnElement[Any]]:
    return {"completed_at": done_at(owner), "completed_with": owner.c.revision}


def _completing(is_simple: ColumnElement[bool]) -> Change:
    condition = and_(TYPE.is_live, _IS_OPEN, is_simple)
    tree = tree_of(TYPE.is_named, condition, has_version(TYPE))
    targets = select(tree.c.id).where(tree.c.trashed_at.is_(None), tree.c.completed_at.is_(None))
    return _change(
        "task.completed",
        targets,
        _completed,
        condition,
        explain=_require_occurrence,
        is_recurring=~is_simple,
    )


def _require_occurrence(facts: Row) -> None:
    if facts["is_recurring"]:
        raise ValidationFailed.of(
            "body.occurrence", "Must be present: the task is recurring", "missing"
        )


def _reopening() -> Change:
    condition = and_(TYPE.is_live, _IS_DONE)
    named = (TYPE.is_named, condition, has_version(TYPE))
    tree, chain = tree_of(*named), chain_from(*named)
    together = select(tree.c.id).where(
        tree.c.trashed_at.is_(None),
        tree.c.completed_at.is_not(None),
        or_(tree.c.level == 1, tree.c.completed_with == _of_root(tree, "completed_with")),
    )
    above = select(chain.c.id).where(chain.c.completed_at.is_not(None))
    both = union(together, above).subquery("both")
    return _change(
        "task.reopened",
        select(both.c.id),
        # An older occurrence of a recurring task becomes an ordinary task.
        lambda _: {
            "completed_at": null(),
            "completed_with": null(),
            "occurrence_of": case((_tasks.c.id == ID, null()), else_=_tasks.c.occurrence_of),
            "occurrence": case((_tasks.c.id == ID, null()), else_=_tasks.c.occurrence),
        },
        condition,
    )


def _trashing() -> Change:
    tree = tree_of(TYPE.is_named, TYPE.is_live, has_version(TYPE))
    return _change(
        "task.deleted",
        select(tree.c.id).where(tree.c.trashed_at.is_(None)),
        lambda owner: {
            "trashed_at": owner.c.changed_at,
            "trashed_with": owner.c.revision,
            # Their own fields do not change.
            "updated_at": _tasks.c.updated_at,
        },
        TYPE.is_live,
    )


def _restoring() -> Change:
    tree = tree_of(TYPE.is_named, TYPE.is_trashed, has_version(TYPE))
    # The previous release moved tasks to the trash one by one, and did not set `trashed_with`.
    targets = select(tree.c.id).where(
        or_(tree.c.level == 1, tree.c.trashed_with == _of_root(tree, "trashed_with"))
    )
    parent, named = _tasks.alias("its_parent"), _tasks.alias("named")
    # Not joined, so that each is looked up by its key.
    parent_id = select(named.c.parent_id).where(named.c.user_id == USER_ID, named.c.id == ID)
    # One row, or none if the task has no parent that is not in the trash.
    home = (
        select(parent.c.id, parent.c.list_id, parent.c.section_id)
        .where(
            parent.c.user_id == USER_ID,
            parent.c.id == parent_id.scalar_subquery(),
            parent.c.trashed_at.is_(None),
        )
        .cte("home")
    )
    has_parent = exists(select(home.c.id))
    has_list = exists().where(
        _lists.c.user_id == USER_ID,
        _lists.c.id == _tasks.c.list_id,
        _lists.c.trashed_at.is_(None),
    )

    def place(name: str) -> ColumnElement[Any]:
        there = select(home.c[name]).scalar_subquery()
        return case((has_parent, there), (has_list, _tasks.c[name]), else_=null())

    def values(_: CTE) -> dict[str, ColumnElement[Any]]:
        # Its list may have been deleted since, or its parent moved to another one. Sections are
        # deleted and restored with their lists.
        return {
            "trashed_at": null(),
            "trashed_with": null(),
            "updated_at": _tasks.c.updated_at,
            "list_id": place("list_id"),
            "section_id": place("section_id"),
            "parent_id": case(
                (or_(_tasks.c.id != ID, has_parent), _tasks.c.parent_id), else_=null()
            ),
        }

    return _change("task.restored", targets, values, TYPE.is_trashed, finds_trashed=True)


def _erasing() -> Change:
    named = (TYPE.is_named, has_version(TYPE))
    return Change(
        TYPE,
        "task.erased",
        erasing_all(TYPE, select(tree_of(*named, is_nested=True).c.id)),
        _lookup_of(true(), select(tree_of(*named).c.id)),
        finds_trashed=True,
        affects_others=True,
        explain=_explain,
    )


def _of_one(values: Values, *conditions: ColumnElement[bool]) -> OwnedStatement:
    """Set `values` in a live task without subtasks that meets `conditions`.

    It finds nothing if anything of the user changed meanwhile, so it needs no lock but the owner's.
    """
    child = _tasks.alias("child")
    owner = next_revision(
        IS_FRESH,
        exists().where(TYPE.is_named, TYPE.is_live, has_version(TYPE), *conditions),
        ~exists().where(child.c.user_id == USER_ID, child.c.parent_id == ID),
    )
    always = {"revision": owner.c.revision, "updated_at": owner.c.changed_at}
    change = (
        update(_tasks)
        .where(TYPE.is_named, owner.c.revision.is_not(None))
        .values({**always, **values(owner)})
    )
    _, shown = returning_shown(TYPE, change, TYPE.shown)
    return owned_change(select(*shown))


COMPLETE_ONE = _of_one(_completed, _IS_OPEN, _tasks.c.recurrence_rule.is_(None))
"""Complete a task without subtasks that is not recurring; no row for any other."""
REOPEN_ONE = _of_one(
    lambda _: {"completed_at": null(), "completed_with": null()},
    _IS_DONE,
    _tasks.c.parent_id.is_(None),
    _tasks.c.occurrence_of.is_(None),
)
"""Reopen a task without subtasks and parent that is not an occurrence; no row for any other."""

COMPLETE = _completing(_tasks.c.recurrence_rule.is_(None))
COMPLETE_WHOLE = _completing(true())
"""The same for a recurring task, whose rule ends with it."""
REOPEN = _reopening()
TRASH = _trashing()
RESTORE = _restoring()
ERASE = _erasing()
