"""Bodies of signing in at OpenID Connect providers."""

from typing import Annotated

from pydantic import Field

from duly.core.urls import MAX_URL
from duly.schemas import patterns
from duly.schemas.base import Opaque, RequestBody, ResponseBody


class SignInProviderRead(ResponseBody):
    """A provider that users can sign in with."""

    name: Annotated[str, Field(description="Its name in paths.", examples=["google"])]
    title: Annotated[str, Field(description="Its name for users.", examples=["Google"])]


class SignInProviderList(ResponseBody):
    """All providers, in the order that the operator has chosen."""

    items: list[SignInProviderRead]


class SignInBeginning(RequestBody):
    """The query of `GET /auth/oidc/{provider}`."""

    return_to: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_URL,
            examples=["https://app.example.org/signed-in"],
            description="Where the browser returns to: a URL below `DULY_PUBLIC_URL`'s origin or "
            "one of `DULY_CORS_ORIGINS`, or one that the operator has listed. By default "
            "`DULY_PUBLIC_URL`.",
        ),
    ] = None
    app_challenge: Annotated[
        str | None,
        Field(
            pattern=patterns.S256,
            examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
            description="The SHA-256 of a `verifier`, in base64url. The code then works only with "
            "that.",
        ),
    ] = None


class SignInCodeExchange(RequestBody):
    """A code to exchange for a session."""

    code: Opaque
    verifier: Annotated[
        str | None,
        Field(
            pattern=patterns.VERIFIER,
            examples=["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"],
            description="The text whose SHA-256 was the `app_challenge`, if there was one.",
        ),
    ] = None
