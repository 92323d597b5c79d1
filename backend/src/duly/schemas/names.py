"""Names and colors."""

from typing import Annotated

from pydantic import Field

from duly.schemas.base import Text

Name = Annotated[str, Text(1, 120), Field(examples=["errand"])]
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$", examples=["#4f46e5"])]
