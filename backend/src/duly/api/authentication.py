"""Check access tokens, and admit requests of users whose turn has come."""

from contextlib import ExitStack
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

from duly.api.clients import client_of
from duly.api.requests import Request
from duly.core import time_budget
from duly.core.errors import (
    EmailNotVerified,
    InsufficientScope,
    RateLimited,
    ServiceUnavailable,
    Unauthenticated,
)
from duly.core.logging import bind_user
from duly.core.scopes import SCOPE_DESCRIPTIONS, Scopes
from duly.core.tokens import AccessClaims, InvalidToken
from duly.database.scope import UserScope
from duly.runtime.context import Caller
from duly.utils.turns import Crowded

_RETRY_AFTER = 1
_LARGE_BODY = 64 * 1024

_bearer = OAuth2PasswordBearer("/api/v1/auth/token", scopes=SCOPE_DESCRIPTIONS, auto_error=False)


async def authenticate(request: Request) -> AccessClaims:
    """Check the token, but not whether it was revoked. Raise `Unauthenticated`."""
    header = request.fields.get(b"authorization", b"").decode("latin-1")
    scheme, _, request.token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    try:
        return await request.context.bearers.read(request.token, partial(client_of, request))
    except InvalidToken:
        raise Unauthenticated from None


async def admit(request: Request, claims: AccessClaims, scopes: Scopes, *, length: int) -> None:
    """Admit a request once its body of `length` bytes has arrived, and before that is parsed.

    Wait until few others of the same user run, within the request's database time. Raise
    `Unauthenticated` if the token was revoked, `InsufficientScope` or `EmailNotVerified` unless the
    token has all of `scopes`, `RateLimited` over the rate limit or if too many requests of the user
    wait, and `ServiceUnavailable` if this one has waited too long.
    """
    context = request.context
    if await context.revocations.includes(claims.session_id):
        claims = await _authenticate_again(request)
    if claims.api_token_id is not None and context.api_token_uses.is_due(claims.api_token_id):
        address = client_of(request).stored_address
        context.api_token_uses.note(claims.user_id, claims.api_token_id, address)
    request.user_id = claims.user_id
    bind_user(claims.user_id)
    for shares in (context.stranger_shares, context.large_shares, context.shares):
        shares.note(claims.user_id)  # also if the budget is used up
    request.budget = await context.throttle.spend_request(str(claims.user_id))
    if not scopes <= claims.scopes:
        raise InsufficientScope(scopes - claims.scopes) if claims.is_verified else EmailNotVerified
    if length <= _LARGE_BODY and (end := context.shares.take(claims.user_id)):
        request.end_turn = end
    else:
        await _wait_for_turn(request, claims.user_id, is_large=length > _LARGE_BODY)
    scope = UserScope(context.pool, claims.user_id)
    request.caller = Caller(
        scope, claims.session_id, claims.expires_at, claims.scopes, claims.issued_at
    )


async def _authenticate_again(request: Request) -> AccessClaims:
    """Check a token whose id is listed as ended. Raise `Unauthenticated` unless it still works."""
    try:
        return await request.context.bearers.read_again(request.token, partial(client_of, request))
    except InvalidToken:
        raise Unauthenticated from None


async def _wait_for_turn(request: Request, user_id: UUID, *, is_large: bool) -> None:
    ends = ExitStack()
    request.end_turn = ends.close
    try:
        async with time_budget.limited():
            if is_large:
                ends.callback(await request.context.large_shares.acquire(user_id))
            ends.callback(await request.context.shares.acquire(user_id))
    except Crowded:
        raise RateLimited(_RETRY_AFTER, limit="turns") from None
    except TimeoutError:
        raise ServiceUnavailable from None


def get_caller(request: Request, _: Annotated[str | None, Depends(_bearer)]) -> Caller:
    """Return the caller. The route has admitted the request by then; OpenAPI shows the token."""
    assert request.caller is not None
    return request.caller
