"""Bodies of sync and events."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema
from typing_extensions import TypeAliasType

from duly.schemas.base import IN_DIGITS, RequestBody, ResponseBody, Token
from duly.schemas.resource_types import Change

MAX_CHANGES = 500


class ChangePage(ResponseBody):
    """Changes, each resource once, and the token to send next."""

    changes: list[Change]
    token: str
    has_more: Annotated[bool, Field(description="If true, call again at once with `token`.")]
    full: Annotated[
        bool,
        Field(
            description="True on every page of a full sync. Anything not returned by its last "
            "page does not exist on the server."
        ),
    ]


EventId = Annotated[str, Field(description="A sync token.")]


def _json_text(name: str, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "description": description,
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": f"#/components/schemas/{name}"},
        }
    )


class ReadyEvent(ResponseBody):
    """The first event of a stream: the position that it starts from."""

    event: Literal["ready"]
    id: EventId
    data: Annotated[str, Field(description="Always `{}`.")]


class ChangeEvent(ResponseBody):
    """One change."""

    event: Literal["change"]
    id: EventId
    data: Annotated[str, _json_text("Change", "A change as JSON, as `GET /sync` returns it.")]


class ResetEvent(ResponseBody):
    """The last event of a stream whose token has expired: start a full sync."""

    event: Literal["reset"]
    data: Annotated[str, Field(description="JSON with the `code` and `message` of the error.")]


StreamedEvent = TypeAliasType(
    "StreamedEvent", Annotated[ReadyEvent | ChangeEvent | ResetEvent, Field(discriminator="event")]
)
"""One event of the stream."""


class SyncQuery(RequestBody):
    """The query of `GET /sync`."""

    token: Annotated[
        Token | None, Field(description="The token of the last response. Without, a full sync.")
    ] = None
    limit: Annotated[
        int, Field(ge=1, le=MAX_CHANGES, description="Changes per page."), IN_DIGITS
    ] = 100
