"""Sign-in at OpenID Connect providers: what is sent to them, and what is believed of what they send.

Authlib builds the requests. They are sent like all calls of other servers, and ID tokens are checked
like the tokens of other issuers.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from duly.core import jws
from duly.core.config import Settings
from duly.core.discovery import ProviderMetadata
from duly.core.errors import NotFound, ServiceUnavailable
from duly.core.id_tokens import check_id_token
from duly.core.issuer_tokens import IssuerClaims, check_claims, check_header
from duly.core.issuers import Issuer
from duly.core.sign_in_providers import (
    CALLBACK_PATH,
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    Provider,
    read_sign_in_providers,
)
from duly.core.sign_in_states import SignInState
from duly.core.tokens import InvalidToken
from duly.runtime.discovery import UNAVAILABLE, Discovery
from duly.runtime.fetching import Fetcher, FetchFailed
from duly.runtime.issuer_keys import IssuerKeys
from duly.utils import encoding

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class SignInProvider:
    """One provider, as one worker knows it."""

    def __init__(self, provider: Provider, public_url: str, fetcher: Fetcher) -> None:
        self.provider = provider
        self._callback_url = public_url + CALLBACK_PATH.format(provider=provider.name)
        self._fetcher = fetcher
        self._discovery = Discovery(provider, fetcher.fetch)
        self._keys: IssuerKeys | None = None

    def close(self) -> None:
        """Stop fetching."""
        self._discovery.close()
        if self._keys is not None:
            self._keys.close()

    async def begin(self, state: SignInState) -> str:
        """Return the URL where the user signs in. Raise `ServiceUnavailable`."""
        metadata = await self._discovery.read()
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self.provider.client_id,
            "code",
            self._callback_url,
            self.provider.scopes,
            state.state,
            nonce=state.nonce,
            code_challenge=create_s256_code_challenge(state.verifier),
            code_challenge_method="S256",
        )
        # Otherwise the page of the provider would inherit what is behind the # of this one.
        return f"{url}#"

    async def check_issuer(self, issuer: str | None) -> None:
        """Check which issuer has sent the user back (RFC 9207). Raise `InvalidToken`."""
        metadata = await self._discovery.read()
        if issuer is None and not metadata.sends_issuer:
            return
        if issuer != self.provider.issuer:
            raise InvalidToken("iss of the response is not the provider")

    async def finish(self, state: SignInState, code: str) -> IssuerClaims:
        """Exchange a code of the provider, and return who has signed in.

        Raise `InvalidToken` if that is not known for certain, and `ServiceUnavailable` if the
        provider does not respond.
        """
        metadata = await self._discovery.read()
        try:
            tokens = await self._exchange(metadata, state, code)
            access_token = _text(tokens.get("access_token"))
            claims = await self._read(metadata, state, tokens.get("id_token"), access_token)
            return await self._complete(metadata, claims, access_token)
        except FetchFailed as error:
            raise ProviderUnavailable(str(error)) from None

    async def _exchange(
        self, metadata: ProviderMetadata, state: SignInState, code: str
    ) -> dict[str, Any]:
        form = prepare_token_request(
            "authorization_code", "", self._callback_url, code=code, code_verifier=state.verifier
        )
        _, headers, form = self._authentication(metadata).prepare(
            "POST", metadata.token_endpoint, dict(_FORM), form
        )
        status, body = await self._fetcher.post(metadata.token_endpoint, headers, form)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise FetchFailed(f"the token endpoint sent the status {status}")
        try:
            tokens = encoding.decode(body)
        except ValueError:
            tokens = None
        if not isinstance(tokens, dict):
            raise InvalidToken(f"the token endpoint sent no JSON object, with the status {status}")
        if status != HTTPStatus.OK:
            raise InvalidToken(f"the token endpoint sent the error {tokens.get('error')}")
        return tokens

    def _authentication(self, metadata: ProviderMetadata) -> ClientAuth:
        provider = self.provider
        method = provider.token_endpoint_auth_method
        if method is None:
            is_basic = CLIENT_SECRET_BASIC in metadata.auth_methods
            method = CLIENT_SECRET_BASIC if is_basic else CLIENT_SECRET_POST
        if method != CLIENT_SECRET_BASIC:
            return ClientAuth(provider.client_id, provider.client_secret, method)
        # RFC 6749, 2.3.1: both are encoded like a form, which Authlib does not do.
        return ClientAuth(
            quote(provider.client_id, safe=""),
            quote(provider.client_secret or "", safe=""),
            method,
        )

    async def _read(
        self,
        metadata: ProviderMetadata,
        state: SignInState,
        id_token: Any,
        access_token: str | None,
    ) -> IssuerClaims:
        """Return the claims of an ID token that is the provider's, for this sign-in."""
        try:
            token = jws.read(id_token) if isinstance(id_token, str) else None
        except ValueError:
            token = None
        if token is None:
            raise InvalidToken("there is no ID token, or it is malformed")
        issuer = self._issuer(metadata)
        algorithm, kid = check_header(token.header, issuer)
        key = await self._keys_of(issuer).find(algorithm, kid)
        if not token.is_signed_by(key.key, algorithm):
            raise InvalidToken("the signature does not fit")
        check_id_token(
            token.header,
            token.claims,
            issuer=issuer.name,
            client_id=self.provider.client_id,
            nonce=state.nonce,
            access_token=access_token,
        )
        return check_claims(token.claims, issuer)

    async def _complete(
        self, metadata: ProviderMetadata, claims: IssuerClaims, access_token: str | None
    ) -> IssuerClaims:
        """Add what the ID token does not say of the user, but the user info does (Core, 5.3)."""
        url = metadata.userinfo_endpoint
        is_complete = claims.email is not None and claims.name is not None
        if is_complete or url is None or access_token is None:
            return claims
        body = await self._fetcher.fetch(url, {"Authorization": f"Bearer {access_token}"})
        try:
            profile = encoding.decode(body)
        except ValueError:
            profile = None
        if not isinstance(profile, dict) or profile.get("sub") != claims.subject:
            raise InvalidToken("the user info is not that of the ID token's subject")
        if claims.email is None:
            claims = replace(
                claims,
                email=profile.get("email"),
                is_email_verified=profile.get("email_verified") is True,
            )
        return claims if claims.name else replace(claims, name=profile.get("name"))

    def _issuer(self, metadata: ProviderMetadata) -> Issuer:
        """Return what ID tokens must be, in the terms of other issuers' tokens."""
        return Issuer(
            self.provider.issuer,
            metadata.jwks_uri,
            metadata.algorithms,
            frozenset({self.provider.client_id}),
            {},
            {},
            self.provider.create_accounts,
        )

    def _keys_of(self, issuer: Issuer) -> IssuerKeys:
        if self._keys is None or self._keys.issuer != issuer:
            if self._keys is not None:
                self._keys.close()
            self._keys = IssuerKeys(issuer, self._fetcher.fetch)
        return self._keys


class ProviderUnavailable(ServiceUnavailable):
    """A provider does not respond as it should. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(UNAVAILABLE)
        self.reason = reason


class SignInProviders:
    """All providers, in the order of the file."""

    def __init__(self, providers: Iterable[SignInProvider]) -> None:
        self.all = {one.provider.name: one for one in providers}

    def get(self, name: str) -> SignInProvider:
        """Return a provider. Raise `NotFound`."""
        try:
            return self.all[name]
        except KeyError:
            raise NotFound from None


@asynccontextmanager
async def open_sign_in_providers(settings: Settings) -> AsyncIterator[SignInProviders]:
    """Open the providers of the file, which was checked when the settings were read."""
    assert settings.sign_in_providers is not None
    assert settings.public_url is not None
    fetcher = Fetcher()
    providers = [
        SignInProvider(provider, settings.public_url, fetcher)
        for provider in read_sign_in_providers(settings.sign_in_providers)
    ]
    try:
        yield SignInProviders(providers)
    finally:
        for provider in providers:
            provider.close()
        await fetcher.close()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
