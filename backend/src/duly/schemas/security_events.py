"""Bodies of security events."""

from typing import Annotated

from pydantic import Field

from duly.schemas.base import IN_DIGITS, Id, Instant, QueryBool, RequestBody, ResponseBody, Token
from duly.schemas.page import MAX_LIMIT, Page


class SecurityEventRead(ResponseBody):
    """Something that happened to the caller's account."""

    id: Id
    event: Annotated[
        str,
        Field(
            description="What happened. Later releases may add events.",
            examples=["session.opened"],
        ),
    ]
    address: Annotated[
        str | None,
        Field(
            description="The network address of the client. Null if there was none, or if it was "
            "not stored.",
            examples=["192.0.2.1"],
        ),
    ]
    user_agent: str | None
    created_at: Instant


class SecurityEventPage(Page[SecurityEventRead]):
    """Security events in order. `next_cursor` leads to the next page."""


class SecurityEventQuery(RequestBody):
    """The query of `GET /users/me/security-events`."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Events per page."), IN_DIGITS] = (
        20
    )
    cursor: Annotated[Token | None, Field(description="`next_cursor` of the previous page.")] = (
        None
    )
    include_total: Annotated[QueryBool, Field(description="Also count all events.")] = False
