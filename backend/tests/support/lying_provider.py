"""A sign-in provider that says what a test wants, and a browser that goes to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from duly.core.config import Settings
from tests.support import instances
from tests.support.accounts import API
from tests.support.issuers import ABSENT, Handler, Issuer, as_json, running, write_tables

APP = "https://app.example.org"
HERE = "https://duly.test"

CLIENT_ID = "duly"
CLIENT_SECRET = "a-client-secret-that-is-long-enough-for-hs256"
DUTIES = {"/.well-known/openid-configuration": "discovery", "/jwks": "keys"}
DUTIES |= {"/token": "tokens", "/userinfo": "profile"}


@dataclass
class Provider(Issuer):
    """A provider. `behaviors` are how its endpoints answer, by `DUTIES`; `lies` replace what they
    say. `id_token` is what it hands out for any code.
    """

    behaviors: dict[str, str] = field(default_factory=dict)
    lies: dict[str, Any] = field(default_factory=dict)
    id_token: Any = ABSENT
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    def document_of(self, duty: str) -> bytes:
        documents: dict[str, Any] = {
            "discovery": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["ES256", "RS256", "EdDSA", "HS256"],
            },
            "keys": {"keys": self.published},
            "tokens": {
                "access_token": "an access token",
                "token_type": "Bearer",
                "id_token": self.id_token,
            },
            "profile": {},
        }
        lies = self.lies.get(duty, {})
        if not isinstance(lies, dict):
            return bytes(lies)
        said = {**documents[duty], **lies}
        return as_json({name: value for name, value in said.items() if value is not ABSENT})

    def table(self, **fields: Any) -> dict[str, Any]:
        """Its table in the file of sign-in providers."""
        return {
            "name": "lying",
            "title": "Lying",
            "issuer": self.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **fields,
        }


class _Handler(Handler):
    def do_GET(self) -> None:  # noqa: N802  # so it is called
        self._respond_as()

    def do_POST(self) -> None:  # noqa: N802  # as above
        provider = self._provider
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        provider.forms.append({name: value for name, [value] in form.items()})
        provider.authorizations.append(self.headers["Authorization"])
        self._respond_as()

    @property
    def _provider(self) -> Provider:
        found: Provider = self.server.issuer  # type: ignore[attr-defined]  # set by `running`
        return found

    def _respond_as(self) -> None:
        provider, duty = self._provider, DUTIES[self.path]
        provider.requests.append(duty)
        behavior = provider.behaviors.get(duty, "serves")
        if behavior == "rejects":
            self.send_whole(400, as_json({"error": "invalid_grant"}))
        else:
            self.respond(provider, behavior, provider.document_of(duty))


@contextmanager
def lying_provider() -> Iterator[Provider]:
    """A provider that runs for the block; it lies only if it is told to."""
    with running(Provider, _Handler) as provider:
        provider.publish("ES256", "RS256", "EdDSA")
        yield provider


@dataclass
class Browser:
    """A browser with its own cookies, which knows what it has been sent to the provider with."""

    client: httpx.AsyncClient
    provider: Provider
    sent: dict[str, str] = field(default_factory=dict)

    async def begin(self, name: str = "lying", **query: str) -> httpx.Response:
        response = await self.client.get(f"{API}/auth/oidc/{name}?{urlencode(query)}")
        if response.status_code == 302:
            found = parse_qs(urlsplit(response.headers["location"]).query)
            self.sent = {name: value for name, [value] in found.items()}
        return response

    async def come_back(self, name: str = "lying", **changes: Any) -> httpx.Response:
        """Come back from the provider; `changes` replace what it has sent along."""
        query = {"code": "a code", "state": self.sent.get("state"), **changes}
        text = urlencode({name: value for name, value in query.items() if value is not ABSENT})
        return await self.client.get(f"{API}/auth/oidc/{name}/callback?{text}")

    async def sign_in(self, app_challenge: str | None = None, **token: Any) -> dict[str, str]:
        """Sign in; return what is behind the `#`. `token` is for `Issuer.token`."""
        query = {} if app_challenge is None else {"app_challenge": app_challenge}
        begun = await self.begin(**query)
        assert begun.status_code == 302, begun.text
        self.provider.id_token = self.token(**token)
        return behind(await self.come_back())

    def token(self, **changes: Any) -> str:
        """An ID token for the sign-in that has begun."""
        return self.provider.token(**{"aud": CLIENT_ID, "nonce": self.sent["nonce"], **changes})

    async def exchange(self, **body: str) -> httpx.Response:
        return await self.client.post(f"{API}/auth/oidc/exchange", json=body)


def behind(response: httpx.Response) -> dict[str, str]:
    """The parameters behind the `#` of where a response sends the browser."""
    assert response.status_code == 302, response.text
    found = parse_qs(urlsplit(response.headers["location"]).fragment)
    return {name: value for name, [value] in found.items()}


def with_providers(settings: Settings, directory: Path, *tables: dict[str, Any]) -> Settings:
    """Settings of an instance whose users can sign in with providers, and return to `APP`."""
    changes = {
        "sign_in_providers": write_tables(directory / "providers.toml", "provider", *tables),
        "public_url": HERE,
        "cors_origins": (APP,),
        "rate_limit": "off",
    }
    return settings.model_copy(update=changes)


@asynccontextmanager
async def browsing(
    settings: Settings, address: str, provider: Provider, **changes: Any
) -> AsyncIterator[Browser]:
    """A browser at an instance of its own."""
    async with instances.running(settings, address, **changes) as client:
        client.base_url = httpx.URL(HERE)
        yield Browser(client, provider)


@asynccontextmanager
async def another(browser: Browser, address: str) -> AsyncIterator[Browser]:
    """Another browser at the same instance."""
    app = browser.client._transport.app  # type: ignore[attr-defined]  # ASGI's
    async with instances.client_at(app, address) as client:
        client.base_url = httpx.URL(HERE)
        yield Browser(client, browser.provider)
