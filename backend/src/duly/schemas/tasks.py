"""Bodies and queries of tasks."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from duly.schemas.base import (
    IN_DIGITS,
    Id,
    Instant,
    QueryBool,
    RequestBody,
    ResponseBody,
    Text,
    Token,
)
from duly.schemas.page import MAX_LIMIT, MAX_OFFSET, Page

Title = Annotated[str, Text(1, 255)]
Description = Annotated[str, Text(0, 20_000, has_lines=True)]


class TaskRead(ResponseBody):
    """A task."""

    id: Id
    user_id: Id
    title: Annotated[str, Field(examples=["Buy milk"])]
    description: str | None
    is_completed: bool
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(description="Increases with each change.", examples=[1])]


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


class TaskPatch(RequestBody):
    """Changes to a task, as a JSON merge patch (RFC 7396): null clears a field."""

    # A factory sets a default that the schema does not show: missing differs from the default.
    title: Title = Field(default_factory=str, examples=["Buy oat milk"])
    description: Description | None = Field(default_factory=lambda: None)
    is_completed: StrictBool = Field(default_factory=bool)

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TaskSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"
    TITLE = "title"
    TITLE_DESCENDING = "-title"


class TaskQuery(RequestBody):
    """The query of `GET /tasks`."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Tasks per page."), IN_DIGITS] = 20
    cursor: Annotated[
        Token | None, Field(description="`next_cursor` of the previous page of the same list.")
    ] = None
    offset: Annotated[
        int,
        Field(ge=0, le=MAX_OFFSET, description="Tasks to skip; not with `cursor`."),
        IN_DIGITS,
    ] = 0
    is_completed: Annotated[
        QueryBool | None, Field(description="Only completed, or only open tasks. Default: both.")
    ] = None
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
    include_total: Annotated[
        QueryBool, Field(description="Also count the tasks of the list, on all its pages.")
    ] = False
    trashed: Annotated[
        QueryBool, Field(description="Tasks in the trash, instead of the others.")
    ] = False

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
