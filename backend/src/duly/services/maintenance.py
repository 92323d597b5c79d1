"""Housekeeping: any worker may do it, one at a time does."""

import asyncio
import random

from sqlalchemy import delete, func, select

from duly.core.errors import ServiceUnavailable
from duly.core.logging import log
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.models import RevokedSession, Session
from duly.utils.tables import table_of

INTERVAL = 600.0
"""Seconds between two rounds of a worker, give or take a tenth."""

_LOCK_NUMBER = 4_420_771_864
_TIMEOUT = 60.0

_sessions = table_of(Session)
_revoked = table_of(RevokedSession)

# Held to the end of the transaction, so it works behind a transaction pooler, too.
_TRY_LOCK = across_users(select(func.pg_try_advisory_xact_lock(_LOCK_NUMBER).label("is_mine")))
_SWEEPS = {
    "sessions": across_users(
        delete(_sessions).where(_sessions.c.expires_at < func.now()).returning(_sessions.c.id)
    ),
    "revoked_sessions": across_users(
        delete(_revoked).where(_revoked.c.expires_at < func.now()).returning(_revoked.c.session_id)
    ),
}


async def keep_house(door: AcrossUsers) -> None:
    """Sweep again and again, until cancelled. A database that is down is tried again later."""
    while True:
        await asyncio.sleep(INTERVAL * random.uniform(0.9, 1.1))  # noqa: S311  # spreads workers
        try:
            await sweep(door)
        except ServiceUnavailable:
            log.warning("maintenance.postponed")


async def sweep(door: AcrossUsers) -> dict[str, int]:
    """Delete what has expired, unless another worker is at it; gives how many rows of what."""
    async with door.transaction(timeout=_TIMEOUT) as locked:
        lock = await locked.one(_TRY_LOCK)
        if lock is None or not lock["is_mine"]:
            return {}
        swept = {name: len(await locked.all(statement)) for name, statement in _SWEEPS.items()}
    log.info("maintenance.swept", **swept)
    return swept
