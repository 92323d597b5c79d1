"""Bodies and queries of tasks."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool, ValidationInfo, field_validator
from typing_extensions import TypeAliasType

from duly.schemas.base import (
    IN_DIGITS,
    Instant,
    PatchBody,
    QueryBool,
    RequestBody,
    ResourceRead,
    Text,
)
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.operations import Action, Create, OperationResult, Trash, Update
from duly.schemas.page import MAX_OFFSET, ListQuery, Page

Title = Annotated[str, Text(1, 255)]
Description = Annotated[str, Text(0, 20_000, has_lines=True)]


class TaskRead(ResourceRead):
    """A task."""

    title: Annotated[str, Field(examples=["Buy milk"])]
    description: str | None
    is_completed: bool
    completed_at: Instant | None


class TaskPage(Page[TaskRead]):
    """Tasks in order. `next_cursor` leads to the next page."""


class TaskReplace(RequestBody):
    """A whole task. Missing fields are set to their defaults."""

    title: Annotated[Title, Field(examples=["Buy milk"])]
    description: Annotated[Description | None, Field(examples=["Two litres"])] = None
    is_completed: StrictBool = False


class TaskCreate(TaskReplace):
    """A new task. `id` may be any UUID that the client chooses."""

    id: UUID | None = None


class TaskPatch(PatchBody):
    """Changes to a task, as a JSON merge patch (RFC 7396): null clears a field."""

    title: Title = Field(default_factory=str, examples=["Buy oat milk"])
    description: Description | None = Field(default_factory=lambda: None)
    is_completed: StrictBool = Field(default_factory=bool)


class TaskSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"
    TITLE = "title"
    TITLE_DESCENDING = "-title"


class TaskQuery(ListQuery):
    """The query of `GET /tasks`."""

    offset: Annotated[
        int,
        Field(ge=0, le=MAX_OFFSET, description="Tasks to skip; not with `cursor`."),
        IN_DIGITS,
    ] = 0
    is_completed: Annotated[
        QueryBool | None, Field(description="Only completed, or only open tasks. Default: both.")
    ] = None
    trashed: Annotated[
        QueryBool, Field(description="Tasks in the trash, instead of the others.")
    ] = False
    q: Annotated[
        Annotated[str, Text(0, 200)] | None,
        Field(
            description='Search title and description: words, "a phrase", -without; '
            "the last word by its beginning."
        ),
    ] = None
    sort: Annotated[TaskSort, Field(description="The order of the list.")] = (
        TaskSort.CREATED_AT_DESCENDING
    )

    @field_validator("q")
    @classmethod
    def _drop_empty(cls, q: str | None) -> str | None:
        return q or None

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, offset: int, info: ValidationInfo) -> int:
        if offset and info.data.get("cursor") is not None:
            raise ValueError("Cannot be combined with cursor")
        return offset


class TaskUpsert(Upsert[Literal["task"], TaskRead]):
    """A task that was created or changed, in its current state."""


class TaskDeletion(Deletion[Literal["task"]]):
    """A task that was deleted, or moved to the trash."""


TaskChange = TypeAliasType(
    "TaskChange", Annotated[TaskUpsert | TaskDeletion, Field(discriminator="op")]
)


class CreateTask(Create[Literal["task"], TaskCreate]):
    """Create a task."""


class UpdateTask(Update[Literal["task"], TaskPatch]):
    """Change a task."""


class DeleteTask(Trash[Literal["task"]]):
    """Move a task to the trash, or delete it permanently."""


class TaskAction(Action[Literal["task"], Literal["complete", "reopen", "restore"]]):
    """Complete, reopen or restore a task."""


TaskOperation = TypeAliasType(
    "TaskOperation",
    Annotated[CreateTask | UpdateTask | DeleteTask | TaskAction, Field(discriminator="op")],
)


class ShortTask(TaskRead):
    """A task after an operation; of its texts, only those that the operation has set."""

    # Factories give defaults that the schema does not show: absent is not the same as default.
    title: str = Field(default_factory=str, examples=["Buy milk"])
    description: str | None = Field(default_factory=lambda: None)


class TaskResult(OperationResult[Literal["task"], ShortTask]):
    """The result of an operation on a task."""
