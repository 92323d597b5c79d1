"""A page of a list."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from duly.schemas.base import ResponseBody

Item = TypeVar("Item")

MAX_LIMIT = 100
MAX_OFFSET = 10_000


class Page(ResponseBody, Generic[Item]):
    """Some items in order; `next_cursor` leads to those after them."""

    items: list[Item]
    next_cursor: Annotated[str | None, Field(description="null on the last page")]
    total: Annotated[int | None, Field(description="null unless include_total=true")]
