"""Reads the tokens of other issuers."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duly.core import jws
from duly.core.issuer_tokens import check_claims, check_header
from duly.core.issuers import Issuer, read_issuers
from duly.core.key_sets import KeySet
from duly.core.logging import log
from duly.core.scopes import ALL, OWN_SESSION
from duly.core.tokens import CLOCK_LEEWAY, AccessClaims, InvalidToken
from duly.database.scope import AcrossUsers
from duly.runtime.fetching import Fetcher
from duly.runtime.issuer_keys import Fetch, IssuerKeys
from duly.services.identity_accounts import find_or_create

if TYPE_CHECKING:
    from duly.runtime.context import Client

REMEMBERED = 600.0
"""Seconds for which a worker remembers a token that it has verified, and its account."""

_MAX_REMEMBERED = 2048
_LONGEST_STREAM = 3600.0
"""Seconds after which a stream or an export ends, since the key may have been withdrawn."""

_SCOPES = ALL - {OWN_SESSION}


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A verified token: until when, by `time.monotonic`, and with which keys."""

    claims: AccessClaims
    until: float
    issuer: IssuerKeys
    keys: KeySet


class Issuers:
    """The issuers, and the tokens that were verified lately.

    A token is forgotten when the keys of its issuer change, so that it is verified with the new ones.
    """

    def __init__(self, issuers: Iterable[Issuer], across_users: AcrossUsers, fetch: Fetch) -> None:
        self._issuers = {issuer.name: IssuerKeys(issuer, fetch) for issuer in issuers}
        self._across_users = across_users
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    def close(self) -> None:
        """Stop fetching keys."""
        for issuer in self._issuers.values():
            issuer.close()

    async def read(self, token: str, client: "Callable[[], Client] | None" = None) -> AccessClaims:
        """Check a token in full and find its account, which is created with the first request.

        `client` returns who has sent it.

        Raise `InvalidToken`; `RegistrationClosed` if there is no account and none may be created;
        `ServiceUnavailable` while the keys of the issuer are unknown.
        """
        found = self._remembered.get(token)
        if (
            found is not None
            and time.monotonic() < found.until
            and found.issuer.known is found.keys
        ):
            self._remembered.move_to_end(token)
            return found.claims
        try:
            return await self._verify(token, client)
        except InvalidToken as error:
            self.forget(token)
            log.debug("issuer.token_refused", reason=str(error))
            raise

    def forget(self, token: str) -> None:
        """Verify the token again, and find its account again, at its next use."""
        self._remembered.pop(token, None)

    async def _verify(self, token: str, client: "Callable[[], Client] | None") -> AccessClaims:
        try:
            read = jws.read(token)
        except ValueError:
            raise InvalidToken("not a JSON Web Token") from None
        name = read.claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise InvalidToken("iss is not in DULY_ISSUERS")
        algorithm, kid = check_header(read.header, issuer.issuer)
        claims = check_claims(read.claims, issuer.issuer)
        key = await issuer.find(algorithm, kid)
        keys = issuer.known
        if not read.is_signed_by(key.key, algorithm):
            raise InvalidToken("the signature does not fit")
        # The issuer's clock may be ahead: a token from before a deletion can name a later time.
        signed_in_at = None if claims.issued_at is None else claims.issued_at - CLOCK_LEEWAY
        user_id, identity_id = await find_or_create(
            self._across_users,
            claims,
            signed_in_at,
            may_create=issuer.issuer.create_accounts,
            client=client,
        )
        now = time.time()
        access = AccessClaims(
            user_id,
            identity_id,
            min(claims.expires_at, now + _LONGEST_STREAM),
            _SCOPES,
            issued_at=claims.issued_at,
        )
        until = time.monotonic() + min(REMEMBERED, claims.expires_at - now)
        self._remember(token, _Remembered(access, until, issuer, keys))
        return access

    def _remember(self, token: str, found: _Remembered) -> None:
        self._remembered[token] = found
        self._remembered.move_to_end(token)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)


@asynccontextmanager
async def open_issuers(file: Path, across_users: AcrossUsers) -> AsyncIterator[Issuers]:
    """Open the issuers of a file, which was checked when the settings were read."""
    fetcher = Fetcher()
    issuers = Issuers(read_issuers(file), across_users, fetcher.fetch)
    try:
        yield issuers
    finally:
        issuers.close()
        await fetcher.close()
