"""Check access tokens, and admit requests of users whose turn has come."""

from contextlib import ExitStack
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from duly.api.middleware import BUDGET, TURN
from duly.core import time_budget
from duly.core.errors import RateLimited, ServiceUnavailable, Unauthenticated
from duly.core.logging import bind_user
from duly.core.tokens import AccessClaims, InvalidToken
from duly.database.scope import UserScope
from duly.runtime.context import Caller, Context
from duly.utils.turns import Crowded

_CALLER = "duly.caller"
"""The key in the scope for the caller of an admitted request."""

_RETRY_AFTER = 1
_LARGE_BODY = 64 * 1024

_bearer = OAuth2PasswordBearer("/api/v1/auth/token", auto_error=False)


async def authenticate(request: Request) -> AccessClaims:
    """Check the access token, but not whether its session has ended. Raise `Unauthenticated`."""
    context: Context = request.app.state.context
    token = await _bearer(request)
    if token is None:
        raise Unauthenticated
    try:
        return context.keyring.read_access(token)
    except InvalidToken:
        raise Unauthenticated from None


async def admit(request: Request, claims: AccessClaims, *, length: int) -> None:
    """Admit a request once its body of `length` bytes has arrived, and before that is parsed.

    Wait until few others of the same user run, within the request's database time. Raise
    `Unauthenticated` if the session has ended, `RateLimited` over the rate limit or if too many
    requests of the user wait, and `ServiceUnavailable` if this one has waited too long.
    """
    context: Context = request.app.state.context
    if await context.revocations.includes(claims.session_id):
        raise Unauthenticated
    bind_user(claims.user_id)
    for shares in (context.stranger_shares, context.large_shares, context.shares):
        shares.note(claims.user_id)  # also if the budget is used up
    request.scope[BUDGET] = await context.throttle.spend_request(str(claims.user_id))
    ends = ExitStack()
    request.scope[TURN] = ends.close
    try:
        async with time_budget.waiting():
            if length > _LARGE_BODY:
                ends.callback(await context.large_shares.acquire(claims.user_id))
            ends.callback(await context.shares.acquire(claims.user_id))
    except Crowded:
        raise RateLimited(_RETRY_AFTER) from None
    except TimeoutError:
        raise ServiceUnavailable from None
    scope = UserScope(context.pool, claims.user_id)
    request.scope[_CALLER] = Caller(scope, claims.session_id, claims.expires_at)


async def get_caller(request: Request, _: Annotated[str | None, Depends(_bearer)]) -> Caller:
    """Return the caller. The route has admitted the request by then; OpenAPI shows the token."""
    caller: Caller = request.scope[_CALLER]
    return caller
