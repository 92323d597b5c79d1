"""Bodies and queries of saved filters."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from duly.schemas.base import PatchBody, RequestBody, ResourceRead
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.filter_text import FilterText
from duly.schemas.names import Color, Name
from duly.schemas.operations import Create, Delete, MoveTo, OperationResult, Update
from duly.schemas.order import Creation, Move, Position
from duly.schemas.page import ListQuery, Page


class FilterRead(ResourceRead):
    """A saved filter."""

    name: str
    query: str
    color: str | None
    position: Position


class FilterPage(Page[FilterRead]):
    """Filters in order. `next_cursor` leads to the next page."""


class FilterReplace(RequestBody):
    """A whole filter. Absent fields are set to their defaults."""

    response_schema = FilterRead

    name: Name
    query: FilterText
    color: Color | None = None


class FilterCreate(FilterReplace, Creation):
    """A new saved filter. `id` may be any UUID that the client chooses."""


class FilterPatch(PatchBody):
    """Changes to a filter, as a JSON merge patch (RFC 7396): absent fields stay, null clears."""

    response_schema = FilterRead

    name: Name = Field(default_factory=str)
    query: FilterText = Field(default_factory=str)
    color: Color | None = Field(default_factory=lambda: None)


class FilterSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    POSITION = "position"
    POSITION_DESCENDING = "-position"
    NAME = "name"
    NAME_DESCENDING = "-name"


class FilterQuery(ListQuery):
    """The query of `GET /filters`."""

    sort: Annotated[FilterSort, Field(description="The order of the list.")] = FilterSort.POSITION


class FilterUpsert(Upsert[Literal["filter"], FilterRead]):
    """A filter that was created or changed, in its current state."""


class FilterDeletion(Deletion[Literal["filter"]]):
    """A filter that was deleted."""


FilterChange = TypeAliasType(
    "FilterChange", Annotated[FilterUpsert | FilterDeletion, Field(discriminator="op")]
)


class CreateFilter(Create[Literal["filter"], FilterCreate]):
    """Create a filter."""


class UpdateFilter(Update[Literal["filter"], FilterPatch]):
    """Change a filter."""


class DeleteFilter(Delete[Literal["filter"]]):
    """Delete a filter permanently."""


class MoveFilter(MoveTo[Literal["filter"], Move]):
    """Move a filter among filters."""


FilterOperation = TypeAliasType(
    "FilterOperation",
    Annotated[CreateFilter | UpdateFilter | DeleteFilter | MoveFilter, Field(discriminator="op")],
)


class FilterResult(OperationResult[Literal["filter"], FilterRead]):
    """The result of an operation on a filter."""
