"""All resource types. Sync, events, export, batches and maintenance follow this list alone.

A new one is added here and, for what clients see, in `schemas.resource_types`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from duly.core.config import Settings
from duly.database.scope import UserScope
from duly.database.values import Row
from duly.records.commands import Operation
from duly.records.creation import Created
from duly.records.types import ResourceType
from duly.records.versions import Versions
from duly.services import filters, labels, lists, sections, task_completion, tasks

Action = Callable[[UserScope, UUID, Any, Versions, Settings], Operation[Row]]
Act = Callable[[UserScope, UUID, Any, Versions], Operation[Row]]
"""Operations on an existing resource; the third argument is its body or its query."""


@dataclass(frozen=True, slots=True)
class Operations:
    """The functions of a type's routes, for batches to call."""

    kind: ResourceType
    create: Callable[[UserScope, Any, Settings], Operation[Created]]
    patch: Act
    delete: Act
    move: Act
    actions: Mapping[str, Action] = field(default_factory=dict)


OPERATIONS = {
    operations.kind.name: operations
    for operations in (
        Operations(
            lists.TYPE,
            lists.create,
            lists.patch,
            lists.delete_list,
            lists.move,
            {"restore": lists.restore},
        ),
        Operations(
            sections.TYPE, sections.create, sections.patch, sections.delete_section, sections.move
        ),
        Operations(labels.TYPE, labels.create, labels.patch, labels.delete_label, labels.move),
        Operations(
            filters.TYPE, filters.create, filters.patch, filters.delete_filter, filters.move
        ),
        Operations(
            tasks.TYPE,
            tasks.create,
            tasks.patch,
            tasks.delete_task,
            tasks.move,
            {
                "complete": task_completion.complete,
                "skip": task_completion.skip,
                "reopen": task_completion.reopen,
                "restore": tasks.restore,
            },
        ),
    )
}

RESOURCE_TYPES = tuple(operations.kind for operations in OPERATIONS.values())
