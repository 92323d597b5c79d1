"""Samples of tasks in a database, and filters of them as the service runs them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from duly.database.scope import UserScope
from duly.database.statements import OwnedStatement
from duly.filter_language import Expression
from duly.records.page_statements import Resumption, page_statement
from duly.records.types import listed
from duly.services.filter_conditions import Shape, conditions
from duly.services.task_filters import bound_filter
from duly.services.task_pages import SORTS
from duly.services.task_type import TYPE
from duly.utils.identifiers import new_id
from duly.utils.name_keys import name_key
from duly.utils.search import description_vector, title_vector
from tests.support.filter_vectors import Sample

LIMIT = 10_000


def id_of(user_id: UUID, name: str | None) -> UUID | None:
    """The id of a resource that a sample knows by a name."""
    return None if name is None else uuid5(uuid5(NAMESPACE_OID, user_id.hex), name)


def fill(connection: psycopg.Connection[Any], sample: Sample) -> UUID:
    """Create a user who has the resources of a sample."""
    user_id = new_id()
    _insert(connection, "users", id=user_id, email=f"{user_id}@example.com", password_hash="")
    for number, (table, resources) in enumerate(
        {"lists": sample.lists, "sections": sample.sections, "labels": sample.labels}.items()
    ):
        for resource in resources:
            values: dict[str, Any] = {"name": resource["name"], "revision": number + 1}
            if table == "sections":
                values["list_id"] = id_of(user_id, resource["list_id"])
            key = name_key(resource["name"])
            id_ = id_of(user_id, resource["id"])
            _insert(connection, table, user_id=user_id, id=id_, name_key=key, **values)
    for task in sample.tasks:
        _insert(connection, "tasks", **_row(user_id, task))
    return user_id


def _row(user_id: UUID, task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "id": id_of(user_id, task["id"]),
        "revision": 1,
        "title_words": title_vector(user_id, task["title"]),
        "description_words": description_vector(user_id, task["description"]),
        "label_ids": [id_of(user_id, name) for name in task["label_ids"]],
        **{name: id_of(user_id, task[name]) for name in ("list_id", "section_id", "parent_id")},
        **{
            name: task[name]
            for name in (
                *("title", "description", "priority"),
                *("completed_at", "created_at", "updated_at"),
            )
        },
        **_when("start", task["start"]),
        **_when("due", task["due"]),
        **_recurrence(task),
    }


def _recurrence(task: Mapping[str, Any]) -> dict[str, Any]:
    if task["recurrence"] is None:
        return {}
    return {
        "recurrence_rule": task["recurrence"]["rule"],
        "recurrence_anchor": "due",
        **{f"recurrence_{name}": task["due"]["date"] for name in ("from", "occurrence")},
    }


def _when(name: str, value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is None:
        return {}
    row = {f"{name}_{part}": value[part] for part in ("date", "time", "timezone")}
    if value["timezone"] is not None:
        local = datetime.combine(
            date.fromisoformat(value["date"]),
            time.fromisoformat(value["time"]),
            ZoneInfo(value["timezone"]),
        )
        row[f"{name}_at"] = local.astimezone(UTC)
    return row


def _insert(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
    columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    given = [Jsonb(value) if isinstance(value, dict) else value for value in values.values()]
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})".encode(), given)


def statement_of(
    shape: Shape | None, sort: str = "created_at", *, is_counted: bool = False
) -> OwnedStatement:
    """The statement of a list with a filter, as the service writes it."""
    assert shape is not None
    parts = conditions(shape, is_counted=is_counted, has_nulls=SORTS[sort].has_nulls)
    return page_statement(
        TYPE,
        SORTS[sort],
        [listed(TYPE.is_live), *parts.filters],
        is_descending=True,
        search=parts.search,
        resumption=Resumption.START,
        is_counted=is_counted,
    )


async def found(scope: UserScope, expression: Expression, sample: Sample) -> set[UUID]:
    """The ids of the tasks that a filter finds in the database."""
    view = sample.view
    bound = await bound_filter(scope, expression, timezone=view.timezone, today=view.today)
    statement = statement_of(bound.shape)
    page = await scope.find_page(statement, limit=LIMIT, offset=0, **bound.params)
    assert page is not None
    return {UUID(row["id"]) for row in page.resources}
