"""A page of a list, and the query for one."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from duly.schemas.base import IN_DIGITS, QueryBool, RequestBody, ResponseBody, Token

Item = TypeVar("Item")

MAX_LIMIT = 100
MAX_OFFSET = 10_000


class Page(ResponseBody, Generic[Item]):
    """Items in order. `next_cursor` leads to the next page."""

    items: list[Item]
    next_cursor: Annotated[str | None, Field(description="Null on the last page.")]
    total: Annotated[int | None, Field(description="Null unless `include_total=true`.")]


class ListQuery(RequestBody):
    """The query of every list. Each resource type declares its own `sort`."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Items per page."), IN_DIGITS] = 20
    cursor: Annotated[
        Token | None, Field(description="`next_cursor` of the previous page of the same list.")
    ] = None
    include_total: Annotated[
        QueryBool, Field(description="Also count the items of the list, on all its pages.")
    ] = False
    sort: str
