"""Places in a manual order."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from duly.schemas.base import RequestBody

Position = Annotated[
    str,
    Field(
        description="The place among siblings, which sort by `position`, then by `id`: by code "
        "point, not by language. Opaque; `move` changes it.",
        examples=["g0000001"],
    ),
]


class Anchored(RequestBody):
    """Where to insert among siblings: after one, or before one.

    `after_id: null` is first, `before_id: null` is last. If the anchor is not, or is no longer, a
    sibling, the place is the last.
    """

    after_id: Annotated[
        UUID | None, Field(description="The sibling to follow; null for the first place.")
    ] = None
    before_id: Annotated[
        UUID | None, Field(description="The sibling to precede; null for the last place.")
    ] = None

    @model_validator(mode="after")
    def _check_anchors(self) -> Self:
        if {"after_id", "before_id"} <= self.model_fields_set:
            raise PydanticCustomError(
                "contradiction", "Cannot be combined: send only one of after_id and before_id"
            )
        return self

    @property
    def is_anchored(self) -> bool:
        """Whether the client names a place other than the last."""
        return "after_id" in self.model_fields_set or self.before_id is not None


class Move(Anchored):
    """Another place among siblings; without `after_id` and `before_id`, the last."""


class Creation(Anchored):
    """The part that all creates have in common."""

    id: Annotated[UUID | None, Field(description="Any UUID that the client chooses.")] = None
