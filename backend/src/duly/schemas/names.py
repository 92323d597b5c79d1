"""Names and colors."""

from typing import Annotated

from pydantic import Field

from duly.schemas import patterns
from duly.schemas.base import Text

Name = Annotated[str, Text(1, 120), Field(examples=["errand"])]
Color = Annotated[str, Field(pattern=patterns.COLOR, examples=["#4f46e5"])]
