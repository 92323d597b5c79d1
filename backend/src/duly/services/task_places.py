"""The list, section and parent of a task: which ones a request asks for, and whether it may.

References must exist, tasks must not form a circle, and `MAX_LEVELS` is the deepest level.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, func, select

from duly.core.errors import ValidationFailed
from duly.database.scope import Call
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import Label, List, Section, User
from duly.records.revisions import check_count
from duly.records.types import ID
from duly.services.task_trees import chain_from, tree_of
from duly.services.task_type import TYPE
from duly.utils.tables import table_of

MAX_LEVELS = 5

_tasks = TYPE.table
_users, _lists, _sections = table_of(User), table_of(List), table_of(Section)
_labels = table_of(Label)

_NONE = uuid4()
"""The id of nothing, instead of a null: Citus finds no node for a condition that is always false."""

_LIST = bindparam("list_id", type_=Uuid())
_SECTION = bindparam("section_id", type_=Uuid())
_PARENT = bindparam("parent_id", type_=Uuid())
_LABELS = bindparam("label_ids", type_=ARRAY(Uuid()))


class Place(NamedTuple):
    """A task's list, section and parent. `list_id` is None for the inbox."""

    list_id: UUID | None = None
    section_id: UUID | None = None
    parent_id: UUID | None = None


def is_list_live() -> Any:
    """Whether the list with the id `:list_id` exists and is not in the trash."""
    return exists().where(
        _lists.c.user_id == USER_ID, _lists.c.id == _LIST, _lists.c.trashed_at.is_(None)
    )


def _facts() -> Any:
    parent = _tasks.alias("its_parent")
    section = _sections.alias("its_section")
    chain = chain_from(_tasks.c.user_id == USER_ID, _tasks.c.id == _PARENT, TYPE.is_live)
    tree = tree_of(TYPE.is_named)
    known = select(func.count()).where(_labels.c.user_id == USER_ID, _labels.c.id == any_(_LABELS))
    return owned(
        select(
            is_list_live().label("has_list"),
            section.c.id.is_not(None).label("has_section"),
            section.c.list_id.label("section_list_id"),
            parent.c.id.is_not(None).label("has_parent"),
            parent.c.list_id.label("parent_list_id"),
            parent.c.section_id.label("parent_section_id"),
            select(func.max(chain.c.level)).scalar_subquery().label("parent_level"),
            exists().where(chain.c.id == ID).label("is_circle"),
            select(func.max(tree.c.level)).scalar_subquery().label("height"),
            select(func.count()).select_from(tree).scalar_subquery().label("size"),
            known.scalar_subquery().label("label_count"),
        )
        .select_from(
            _users.outerjoin(
                section,
                (section.c.user_id == USER_ID)
                & (section.c.id == _SECTION)
                & section.c.trashed_at.is_(None),
            ).outerjoin(
                parent,
                (parent.c.user_id == USER_ID)
                & (parent.c.id == _PARENT)
                & parent.c.trashed_at.is_(None),
            )
        )
        .where(_users.c.id == USER_ID)
    )


_FACTS = _facts()


def facts_call(task_id: UUID, sent: Mapping[str, Any], label_ids: Sequence[UUID]) -> Call:
    """The statement that reads what a task will refer to, and its parameters."""
    params = {name: sent.get(name) or _NONE for name in ("list_id", "section_id", "parent_id")}
    return _FACTS, {"id": task_id, **params, "label_ids": list(label_ids)}


def resolve(current: Place, sent: Mapping[str, Any], facts: Row) -> Place:
    """Return the place that a task gets by the fields that were sent.

    Raise `ValidationFailed` if a reference does not exist, if fields contradict each other, if the
    task would be below itself, or below `MAX_LEVELS`.
    """
    _check_references(sent, facts)
    list_id, section_id, parent_id = current
    if sent.get("parent_id") is not None:
        place = Place(facts["parent_list_id"], facts["parent_section_id"], sent["parent_id"])
        _check_agreement(sent, place, "the list and section of the parent")
        _check_tree(facts)
        return place
    if "list_id" in sent and sent["list_id"] != list_id:
        list_id, section_id, parent_id = sent["list_id"], None, None
    if "section_id" in sent and sent["section_id"] != section_id:
        section_id, parent_id = sent["section_id"], None
        if section_id is not None and "list_id" not in sent:
            list_id = facts["section_list_id"]
    if section_id is not None and section_id == sent.get("section_id"):
        place = Place(facts["section_list_id"], section_id)
        _check_agreement(sent, place, "the list of the section")
    if "parent_id" in sent:
        parent_id = None
    return Place(list_id, section_id, parent_id)


def check_labels(field: str, label_ids: Sequence[UUID], facts: Row) -> None:
    """Raise `ValidationFailed` unless all labels of a field exist."""
    if facts["label_count"] < len(label_ids):
        raise unknown_reference(field, "label")


def _check_references(sent: Mapping[str, Any], facts: Row) -> None:
    for name in ("list", "section", "parent"):
        if sent.get(f"{name}_id") is not None and not facts[f"has_{name}"]:
            raise unknown_reference(f"{name}_id", "task" if name == "parent" else name)


def _check_agreement(sent: Mapping[str, Any], place: Place, whose: str) -> None:
    for name in ("list_id", "section_id"):
        if name in sent and sent[name] != getattr(place, name):
            raise ValidationFailed.of(
                f"body.{name}", f"Must be {whose}, or be left out", "contradiction"
            )


def _check_tree(facts: Row) -> None:
    if facts["is_circle"]:
        raise ValidationFailed.of(
            "body.parent_id", "Must not be the task itself or one of its subtasks", "circle"
        )
    if facts["parent_level"] + (facts["height"] or 1) > MAX_LEVELS:
        raise ValidationFailed.of(
            "body.parent_id", f"Must not nest tasks more than {MAX_LEVELS} levels deep", "too_deep"
        )
    check_count(facts["size"])


def unknown_reference(field: str, what: str) -> ValidationFailed:
    """The error for a resource that is missing, in the trash or another user's."""
    return ValidationFailed.of(
        f"body.{field}", f"Must be the id of a {what} that is not deleted", "unknown_reference"
    )
