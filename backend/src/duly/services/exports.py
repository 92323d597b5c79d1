"""All data that Duly stores about a user, as of one moment.

It is read in one snapshot of the database into a temporary file, and sent from there: a client that
reads slowly holds no connection, and an error while reading is an ordinary error response.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO

from sqlalchemy import DateTime, bindparam, delete, func, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.errors import RateLimited, ServiceUnavailable, Unauthenticated
from duly.core.logging import log
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import ExportLease
from duly.records.export import read_all
from duly.runtime.context import Caller, Context
from duly.services import factors, users
from duly.services.api_token_lists import list_api_tokens
from duly.services.identities import list_identities
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.security_events import list_events
from duly.services.session_lists import list_sessions
from duly.utils.encoding import encode
from duly.utils.tables import table_of

_READ_TIMEOUT = 60.0
"""Seconds for which an export may keep its snapshot."""

_LONGEST_PAUSE = 0.01
"""Seconds. After each page an export pauses for as long as that took, so that others are served."""

_QUEUE_TIMEOUT = 20.0
_SEND_TIMEOUT = 3600.0
_CHECK_INTERVAL = 1.0
_RETRY_AFTER = 2

# Longer than waiting and reading take. The lease of a worker that is killed expires.
_LEASE = timedelta(seconds=90)
_RENEWAL_INTERVAL = 20.0

_IN_MEMORY_BYTES = 1024 * 1024
_WRITE_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024
"""The server keeps a few pieces for a client that reads slowly, so they are small."""

_leases = table_of(ExportLease)

_LIFETIME = bindparam("lifetime", _LEASE, type_=INTERVAL())
_EXPIRY = func.now() + _LIFETIME
_IS_MINE = (
    _leases.c.user_id == USER_ID,
    _leases.c.expires_at == bindparam("mine", type_=DateTime(timezone=True)),
)
_insert = postgresql.insert(_leases).values(user_id=USER_ID, expires_at=_EXPIRY)
_CLAIM = owned(
    _insert.on_conflict_do_update(
        index_elements=["user_id"],
        set_={"expires_at": _insert.excluded.expires_at},
        # It has expired. Citus refuses `now()` in this condition.
        where=_insert.excluded.expires_at - _leases.c.expires_at > _LIFETIME,
    ).returning(_leases.c.expires_at)
)
_RENEW = owned(
    update(_leases).where(*_IS_MINE).values(expires_at=_EXPIRY).returning(_leases.c.expires_at)
)
_RELEASE = owned(delete(_leases).where(*_IS_MINE))


class _Lease:
    """The right to run the only export of a user, whatever worker it runs on."""

    def __init__(self, scope: UserScope, until: datetime) -> None:
        self._scope, self._until = scope, until
        self._renewed_at = time.monotonic()
        self._is_released = False

    async def renew(self) -> None:
        """Extend it, if it is time to. While the database is unavailable, it may expire."""
        if self._is_released or time.monotonic() < self._renewed_at + _RENEWAL_INTERVAL:
            return
        self._renewed_at = time.monotonic()
        with suppress(ServiceUnavailable):
            row = await self._scope.one(_RENEW, mine=self._until)
            self._until = row["expires_at"] if row else self._until

    async def release(self) -> None:
        """End it. Doing it twice changes nothing."""
        if self._is_released:
            return
        self._is_released = True
        with suppress(ServiceUnavailable):
            await self._scope.all(_RELEASE, mine=self._until)


@dataclass(frozen=True, slots=True)
class Export:
    """A complete export, ready to be sent."""

    size: int
    _file: IO[bytes]
    _context: Context
    _caller: Caller
    _lease: _Lease

    async def pieces(self) -> AsyncIterator[bytes]:
        """The document from its beginning."""
        self._file.seek(0)
        for left in range(self.size, 0, -_PIECE_BYTES):
            piece = await asyncio.to_thread(self._file.read, _PIECE_BYTES)
            if left <= _PIECE_BYTES:
                # A client that has received it all may ask again at once.
                await self._lease.release()
            yield piece

    async def until_over(self) -> None:
        """Return once sending must stop: the session has ended, or it takes too long."""
        began = time.monotonic()
        while not await _has_ended(self._context, self._caller):
            if time.monotonic() > began + _SEND_TIMEOUT:
                log.info("export.cut_off", reason="the client reads too slowly")
                return
            await self._lease.renew()
            await asyncio.sleep(_CHECK_INTERVAL)
        log.info("export.cut_off", reason="the session has ended")


@asynccontextmanager
async def prepared(context: Context, caller: Caller, gone: asyncio.Event) -> AsyncIterator[Export]:
    """Read all data of the caller, for the block to send. Reading stops when `gone` is set.

    Raises `RateLimited` while another export of the caller runs, `Unauthenticated` if the account
    is deleted or the session has ended, and `ServiceUnavailable` if it cannot be read in time.
    """
    async with _leased(caller.scope) as lease:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            async with _slot(context):
                size = await _read(caller, file, gone)
            if await _has_ended(context, caller):
                raise Unauthenticated
            yield Export(size, file, context, caller, lease)


@asynccontextmanager
async def _leased(scope: UserScope) -> AsyncIterator[_Lease]:
    row = await scope.one(_CLAIM)
    if row is None:
        raise RateLimited(_RETRY_AFTER, limit="exports")
    lease = _Lease(scope, row["expires_at"])
    try:
        yield lease
    finally:
        # To its end even if this request is cancelled: the next export waits for it.
        await asyncio.shield(lease.release())


@asynccontextmanager
async def _slot(context: Context) -> AsyncIterator[None]:
    """Wait for a turn to read: few exports read at a time, so that other requests get connections."""
    try:
        async with asyncio.timeout(_QUEUE_TIMEOUT):
            await context.export_slots.acquire()
    except TimeoutError:
        raise ServiceUnavailable("Too many exports are running. Retry shortly.") from None
    try:
        yield
    finally:
        context.export_slots.release()


async def _read(caller: Caller, file: IO[bytes], gone: asyncio.Event) -> int:
    """Write the whole document to `file`, and return its size."""
    size, piece = 0, b""
    async with caller.scope.snapshot(timeout=_READ_TIMEOUT) as scope:
        began = time.monotonic()
        async for part in _document(replace(caller, scope=scope)):
            piece += part
            if len(piece) >= _WRITE_BYTES:
                size += await _write(file, piece)
                piece = b""
            if gone.is_set():
                raise asyncio.CancelledError
            await asyncio.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))
            began = time.monotonic()
    return size + await _write(file, piece)


async def _document(caller: Caller) -> AsyncIterator[bytes]:
    user = await users.read(caller.scope)
    sessions = await list_sessions(caller)
    identities = await list_identities(caller.scope)
    own_factors = await factors.list_all(caller.scope)
    tokens = await list_api_tokens(caller.scope)
    yield b'{"user":' + encode(user) + b',"identities":' + encode(identities)
    yield b',"sessions":' + encode(sessions) + b',"factors":' + encode(own_factors)
    yield b',"api_tokens":' + encode(tokens)
    yield b',"security_events":' + encode(await list_events(caller.scope))
    for kind in RESOURCE_TYPES:
        async for piece in _list(kind.plural, [read_all(caller.scope, kind, trashed=False)]):
            yield piece
    trash = [
        read_all(caller.scope, kind, trashed=True) for kind in RESOURCE_TYPES if kind.is_trashable
    ]
    async for piece in _list("trash", trash):
        yield piece
    yield b"}"


async def _list(name: str, parts: Sequence[AsyncIterator[list[Row]]]) -> AsyncIterator[bytes]:
    """A member of the document: all rows of some pages."""
    yield f',"{name}":['.encode()
    separator = b""
    for pages in parts:
        async for page in pages:
            yield separator + b",".join(map(encode, page))
            separator = b","
    yield b"]"


async def _write(file: IO[bytes], piece: bytes) -> int:
    try:
        return await asyncio.to_thread(file.write, piece)
    except OSError as error:
        # No space, or no directory: an operator can help with TMPDIR.
        log.error("export.not_spooled", reason=error.strerror, setting="TMPDIR")
        raise ServiceUnavailable from error


async def _has_ended(context: Context, caller: Caller) -> bool:
    with suppress(ServiceUnavailable):
        return await context.revocations.includes(caller.session_id)
    return False
