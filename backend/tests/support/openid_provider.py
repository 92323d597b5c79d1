"""A certified OpenID Connect provider from npm, and people who sign in with it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.support.accounts import API
from tests.support.servers import free_port
from tests.support.typescript import CLIENTS, NODE

SECRETS = {"duly": "a-secret:100%+more", "duly-post": "another-secret", "duly-public": None}
"""The clients of the provider, by id."""


@dataclass(frozen=True)
class OpenIDProvider:
    """The running provider. `url` is its issuer."""

    url: str

    def table(self, name: str, client_id: str = "duly", **fields: Any) -> dict[str, Any]:
        """The table of the provider in the file of sign-in providers."""
        secret = SECRETS[client_id]
        secrets = {} if secret is None else {"client_secret": secret}
        return {
            "name": name,
            "title": name.title(),
            "issuer": self.url,
            "client_id": client_id,
            **secrets,
            **fields,
        }


@contextmanager
def openid_provider(*redirects: str) -> Iterator[OpenIDProvider]:
    """Run the provider, which sends its users to any of `redirects`."""
    port = free_port()
    path = os.pathsep.join(map(str, (NODE, os.environ["PATH"])))
    with subprocess.Popen(
        ["/usr/bin/env", "node", "openid_provider.mjs", str(port), json.dumps(redirects)],
        cwd=CLIENTS,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n", "the provider did not start"
            yield OpenIDProvider(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


async def sign_in_at_provider(browser: httpx.AsyncClient, url: str, login: str) -> str:
    """Sign in at the provider as anybody, and agree; return where it sends the browser."""
    page = await browser.get(url)
    for prompt in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
        while page.is_redirect:
            page = await browser.get(target_of(page))
        [action] = re.findall(r'<form [^>]*action="([^"]+)"', page.text)
        page = await browser.post(page.url.join(action), data=prompt)
    return await callback_of(browser, page)


async def cancel_at_provider(browser: httpx.AsyncClient, url: str) -> str:
    """Do not sign in at the provider; return where it sends the browser."""
    page = await browser.get(url)
    page = await browser.get(f"{target_of(page)}/abort")
    return await callback_of(browser, page)


async def callback_of(browser: httpx.AsyncClient, page: httpx.Response) -> str:
    """Follow the provider's redirects; return the first URL that is not its own."""
    while "/callback?" not in target_of(page):
        page = await browser.get(target_of(page))
    return target_of(page)


def target_of(page: httpx.Response) -> str:
    """Where a response sends the browser."""
    return str(page.url.join(page.headers["location"]))


async def begin(browser: httpx.AsyncClient, provider: str, **query: str) -> httpx.Response:
    """Begin a sign-in."""
    return await browser.get(f"{API}/auth/oidc/{provider}?{urlencode(query)}")


def parts_behind(url: str) -> dict[str, str]:
    """The parameters behind the `#` of a URL."""
    return {name: value for name, [value] in parse_qs(urlsplit(url).fragment).items()}
