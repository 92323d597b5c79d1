"""API tokens as a worker remembers them, and their uses until they are stored."""

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from functools import partial
from typing import NamedTuple
from uuid import UUID

from duly.core import api_tokens as tokens
from duly.core.scopes import GRANTABLE, UNVERIFIED
from duly.core.tokens import AccessClaims, InvalidToken
from duly.database.scope import AcrossUsers
from duly.models.api_tokens import MAX_ADDRESS
from duly.runtime.background import forever
from duly.services import api_token_uses
from duly.services.api_token_uses import Use

MAX_AGE = 600.0
"""Seconds for which a worker relies on what it has read of a token, unless its end is announced.

Announcements last longer, so one that the worker cannot read meanwhile is not missed.
"""

_MAX_REMEMBERED = 4096
_CLAIMS_LIFETIME = 2 * MAX_AGE
"""Seconds after which a stream or a download that began with a token must end."""

_NOTE_INTERVAL = 60.0
"""Seconds for which further uses of a token are not noted."""
_GATHER = 2.0
"""Seconds for which uses are gathered, to be stored together."""
_RETRY_PAUSE = 10.0
_LAST_TIMEOUT = 1.0


class _Remembered(NamedTuple):
    claims: AccessClaims
    until: float


class ApiTokens:
    """Looks up API tokens, and remembers them."""

    def __init__(self, across_users: AcrossUsers, *, needs_verified_email: bool = False) -> None:
        self._across_users = across_users
        self._needs_verified_email = needs_verified_email
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def read(self, token: str) -> AccessClaims:
        """Return what a token may be used for. Raise `InvalidToken`."""
        found = self._remembered.get(token)
        if found is None or time.monotonic() >= found.until:
            return await self.read_again(token)
        if time.time() >= found.claims.expires_at:
            raise InvalidToken
        self._remembered.move_to_end(token)
        return found.claims

    async def read_again(self, token: str) -> AccessClaims:
        """The same, from the database."""
        self._remembered.pop(token, None)
        digest = tokens.digest(token)
        began = time.monotonic()
        found = await api_token_uses.find(self._across_users, digest)
        if found is None:
            raise InvalidToken
        expires_at = math.inf if found.expires_at is None else found.expires_at.timestamp()
        is_verified = found.is_verified or not self._needs_verified_email
        claims = AccessClaims(
            found.user_id,
            found.revocation_id,
            min(expires_at, time.time() + _CLAIMS_LIFETIME),
            (frozenset(GRANTABLE) if is_verified else UNVERIFIED).intersection(found.scopes),
            is_verified=is_verified,
            api_token_id=found.id,
        )
        self._remembered[token] = _Remembered(claims, began + MAX_AGE)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return claims


class ApiTokenUses:
    """Notes when and from where API tokens are used, and stores it beside the requests.

    Of each token, a use is noted once a minute. While none is noted, the database is left alone.
    """

    def __init__(self, across_users: AcrossUsers) -> None:
        self._across_users = across_users
        # By number: each request looks here, and a UUID computes its hash in Python.
        self._noted_at: dict[int, float] = {}
        self._waiting: dict[UUID, Use] = {}
        self._has_some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Store uses from now on."""
        work = partial(forever, "api_token_uses", self._store_next, _RETRY_PAUSE)
        self._task = asyncio.create_task(work())

    async def close(self) -> None:
        """Store the last uses, if the database responds at once."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_TIMEOUT):
                await self._store()

    def is_due(self, token_id: UUID) -> bool:
        """Whether a use of a token must be noted now."""
        return time.monotonic() - self._noted_at.get(token_id.int, -math.inf) >= _NOTE_INTERVAL

    def note(self, user_id: UUID, token_id: UUID, address: str | None) -> None:
        """Note a use of a token."""
        now = time.monotonic()
        self._noted_at[token_id.int] = now
        self._waiting[token_id] = Use(user_id, token_id, now, address and address[:MAX_ADDRESS])
        self._has_some.set()

    async def _store_next(self) -> None:
        await self._has_some.wait()
        await asyncio.sleep(_GATHER)
        await self._store()

    async def _store(self) -> None:
        uses, now = [*self._waiting.values()], time.monotonic()
        if uses:
            await api_token_uses.note(self._across_users, uses, now)
        # Uses noted during the write are stored by the next one.
        for use in uses:
            if self._waiting.get(use.token_id) is use:
                del self._waiting[use.token_id]
        if not self._waiting:
            self._has_some.clear()
        self._noted_at = {
            number: at for number, at in self._noted_at.items() if now - at < _NOTE_INTERVAL
        }
