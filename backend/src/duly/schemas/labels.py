"""Bodies and queries about labels."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from duly.schemas.base import PatchBody, RequestBody, ResourceRead, Text
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.operations import Create, Delete, OperationResult, Update
from duly.schemas.page import ListQuery, Page

Name = Annotated[str, Text(1, 120), Field(examples=["errand"])]
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$", examples=["#4f46e5"])]


class LabelRead(ResourceRead):
    """A label."""

    name: str
    color: str | None


class LabelPage(Page[LabelRead]):
    """Labels in order. `next_cursor` leads to the next page."""


class LabelReplace(RequestBody):
    """A whole label. Absent fields are set to their defaults."""

    name: Name
    color: Color | None = None


class LabelCreate(LabelReplace):
    """A new label. `id` may be any UUID that the client chooses."""

    id: UUID | None = None


class LabelPatch(PatchBody):
    """Changes to a label, as a JSON merge patch (RFC 7396): absent fields stay, null clears."""

    name: Name = Field(default_factory=str)
    color: Color | None = Field(default_factory=lambda: None)


class LabelSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    NAME = "name"
    NAME_DESCENDING = "-name"


class LabelQuery(ListQuery):
    """The query of `GET /labels`."""

    sort: Annotated[LabelSort, Field(description="The order of the list.")] = LabelSort.NAME


class LabelUpsert(Upsert[Literal["label"], LabelRead]):
    """A label that was created or changed, in its current state."""


class LabelDeletion(Deletion[Literal["label"]]):
    """A label that was deleted."""


LabelChange = TypeAliasType(
    "LabelChange", Annotated[LabelUpsert | LabelDeletion, Field(discriminator="op")]
)


class CreateLabel(Create[Literal["label"], LabelCreate]):
    """Create a label."""


class UpdateLabel(Update[Literal["label"], LabelPatch]):
    """Change a label."""


class DeleteLabel(Delete[Literal["label"]]):
    """Delete a label permanently."""


LabelOperation = TypeAliasType(
    "LabelOperation", Annotated[CreateLabel | UpdateLabel | DeleteLabel, Field(discriminator="op")]
)


class LabelResult(OperationResult[Literal["label"], LabelRead]):
    """The result of an operation on a label."""
