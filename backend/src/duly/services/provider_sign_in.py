"""Sign-in at an OpenID Connect provider: begun in a browser, finished there, and fetched by the app.

Nothing is stored until the provider has said who has signed in: the browser carries the rest.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duly.core import sign_in_states
from duly.core.errors import (
    NotFound,
    RateLimited,
    RegistrationClosed,
    ServiceUnavailable,
    Unauthenticated,
    ValidationFailed,
)
from duly.core.logging import bind_user, log
from duly.core.sign_in_states import SignInState
from duly.core.tokens import CodeToken, InvalidToken
from duly.core.urls import is_allowed, origin_of
from duly.database.scope import UserScope
from duly.runtime.context import Client, Context
from duly.schemas.provider_sign_in import SignInBeginning, SignInCodeExchange
from duly.services import security_events, sign_in_codes
from duly.services.accounts import Account, read_account
from duly.services.factor_sign_in import require_factor
from duly.services.identity_accounts import find_or_create
from duly.services.security_events import SIGN_IN_FAILED
from duly.services.sessions import open_session
from duly.utils.printable import printable

if TYPE_CHECKING:  # it imports Authlib
    from duly.runtime.sign_in_providers import SignInProvider

ACCESS_DENIED = "access_denied"
INVALID_REQUEST = "invalid_request"
SERVER_ERROR = "server_error"
TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
"""What an app gets as `error` (RFC 6749, 4.1.2.1)."""

_REFUSED = "The code is invalid, expired or already used. Sign in again."


class _Failed(Exception):
    """A sign-in that does not go on: `error` is for the app, `reason` for the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


def list_providers(context: Context) -> dict[str, Any]:
    """Return the providers, for buttons."""
    providers = context.sign_in_providers
    found = [] if providers is None else providers.all.values()
    return {"items": [{"name": one.provider.name, "title": one.provider.title} for one in found]}


async def begin(context: Context, name: str, query: SignInBeginning) -> tuple[str, str]:
    """Return the URL at the provider where the user signs in, and a cookie for the browser.

    If the provider does not respond, it is a URL of the app with an error. Raise `NotFound` or
    `ValidationFailed`.
    """
    provider = _find(context, name)
    public_url = context.settings.public_url
    assert public_url is not None
    return_to = query.return_to or f"{public_url}/"
    ours = (public_url.lower(), *context.settings.cors_origins)
    origins = {origin for url in ours if (origin := origin_of(url)) is not None}
    if not is_allowed(return_to, origins, provider.provider.return_to):
        raise ValidationFailed.of(
            "query.return_to",
            "Must be a URL without a fragment, of an origin in DULY_PUBLIC_URL or "
            "DULY_CORS_ORIGINS, or listed in return_to of the provider",
            "unknown_return_to",
        )
    state = sign_in_states.begin(context.keyring, name, return_to, query.app_challenge)
    try:
        return await provider.begin(state), state.seal()
    except ServiceUnavailable as error:
        log.warning(SIGN_IN_FAILED, provider=name, reason=getattr(error, "reason", error.message))
        return f"{return_to}#error={TEMPORARILY_UNAVAILABLE}", ""


async def finish(
    context: Context, name: str, response: Mapping[str, str], cookie: str, client: Client
) -> str:
    """Return the URL of the app that a browser goes back to, with a code or an error.

    They are behind the `#`, which browsers send to no server. `response` is what the provider has
    sent. Raise `NotFound`, and `ValidationFailed` if this browser has not begun this sign-in.
    """
    provider = _find(context, name)
    try:
        state = sign_in_states.read(context.keyring, cookie, name, response.get("state", ""))
    except InvalidToken as error:
        log.warning(SIGN_IN_FAILED, provider=name, reason=str(error))
        raise ValidationFailed(
            "This sign-in has expired, or another one has begun in this browser since, or it began "
            "at another host. Go back to the app and sign in again."
        ) from None
    try:
        code = await _finish(context, provider, response, state, client)
    except _Failed as failed:
        log.warning(SIGN_IN_FAILED, provider=name, reason=printable(failed.reason))
        return f"{state.return_to}#error={failed.error}"
    return f"{state.return_to}#code={code}"


