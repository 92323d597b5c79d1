"""Signing in at OpenID Connect providers over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from duly.api.deps import Client, Context, ProviderName, SessionCookie
from duly.api.responses import Encoded
from duly.api.session_cookies import session_answer
from duly.api.sign_in_callback import redirect
from duly.core.sign_in_states import LIFETIME
from duly.schemas.provider_sign_in import SignInBeginning, SignInCodeExchange
from duly.services import provider_sign_in


async def list_sign_in_providers(context: Context) -> Response:
    """List the providers that users can sign in with.

    The list is empty if the operator has configured none.
    """
    return Encoded(provider_sign_in.list_providers(context))


async def begin_sign_in(
    context: Context, provider: ProviderName, query: Annotated[SignInBeginning, Query()]
) -> Response:
    """Send a browser to a provider to sign in.

    It comes back to `return_to` with `#code=…`, or with `#error=…` in the words of OAuth 2.0. Open
    this in the browser itself, not with `fetch`: it sets a cookie, which the browser must still
    have when it comes back, within ten minutes.
    """
    url, cookie = await provider_sign_in.begin(context, provider, query)
    return redirect(context, url, cookie, LIFETIME if cookie else 0)


async def exchange_sign_in_code(
    context: Context, client: Client, cookie: SessionCookie, body: SignInCodeExchange
) -> Response:
    """Exchange the code of a sign-in for a session.

    A code works once, within a minute. It needs the `verifier` if the sign-in began with an
    `app_challenge`.
    """
    return session_answer(await provider_sign_in.exchange(context, body, client), cookie)
