"""All resource types. Sync, events, export, batches and maintenance follow this list alone.

A new one is added here and, for what clients see, in `schemas.resource_types`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from duly.core.config import Settings
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.records.changes import Change, Versions
from duly.records.commands import Command
from duly.records.creation import Created
from duly.records.types import ResourceType
from duly.services import labels, tasks


@dataclass(frozen=True, slots=True)
class Operations:
    """The functions of a type's routes, for batches to call; deletion is the same for all types."""

    kind: ResourceType
    create: Callable[[UserScope, Any, Settings], Command[Created]]
    patch: Callable[[UserScope, UUID, Any, Versions], Command[Row]]
    actions: Mapping[str, Change] = field(default_factory=dict)


OPERATIONS = {
    operations.kind.name: operations
    for operations in (
        Operations(tasks.TYPE, tasks.create, tasks.patch, tasks.ACTIONS),
        Operations(labels.TYPE, labels.create, labels.patch),
    )
}

RESOURCE_TYPES = tuple(operations.kind for operations in OPERATIONS.values())
