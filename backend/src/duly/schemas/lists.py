"""Bodies and queries of lists of tasks."""

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool
from typing_extensions import TypeAliasType

from duly.schemas.base import Instant, PatchBody, QueryBool, RequestBody, ResourceRead, id_or
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.metadata import Metadata, MetadataPatch
from duly.schemas.names import Color, Name
from duly.schemas.operations import Action, Create, DeleteOptions, MoveTo, OperationResult, Update
from duly.schemas.operations import Trash as TrashOperation
from duly.schemas.order import Creation, Move, Position
from duly.schemas.page import ListQuery as PageQuery
from duly.schemas.page import Page


class ListRead(ResourceRead):
    """A list of tasks."""

    name: str
    color: str | None
    is_archived: Annotated[
        bool, Field(description="Its tasks are left out of lists of tasks that do not name it.")
    ]
    metadata: dict[str, Any]
    position: Position
    trashed_at: Instant | None


class ListPage(Page[ListRead]):
    """Lists in order. `next_cursor` leads to the next page."""


class ListReplace(RequestBody):
    """A whole list. Absent fields are set to their defaults."""

    response_schema = ListRead

    name: Name
    color: Color | None = None
    is_archived: StrictBool = False
    metadata: Metadata = Field(default_factory=dict)


class ListCreate(ListReplace, Creation):
    """A new list. `id` may be any UUID that the client chooses."""


class ListPatch(PatchBody):
    """Changes to a list, as a JSON merge patch (RFC 7396): absent fields stay, null clears."""

    response_schema = ListRead

    name: Name = Field(default_factory=str)
    color: Color | None = Field(default_factory=lambda: None)
    is_archived: StrictBool = Field(default_factory=bool)
    metadata: MetadataPatch | None = Field(default_factory=dict)


class ListSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    POSITION = "position"
    POSITION_DESCENDING = "-position"
    NAME = "name"
    NAME_DESCENDING = "-name"


class ListQuery(PageQuery):
    """The query of `GET /lists`."""

    is_trashed: Annotated[
        QueryBool, Field(description="Lists in the trash, instead of the others.")
    ] = False
    sort: Annotated[ListSort, Field(description="The order of the list.")] = ListSort.POSITION


class ListDeleteOptions(DeleteOptions):
    """The query of a deletion of a list."""

    move_tasks_to: Annotated[
        Literal["inbox"] | UUID | None,
        id_or("inbox"),
        Field(description="Where its tasks go: `inbox`, or the id of another list."),
    ] = None


class ListUpsert(Upsert[Literal["list"], ListRead]):
    """A list that was created or changed, in its current state."""


class ListDeletion(Deletion[Literal["list"]]):
    """A list that was deleted, or moved to the trash."""


ListChange = TypeAliasType(
    "ListChange", Annotated[ListUpsert | ListDeletion, Field(discriminator="op")]
)


class CreateList(Create[Literal["list"], ListCreate]):
    """Create a list."""


class UpdateList(Update[Literal["list"], ListPatch]):
    """Change a list."""


class DeleteList(TrashOperation[Literal["list"]]):
    """Move a list to the trash with its sections and tasks, or delete them permanently."""

    data: ListDeleteOptions = Field(default_factory=ListDeleteOptions)


class MoveList(MoveTo[Literal["list"], Move]):
    """Move a list among lists."""


class ListAction(Action[Literal["list"], Literal["restore"]]):
    """Restore a list, with what was deleted with it."""


ListOperation = TypeAliasType(
    "ListOperation",
    Annotated[
        CreateList | UpdateList | DeleteList | MoveList | ListAction, Field(discriminator="op")
    ],
)


class ShortList(ListRead):
    """A list after an operation; `metadata` is shown only if the operation has set it."""

    # Factories give defaults that the schema does not show: absent is not the same as default.
    metadata: dict[str, Any] = Field(default_factory=dict)


class ListResult(OperationResult[Literal["list"], ShortList]):
    """The result of an operation on a list."""
