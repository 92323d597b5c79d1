"""Changes of a resource, as sync and event streams report them."""

from typing import Generic, Literal, TypeVar

from duly.schemas.base import Id, ResponseBody

Type = TypeVar("Type")
Data = TypeVar("Data")


class Upsert(ResponseBody, Generic[Type, Data]):
    """A resource that was created or changed, in its current state."""

    type: Type
    id: Id
    op: Literal["upsert"]
    data: Data


class Deletion(ResponseBody, Generic[Type]):
    """A resource that was deleted, or moved to the trash."""

    type: Type
    id: Id
    op: Literal["delete"]
    data: None
