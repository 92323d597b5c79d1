"""A page of a list."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from duly.schemas.base import ResponseBody

Item = TypeVar("Item")

MAX_LIMIT = 100
MAX_OFFSET = 10_000


class Page(ResponseBody, Generic[Item]):
    """Items in order. `next_cursor` leads to the next page."""

    items: list[Item]
    next_cursor: Annotated[str | None, Field(description="Null on the last page.")]
    total: Annotated[int | None, Field(description="Null unless `include_total=true`.")]
