"""Bodies and queries of sections."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from duly.schemas.base import PatchBody, RequestBody, ResourceRead
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.names import Name
from duly.schemas.operations import Create, Delete, MoveTo, OperationResult, Update
from duly.schemas.order import Creation, Move, Position
from duly.schemas.page import ListQuery, Page


class SectionRead(ResourceRead):
    """A section of a list."""

    list_id: UUID
    name: str
    position: Position


class SectionPage(Page[SectionRead]):
    """Sections in order. `next_cursor` leads to the next page."""


class SectionReplace(RequestBody):
    """A whole section. Absent fields are set to their defaults."""

    response_schema = SectionRead

    name: Name


class SectionCreate(SectionReplace, Creation):
    """A new section. `id` may be any UUID that the client chooses."""

    list_id: Annotated[UUID, Field(description="The list, in which the section stays.")]
    id: UUID | None = None


class SectionPatch(PatchBody):
    """Changes to a section, as a JSON merge patch (RFC 7396): absent fields stay, null clears."""

    response_schema = SectionRead

    name: Name = Field(default_factory=str)


class SectionSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    POSITION = "position"
    POSITION_DESCENDING = "-position"
    NAME = "name"
    NAME_DESCENDING = "-name"


class SectionQuery(ListQuery):
    """The query of `GET /sections`."""

    list_id: Annotated[UUID | None, Field(description="Only sections of this list.")] = None
    sort: Annotated[SectionSort, Field(description="The order of the list.")] = (
        SectionSort.POSITION
    )


class SectionUpsert(Upsert[Literal["section"], SectionRead]):
    """A section that was created or changed, in its current state."""


class SectionDeletion(Deletion[Literal["section"]]):
    """A section that was deleted, or moved to the trash with its list."""


SectionChange = TypeAliasType(
    "SectionChange", Annotated[SectionUpsert | SectionDeletion, Field(discriminator="op")]
)


class CreateSection(Create[Literal["section"], SectionCreate]):
    """Create a section."""


class UpdateSection(Update[Literal["section"], SectionPatch]):
    """Change a section."""


class DeleteSection(Delete[Literal["section"]]):
    """Delete a section permanently. Its tasks stay in the list."""


class MoveSection(MoveTo[Literal["section"], Move]):
    """Move a section among the sections of its list."""


SectionOperation = TypeAliasType(
    "SectionOperation",
    Annotated[
        CreateSection | UpdateSection | DeleteSection | MoveSection, Field(discriminator="op")
    ],
)


class SectionResult(OperationResult[Literal["section"], SectionRead]):
    """The result of an operation on a section."""
