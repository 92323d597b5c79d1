"""The query of lists of tasks."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from duly.schemas.base import IN_DIGITS, QueryBool, Text, id_or
from duly.schemas.filter_text import FilterText
from duly.schemas.page import MAX_OFFSET, ListQuery


class TaskSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"
    COMPLETED_AT = "completed_at"
    COMPLETED_AT_DESCENDING = "-completed_at"
    DUE = "due"
    DUE_DESCENDING = "-due"
    PRIORITY = "priority"
    PRIORITY_DESCENDING = "-priority"
    POSITION = "position"
    POSITION_DESCENDING = "-position"
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
    is_trashed: Annotated[
        QueryBool, Field(description="Tasks in the trash, instead of the others.")
    ] = False
    list_id: Annotated[
        Literal["inbox"] | UUID | None,
        id_or("inbox"),
        Field(description="Only tasks of this list, or `inbox`."),
    ] = None
    section_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only tasks of this section, or `none`."),
    ] = None
    parent_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only subtasks of this task; `none`: no subtasks."),
    ] = None
    label_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only tasks with this label, or `none`."),
    ] = None
    filter: Annotated[
        FilterText | None,
        Field(
            description="Only tasks that a filter finds; docs/filters.md describes the language."
        ),
    ] = None
    include_archived: Annotated[QueryBool, Field(description="Also tasks of archived lists.")] = (
        False
    )
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
