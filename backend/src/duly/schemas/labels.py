"""Bodies and queries of labels."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from duly.schemas.base import PatchBody, RequestBody, ResourceRead
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.names import Color, Name
from duly.schemas.operations import Create, Delete, MoveTo, OperationResult, Update
from duly.schemas.order import Creation, Move, Position
from duly.schemas.page import ListQuery, Page


class LabelRead(ResourceRead):
    """A label."""

    name: str
    color: str | None
    position: Position


class LabelPage(Page[LabelRead]):
    """Labels in order. `next_cursor` leads to the next page."""


class LabelReplace(RequestBody):
    """A whole label. Absent fields are set to their defaults."""

    response_schema = LabelRead

    name: Name
    color: Color | None = None


class LabelCreate(LabelReplace, Creation):
    """A new label. `id` may be any UUID that the client chooses."""


class LabelPatch(PatchBody):
    """Changes to a label, as a JSON merge patch (RFC 7396): absent fields stay, null clears."""

    response_schema = LabelRead

    name: Name = Field(default_factory=str)
    color: Color | None = Field(default_factory=lambda: None)


class LabelSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    POSITION = "position"
    POSITION_DESCENDING = "-position"
    NAME = "name"
    NAME_DESCENDING = "-name"


class LabelQuery(ListQuery):
    """The query of `GET /labels`."""

    sort: Annotated[LabelSort, Field(description="The order of the list.")] = LabelSort.POSITION


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


class MoveLabel(MoveTo[Literal["label"], Move]):
    """Move a label among labels."""


LabelOperation = TypeAliasType(
    "LabelOperation",
    Annotated[CreateLabel | UpdateLabel | DeleteLabel | MoveLabel, Field(discriminator="op")],
)


class LabelResult(OperationResult[Literal["label"], LabelRead]):
    """The result of an operation on a label."""
