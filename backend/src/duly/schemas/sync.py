"""Bodies about sync."""

from typing import Annotated, Literal

from pydantic import Field

from duly.schemas.base import IN_DIGITS, Id, RequestBody, ResponseBody
from duly.schemas.tasks import TaskRead

MAX_CHANGES = 500


class Change(ResponseBody):
    """A thing as it is now, or the word that it is gone."""

    type: Literal["task"]
    id: Id
    op: Literal["upsert", "delete"]
    data: Annotated[TaskRead | None, Field(description="null for a deletion")]


class Changes(ResponseBody):
    """What changed, each thing once, and the token to ask with next."""

    changes: list[Change]
    token: str
    has_more: Annotated[bool, Field(description="ask again at once")]
    full: Annotated[
        bool,
        Field(description="part of a first sync: what is not told of by its end is not there"),
    ]


class SyncQuery(RequestBody):
    """What `GET /sync` takes."""

    token: Annotated[str | None, Field(min_length=1, max_length=4096)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES), IN_DIGITS] = 100