async def _finish(
    context: Context,
    provider: "SignInProvider",
    response: Mapping[str, str],
    state: SignInState,
    client: Client,
) -> str:
    try:
        await provider.check_issuer(response.get("iss"))
        if "error" in response:
            is_known = response["error"] in {ACCESS_DENIED, TEMPORARILY_UNAVAILABLE}
            reason = f"the provider sent the error {response['error']}"
            raise _Failed(response["error"] if is_known else SERVER_ERROR, reason)
        if not response.get("code"):
            raise _Failed(INVALID_REQUEST, "the provider sent neither a code nor an error")
        await context.throttle.reserve_sign_in(client.address)
        claims = await provider.finish(state, response["code"])
    except InvalidToken as error:
        raise _Failed(SERVER_ERROR, str(error)) from None
    except RateLimited:
        raise _Failed(TEMPORARILY_UNAVAILABLE, "too many sign-ins from this address") from None
    except ServiceUnavailable as error:
        reason = getattr(error, "reason", error.message)
        raise _Failed(TEMPORARILY_UNAVAILABLE, reason) from None
    try:
        user_id, _ = await find_or_create(
            context.across_users,
            claims,
            state.begun_at,
            may_create=provider.provider.create_accounts,
            client=lambda: client,
        )
    except InvalidToken as error:
        raise _Failed(ACCESS_DENIED, str(error)) from None
    except RegistrationClosed:
        raise _Failed(ACCESS_DENIED, "there is no account, and none may be created") from None
    await context.throttle.refund_sign_in(client.address)
    scope = UserScope(context.pool, user_id)
    return await sign_in_codes.create(
        scope, context.keyring, provider.provider.name, state.app_challenge
    )


async def exchange(context: Context, body: SignInCodeExchange, client: Client) -> dict[str, Any]:
    """Open a session with a code.

    Raise `Unauthenticated`, whatever is wrong, `RateLimited`, and `SecondFactorRequired` if the
    account has a second factor: then the code is used.
    """
    await context.throttle.reserve_sign_in(client.address)
    try:
        code = context.keyring.read_sign_in_code(body.code)
    except InvalidToken:
        log.warning(SIGN_IN_FAILED, reason="the code was never issued")
        raise Unauthenticated(_REFUSED) from None
    bind_user(code.user_id)
    scope = UserScope(context.pool, code.user_id)
    try:
        provider, account = await _use(scope, code, body.verifier)
        await context.throttle.refund_sign_in(client.address)
        await require_factor(context, scope, account.password_hash, provider)
        async with scope.transaction() as own:
            opened = await open_session(
                context, own, client, account.profile, account.password_hash
            )
            await security_events.record(own, "session.opened", client)
    except Unauthenticated as error:
        context.failed_sign_ins.note(
            code.user_id, SIGN_IN_FAILED, client.stored_address, client.user_agent
        )
        reason = getattr(error, "reason", "the account has changed meanwhile")
        log.warning(SIGN_IN_FAILED, provider=code.provider, reason=reason)
        raise Unauthenticated(_REFUSED) from None
    log.info("session.opened", how=provider)
    return opened.announce()


class _Refused(Unauthenticated):
    """A code that opens no session. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(_REFUSED)
        self.reason = reason


async def _use(scope: UserScope, code: CodeToken, verifier: str | None) -> tuple[str, Account]:
    """Use a code. Return its provider and the account. Raise `_Refused`."""
    provider = await sign_in_codes.use(scope, code, verifier)
    account = await read_account(scope)
    if account is None:
        raise _Refused("the account is disabled or deleted")
    if provider is None:
        if sign_in_codes.has_expired(code):
            raise _Refused("the code has expired")
        raise _Refused("the code was already used, or its verifier does not fit")
    return provider, account


def _find(context: Context, name: str) -> "SignInProvider":
    if context.sign_in_providers is None:
        raise NotFound
    return context.sign_in_providers.get(name)
