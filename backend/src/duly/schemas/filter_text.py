"""Texts in the language of filters."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from duly.filter_language import MAX_LENGTH, FilterError, parse


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
    Field(
        description="A filter: see the page on filters.",
        examples=["p1 & due <= today"],
        # Documented here, and checked by the parser, which also says where. The text is not
        # trimmed or normalized, so that positions are those of what was sent.
        json_schema_extra={"minLength": 1, "maxLength": MAX_LENGTH},
    ),
]
