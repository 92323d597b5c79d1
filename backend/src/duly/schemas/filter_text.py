"""Texts in the language of filters."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from duly.filter_language import MAX_LENGTH, FilterError, parse
from duly.schemas.base import Text


def _check(value: str) -> str:
    try:
        parse(value)
    except FilterError as error:
        details = {"message": str(error), "position": error.position}
        raise PydanticCustomError("filter", "{message}", details) from None
    return value


FilterText = Annotated[
    str,
    AfterValidator(_check),
    Text(1, MAX_LENGTH),
    Field(description="A filter: see the page on filters.", examples=["p1 & due <= today"]),
]
