"""Operations of a batch on one resource, and their results."""

from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field, StrictBool

from duly.schemas.base import RequestBody, ResponseBody
from duly.schemas.errors import ErrorBody

MAX_VERSION = 2**53 - 1
"""The largest integer that every JSON parser reads exactly."""

Type = TypeVar("Type")
Body = TypeVar("Body")
Verb = TypeVar("Verb")
Data = TypeVar("Data")


class Create(RequestBody, Generic[Type, Body]):
    """Create a resource. Later operations name it by the `id` in `data`."""

    op: Literal["create"]
    type: Type
    data: Body


class _Existing(RequestBody, Generic[Type]):
    """An operation on an existing resource."""

    type: Type
    id: UUID
    if_match: Annotated[
        int | None,
        Field(
            strict=True,
            ge=0,
            le=MAX_VERSION,
            description="The version that the resource must have.",
        ),
    ] = None


class Update(_Existing[Type], Generic[Type, Body]):
    """Change the fields that are sent."""

    op: Literal["update"]
    data: Body


class Delete(_Existing[Type], Generic[Type]):
    """Delete a resource permanently."""

    op: Literal["delete"]


class DeleteOptions(RequestBody):
    """The query of a deletion."""

    permanent: StrictBool = False


class Trash(Delete[Type], Generic[Type]):
    """Move a resource to the trash, or delete it permanently."""

    data: DeleteOptions = Field(default_factory=DeleteOptions)


class MoveTo(_Existing[Type], Generic[Type, Body]):
    """Move a resource among its siblings."""

    op: Literal["move"]
    data: Body


class Complete(_Existing[Type], Generic[Type, Body]):
    """Complete a resource."""

    op: Literal["complete"]
    data: Body


class SkipOne(_Existing[Type], Generic[Type, Body]):
    """Skip an occurrence of a resource."""

    op: Literal["skip"]
    data: Body


class Action(_Existing[Type], Generic[Type, Verb]):
    """Do what the route of this name does."""

    op: Verb


class OperationResult(ResponseBody, Generic[Type, Data]):
    """The result of an operation: the status and body that its own route would have returned."""

    status: Annotated[int, Field(examples=[201])]
    type: Type
    data: Data | None
    error: ErrorBody | None
