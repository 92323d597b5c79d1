"""Signing in and out over HTTP."""

from typing import Annotated

from fastapi import Form, Query, Response
from pydantic import ValidationError

from duly.api.clients import client_of
from duly.api.deps import Caller, Client, Context, SessionCookie, SessionId
from duly.api.requests import Request
from duly.api.responses import Encoded
from duly.api.session_cookies import session_answer
from duly.core.errors import Unauthenticated, ValidationFailed
from duly.schemas.auth import (
    Credentials,
    EmailVerification,
    PasswordForgotten,
    PasswordForm,
    PasswordReset,
    Refresh,
    Registration,
    SessionQuery,
)
from duly.schemas.factors import FactorSignIn
from duly.services import (
    auth,
    email_verification,
    factor_sign_in,
    password_resets,
    session_lists,
    session_refresh,
    sessions,
)


async def register(
    context: Context, client: Client, cookie: SessionCookie, body: Registration
) -> Response:
    """Create an account and sign in.

    The response is the first session of the new account.
    """
    return session_answer(await auth.register(context, body, client), cookie, 201)


async def login(
    context: Context, client: Client, cookie: SessionCookie, body: Credentials
) -> Response:
    """Sign in with email and password.

    A wrong password and an unknown email get the same response. If the account has a second factor,
    send it to `/auth/factor` with the challenge.
    """
    return session_answer(await auth.login(context, body, client), cookie)


async def login_with_form(
    context: Context, client: Client, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Sign in with the OAuth2 password form.

    *Authorize* in `/docs` uses it. Other clients send JSON to `/auth/login`.
    """
    try:
        credentials = Credentials(email=form.username, password=form.password)
    except ValidationError:
        raise Unauthenticated("Incorrect email or password.") from None
    return Encoded(await auth.login(context, credentials, client))


async def finish_sign_in(
    context: Context, client: Client, cookie: SessionCookie, body: FactorSignIn
) -> Response:
    """Finish a sign-in with a second factor, or with a passkey alone.

    A challenge works once, within 5 minutes, until 5 wrong codes were sent or the password changes.
    """
    return session_answer(await factor_sign_in.finish(context, body, client), cookie)


async def begin_passkey_sign_in(context: Context, client: Client) -> Response:
    """Begin to sign in with a passkey alone.

    Let the user choose a passkey for `options`, and send what it has signed to `/auth/factor` as
    `assertion`, with the challenge, within 5 minutes.
    """
    return Encoded(await factor_sign_in.begin_with_passkey(context, client))


async def refresh(context: Context, cookie: SessionCookie, body: Refresh) -> Response:
    """Exchange a refresh token for new tokens.

    Each refresh token works once. Using one again later ends its session. With `Duly-Session:
    cookie`, send `{}`: the cookie has the token.
    """
    if (cookie is None) != bool(body.refresh_token):
        raise (
            ValidationFailed.of("body.refresh_token", "Must be present", "missing")
            if cookie is None
            else ValidationFailed.of(
                "body.refresh_token", "Must be absent with Duly-Session", "contradiction"
            )
        )
    token = body.refresh_token if cookie is None else cookie.token
    session = await session_refresh.refresh_session(context, token, in_cookie=cookie is not None)
    return session_answer(session, cookie)


async def logout(
    context: Context, caller: Caller, client: Client, cookie: SessionCookie
) -> Response:
    """End this session.

    Its access and refresh tokens stop working. With `Duly-Session: cookie`, it is the session of
    the cookie that ends, no access token is needed, and the cookie is deleted.
    """
    await auth.logout(context, caller, client)
    response = Response(status_code=204)
    if cookie is not None:
        cookie.clear(response)
    return response


async def logout_by_cookie(request: Request) -> Response:
    """End the session of the cookie. The access token of the page may have expired."""
    context, cookie = request.context, request.session_cookie
    assert cookie is not None
    await auth.logout_by_refresh_token(context, cookie.token, client_of(request))
    response = Response(status_code=204)
    cookie.clear(response)
    return response


async def list_sessions(
    context: Context, caller: Caller, query: Annotated[SessionQuery, Query()]
) -> Response:
    """List your sessions, the newest first, page by page.

    `is_current` marks the session that sent the request.
    """
    return Encoded(await session_lists.read_page(caller, context.keyring, query))


async def end_all_sessions(context: Context, caller: Caller, client: Client) -> Response:
    """End all your sessions.

    This one is included. All their tokens stop working.
    """
    await sessions.end_all_sessions(context, caller, client)
    return Response(status_code=204)


async def end_session(
    context: Context, caller: Caller, client: Client, session_id: SessionId
) -> Response:
    """End one of your sessions.

    Its tokens stop working.
    """
    await sessions.end_session(context, caller, session_id, client)
    return Response(status_code=204)


async def request_password_reset(
    context: Context, client: Client, body: PasswordForgotten
) -> Response:
    """Request a link to set a new password.

    If the address has an account, it gets a mail. The response is the same either way.
    """
    await password_resets.request(context, body, client)
    return Response(status_code=202)


async def reset_password(context: Context, client: Client, body: PasswordReset) -> Response:
    """Set a new password with the token of a link.

    All sessions of the account end. A link works once, within 30 minutes, until the password or
    the address changes.
    """
    await password_resets.reset(context, body, client)
    return Response(status_code=204)


async def verify_email(context: Context, client: Client, body: EmailVerification) -> Response:
    """Verify an email address with the token of a link.

    A new address becomes that of the account. A link works once, within 3 days, until the password
    or the address changes.
    """
    await email_verification.verify(context, body, client)
    return Response(status_code=204)


async def resend_verification(context: Context, caller: Caller, client: Client) -> Response:
    """Send another link to verify your email address.

    It goes to the new address if you have changed it. Nothing is sent if nothing is to be verified.
    """
    await email_verification.resend(context, caller, client)
    return Response(status_code=204)
