"""Bodies and queries about tasks."""

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
from duly.schemas.page import MAX_LIMIT, MAX_OFFSET

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
    version: Annotated[int, Field(description="grows with each change", examples=[1])]


class TaskReplace(RequestBody):
    """A whole task; what is absent gets its default."""

    title: Annotated[Title, Field(examples=["Buy milk"])]
    description: Annotated[Description | None, Field(examples=["Two litres"])] = None
    is_completed: StrictBool = False


class TaskCreate(TaskReplace):
    """A new task. `id` may be any UUID of the client's."""

    id: UUID | None = None


class TaskPatch(RequestBody):
    """Changes to a task (RFC 7396): what is absent stays, null clears."""

    # Factories give defaults that the schema does not show: absent is not the same as default.
    title: Title = Field(default_factory=str, examples=["Buy oat milk"])
    description: Description | None = Field(default_factory=lambda: None)
    is_completed: StrictBool = Field(default_factory=bool)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TaskSort(StrEnum):
    """The order of a list; a leading `-` is descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"
    TITLE = "title"
    TITLE_DESCENDING = "-title"


class TaskQuery(RequestBody):
    """What `GET /tasks` takes."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), IN_DIGITS] = 20
    cursor: Token | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET), IN_DIGITS] = 0
    is_completed: QueryBool | None = None
    q: Annotated[
        Annotated[str, Text(0, 200)] | None,
        Field(
            description='words, "a phrase", -without; in title and description, '
            "the last word by its beginning"
        ),
    ] = None
    sort: TaskSort = TaskSort.CREATED_AT_DESCENDING
    include_total: QueryBool = False
    trashed: Annotated[
        QueryBool, Field(description="what lies in the trash, instead of what does not")
    ] = False

    @field_validator("q")
    @classmethod
    def _drop_empty(cls, q: str | None) -> str | None:
        return q or None

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, offset: int, info: ValidationInfo) -> int:
        if offset and info.data.get("cursor") is not None:
            raise ValueError("it does not go with cursor: give one of them")
        return offset
