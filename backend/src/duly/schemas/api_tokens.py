"""Bodies and queries of API tokens."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from duly.core.scopes import GRANTABLE
from duly.models.api_tokens import MAX_ADDRESS
from duly.schemas.base import (
    IN_DIGITS,
    Id,
    Instant,
    QueryBool,
    RequestBody,
    ResponseBody,
    Text,
    Token,
)
from duly.schemas.page import MAX_LIMIT, Page
from duly.schemas.times import FutureInstant

Scope = Literal["tasks:read", "tasks:write", "tasks:delete", "account:read"]
"""`core.scopes.GRANTABLE`"""


def _in_order(scopes: list[Scope]) -> list[Scope]:
    if len(set(scopes)) < len(scopes):
        raise ValueError("Must not repeat a scope")
    return sorted(scopes, key=GRANTABLE.index)


Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        description="The scopes of the token.",
        examples=[["tasks:read", "tasks:write"]],
        json_schema_extra={"uniqueItems": True},
    ),
    AfterValidator(_in_order),
]


class NewApiToken(RequestBody):
    """An API token to create."""

    name: Annotated[str, Text(1, 120), Field(examples=["Calendar"])]
    scopes: Scopes
    expires_at: Annotated[
        FutureInstant | None,
        Field(description="At most ten years from now. Without it, the token never expires."),
    ] = None


class ApiTokenRead(ResponseBody):
    """An API token of the caller, without its secret."""

    id: Id
    name: Annotated[str, Field(examples=["Calendar"])]
    scopes: list[Scope]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Annotated[
        datetime | None, Field(description="To the minute. Null if it was never used.")
    ]
    last_used_from: Annotated[
        str | None,
        Field(
            max_length=MAX_ADDRESS,
            description="The client's network address then. Null if it was not stored.",
            examples=["192.0.2.1"],
        ),
    ]


class CreatedApiToken(ApiTokenRead):
    """A new API token. No other response has its `token`."""

    token: Annotated[
        str,
        Field(
            description="Send it as `Authorization: Bearer …`.",
            examples=["duly_pat_0123456789abcdefghijklmnopqrst2sCVhR"],
        ),
    ]


class ApiTokenPage(Page[ApiTokenRead]):
    """API tokens in order. `next_cursor` leads to the next page."""


class ApiTokenQuery(RequestBody):
    """The query of `GET /users/me/tokens`."""

    limit: Annotated[
        int, Field(ge=1, le=MAX_LIMIT, description="API tokens per page."), IN_DIGITS
    ] = 20
    cursor: Annotated[Token | None, Field(description="`next_cursor` of the previous page.")] = (
        None
    )
    include_total: Annotated[QueryBool, Field(description="Also count all API tokens.")] = False
