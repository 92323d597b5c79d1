"""One worker's copy of how a sign-in provider describes itself."""

from duly.core.discovery import ProviderMetadata, read_metadata
from duly.core.sign_in_providers import Provider
from duly.runtime.copies import Copy
from duly.runtime.issuer_keys import Fetch

UNAVAILABLE = "The sign-in provider is unavailable. Retry shortly."


class Discovery(Copy):
    """The description of one provider, fetched with the first sign-in."""

    def __init__(self, provider: Provider, fetch: Fetch) -> None:
        super().__init__(
            provider.issuer, event="provider.discovery_failed", unavailable=UNAVAILABLE
        )
        self._provider = provider
        self._fetch_url = fetch
        self._known: ProviderMetadata | None = None

    async def read(self) -> ProviderMetadata:
        """Return the description. Raise `ServiceUnavailable` if it is unknown, or too old."""
        await self._keep_fresh()
        assert self._known is not None
        return self._known

    async def _replace(self) -> None:
        document = await self._fetch_url(self._provider.discovery_url)
        self._known = read_metadata(document, self._provider.issuer)
