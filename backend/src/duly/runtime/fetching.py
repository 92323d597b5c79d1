"""Calls other servers: issuers of tokens, and sign-in providers.

Imported only if there are any, since httpx takes 6 MB.
"""

import asyncio
from collections.abc import Mapping

import httpcore  # noqa: F401  # httpx imports it with its first client, in 0.1 s
import httpx

from duly.core.spans import client_span

MAX_BYTES = 256 * 1024
TIMEOUT = 5.0
"""Seconds that a call may take in all."""


class FetchFailed(Exception):
    """There is no usable response; the message is the reason."""


class Fetcher:
    """A client without redirects, cookies and proxies. It keeps no connections: a call is rare."""

    def __init__(self) -> None:
        # Certificates as the environment names them: an issuer may have an authority of its own.
        self._client = httpx.AsyncClient(
            verify=httpx.create_ssl_context(),
            trust_env=False,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body at `url`. Raise `FetchFailed`, after `TIMEOUT` seconds at the latest."""
        status, body = await self._send("GET", url, headers or {}, None)
        if status != httpx.codes.OK:
            raise FetchFailed(f"the status is {status}, not 200")
        return body

    async def post(self, url: str, headers: Mapping[str, str], form: str) -> tuple[int, bytes]:
        """Send a form, and return the status and the body. Raise `FetchFailed` as above."""
        return await self._send("POST", url, headers, form.encode())

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, bytes]:
        try:
            # The host alone: a URL may contain a code.
            about = {"http.request.method": method, "server.address": httpx.URL(url).host}
            with client_span(method, about) as span:
                async with (
                    asyncio.timeout(TIMEOUT),
                    self._client.stream(method, url, headers=headers, content=content) as response,
                ):
                    span.set_attribute("http.response.status_code", response.status_code)
                    return response.status_code, await _read(response)
        except TimeoutError:
            raise FetchFailed(f"no complete response within {TIMEOUT:.0f} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise FetchFailed(f"{type(error).__name__}: {error}"[:200]) from None


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("the response is compressed")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"the response has more than {MAX_BYTES // 1024} KiB")
    return bytes(body)
