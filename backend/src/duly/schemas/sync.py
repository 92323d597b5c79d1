"""Bodies about sync."""

from typing import Annotated, Literal

from pydantic import Field

from duly.schemas.base import IN_DIGITS, Id, RequestBody, ResponseBody, Token
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


class StreamedEvent(ResponseBody):
    """One event of the stream."""

    event: Literal["ready", "change", "reset"]
    id: Annotated[str, Field(description="a sync token; none with `reset`")] = ""
    data: Annotated[
        str,
        Field(
            description="JSON: of a `change`, what `GET /sync` tells of it",
            json_schema_extra={"contentMediaType": "application/json"},
        ),
    ]


class SyncQuery(RequestBody):
    """What `GET /sync` takes."""

    token: Token | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES), IN_DIGITS] = 100
