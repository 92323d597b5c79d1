"""The dependencies of endpoints: the application's context, the client, the caller."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path
from pydantic import AfterValidator, Field

from duly.api.authentication import get_caller
from duly.api.clients import client_of
from duly.api.requests import Request
from duly.api.session_cookies import SessionCookie as Cookie
from duly.core.errors import Forbidden, PreconditionRequired
from duly.database.scope import UserScope
from duly.records.versions import Versions
from duly.runtime import context as runtime
from duly.schemas import patterns
from duly.utils.etags import PATTERN as TAGS
from duly.utils.etags import is_well_formed, versions


def get_context(request: Request) -> runtime.Context:
    """Return the parts of the running application."""
    return request.context


Context = Annotated[runtime.Context, Depends(get_context)]


Client = Annotated[runtime.Client, Depends(client_of)]


def get_session_cookie(
    request: Request,
    _: Annotated[
        str | None,
        Header(
            alias="Duly-Session",
            pattern=patterns.SESSION_COOKIE,
            description="`cookie`: keep the refresh token in a cookie that scripts cannot read. Only pages "
            "of this server can.",
        ),
    ] = None,
) -> Cookie | None:
    """Return the cookie of the session if the client keeps its refresh token there."""
    return request.session_cookie


SessionCookie = Annotated[Cookie | None, Depends(get_session_cookie)]


Caller = Annotated[runtime.Caller, Depends(get_caller)]


def get_scope(caller: Caller) -> UserScope:
    """Return the scope of the caller."""
    return caller.scope


Scope = Annotated[UserScope, Depends(get_scope)]


def check_path_user(
    scope: Scope,
    user_id: Annotated[str, Path(description="The caller's id, or `me`.", examples=["me"])],
) -> None:
    """Raise `Forbidden` if the path names another user."""
    if user_id != "me" and user_id.lower() != str(scope.user_id):
        raise Forbidden


def _check_tags(header: str) -> str:
    if not is_well_formed(header):
        raise ValueError('Must be * or entity tags in double quotes, such as "2"')
    return header


# The pattern is declared for clients; the validator checks it, with a message of its own.
_EntityTags = Annotated[
    str, AfterValidator(_check_tags), Field(json_schema_extra={"pattern": TAGS})
]


def get_versions(
    context: Context,
    if_match: Annotated[
        _EntityTags | None,
        Header(
            alias="If-Match",
            description="Change the resource only if this is its current version.",
            examples=['"1"'],
        ),
    ] = None,
) -> Versions:
    """Return the versions that `If-Match` names.

    Raise `PreconditionRequired` if it is absent and the operator requires it.
    """
    if if_match is not None:
        return versions(if_match)
    if context.settings.require_if_match:
        raise PreconditionRequired
    return None


IfMatch = Annotated[Versions, Depends(get_versions)]
IfNoneMatch = Annotated[
    _EntityTags | None,
    Header(
        alias="If-None-Match",
        description="Return 304 without a body if this is still the current version.",
        examples=['"1"'],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Identifies this request: a retry with the same key gets the first response.",
        pattern=patterns.IDEMPOTENCY_KEY,
    ),
]

FactorId = Annotated[UUID, Path(description="The factor's id.")]
ProviderName = Annotated[str, Path(description="The provider's name.", examples=["google"])]
SessionId = Annotated[UUID, Path(description="The session's id.")]
ApiTokenId = Annotated[UUID, Path(description="The API token's id.")]
