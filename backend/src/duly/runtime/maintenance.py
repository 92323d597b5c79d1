"""Housekeeping: any worker may do it, one at a time does."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql

from duly.core.logging import log
from duly.core.tokens import Keyring
from duly.database.pool import Pool
from duly.database.scope import AcrossUsers
from duly.database.statements import CrossUserStatement, across_users
from duly.models import (
    ApiToken,
    ApiTokenDigest,
    DeletedIdentity,
    EmailLink,
    ExportLease,
    Factor,
    IdempotencyKey,
    RevokedSession,
    Session,
    SignInChallenge,
    SignInCode,
    User,
)
from duly.models.factors import ENROLMENT_LIFETIME
from duly.records.retention import Purge, purge_one, purge_tombstones, purge_trash
from duly.runtime.resealing import reseal
from duly.services import mails, security_events
from duly.services.resource_types import RESOURCE_TYPES
from duly.utils.tables import table_of

INTERVAL = 600.0
"""Seconds between two rounds of a worker, give or take a tenth."""

_ENROLMENT_LIFETIME = bindparam("lifetime", ENROLMENT_LIFETIME, type_=postgresql.INTERVAL())
_LOCK_NUMBER = 4_420_771_864
_TIMEOUT = 60.0

_OWNERS_AT_ONCE = 20
"""The users whose rows one transaction purges; their requests wait for it."""

_API_TOKENS_LISTED = timedelta(days=30)
"""How long an expired API token is still listed."""

_users = table_of(User)
_keys = table_of(IdempotencyKey)
_api_tokens = table_of(ApiToken)
_digests = table_of(ApiTokenDigest)

# Held to the end of the transaction, so it works behind a transaction pooler, too.
_TRY_LOCK = across_users(select(func.pg_try_advisory_xact_lock(_LOCK_NUMBER).label("is_mine")))


def _expired(model: Any) -> CrossUserStatement:
    """Delete the rows whose `expires_at` has passed, and return the row count."""
    table = table_of(model)
    gone = delete(table).where(table.c.expires_at < func.now()).returning(table.c.expires_at)
    return across_users(select(func.count().label("count")).select_from(gone.cte("gone")))


def _expired_keys() -> CrossUserStatement:
    """As above, for idempotency keys: what they stored is taken off their users' counters."""
    gone = (
        delete(_keys)
        .where(_keys.c.expires_at < func.now())
        .returning(_keys.c.user_id, _keys.c.stored_bytes)
        .cte("gone")
    )
    freed = (
        select(
            gone.c.user_id,
            func.sum(gone.c.stored_bytes).label("stored_bytes"),
            func.count().label("count"),
        )
        .group_by(gone.c.user_id)
        .subquery("freed")
    )
    noted = (
        update(_users)
        .where(_users.c.id == freed.c.user_id)
        .values(stored_response_bytes=_users.c.stored_response_bytes - freed.c.stored_bytes)
        .returning(freed.c.count)
        .cte("noted")
    )
    return across_users(select(func.coalesce(func.sum(noted.c.count), 0).label("count")))


def _expired_api_tokens() -> CrossUserStatement:
    """As above, for API tokens that expired long ago, and their hashes."""
    gone = (
        delete(_api_tokens)
        .where(
            _api_tokens.c.expires_at
            < func.now() - bindparam("listed", _API_TOKENS_LISTED, type_=postgresql.INTERVAL())
        )
        .returning(_api_tokens.c.user_id, _api_tokens.c.id)
        .cte("gone")
    )
    forgotten = (
        delete(_digests)
        .where(_digests.c.user_id == gone.c.user_id, _digests.c.token_id == gone.c.id)
        .cte("forgotten")
    )
    return across_users(select(func.count().label("count")).select_from(gone).add_cte(forgotten))


def _unconfirmed_factors() -> CrossUserStatement:
    """As above, for factors that were not confirmed in time."""
    factors = table_of(Factor)
    gone = (
        delete(factors)
        .where(
            factors.c.confirmed_at.is_(None),
            factors.c.created_at < func.now() - _ENROLMENT_LIFETIME,
        )
        .returning(factors.c.id)
        .cte("gone")
    )
    return across_users(select(func.count().label("count")).select_from(gone))


# Resources before those that they refer to.
_TABLES = table_of(User).metadata.sorted_tables
IN_TRASH = sorted(
    (kind for kind in RESOURCE_TYPES if kind.is_trashable),
    key=lambda kind: _TABLES.index(kind.table),
    reverse=True,
)

_SWEEPS: dict[str, CrossUserStatement | Purge] = {
    "email_links": _expired(EmailLink),
    "factors": _unconfirmed_factors(),
    "outgoing_mails": mails.PURGE,
    "security_events": security_events.PURGE,
    "sessions": _expired(Session),
    "sign_in_codes": _expired(SignInCode),
    "api_tokens": _expired_api_tokens(),
    "sign_in_challenges": _expired(SignInChallenge),
    "revoked_sessions": _expired(RevokedSession),
    "idempotency_keys": _expired_keys(),
    "export_leases": _expired(ExportLease),
    "deleted_identities": _expired(DeletedIdentity),
    "tombstones": purge_tombstones(),
    **{kind.plural: purge_trash(kind) for kind in IN_TRASH},
}


async def keep_house(pool: Pool, keyring: Keyring, wake_mailer: Callable[[], None]) -> None:
    """Sweep once in a while, until cancelled, and look for mail that a dead worker has left.

    A worker that has served no request since the last sweep leaves the database alone, since on
    Neon it may sleep.
    """
    used = pool.used
    while True:
        await asyncio.sleep(INTERVAL * random.uniform(0.9, 1.1))  # noqa: S311  # spreads workers
        if pool.used != used:
            await sweep(AcrossUsers(pool))
            await reseal(AcrossUsers(pool), keyring)
            if await mails.seconds_until_next(AcrossUsers(pool)) is not None:
                wake_mailer()
            used = pool.used


async def sweep(across_users: AcrossUsers) -> dict[str, int]:
    """Delete expired rows, unless another worker is doing so. Return how many of each kind."""
    swept: dict[str, int] = {}
    for name, one in _SWEEPS.items():
        if isinstance(one, Purge):
            count = await _purge(across_users, one)
        else:
            count = await _sweep(across_users, one)
        if count is None:
            break
        swept[name] = count
    log.info("maintenance.swept", **swept)
    return swept


async def _sweep(across_users: AcrossUsers, statement: CrossUserStatement) -> int | None:
    """Run a statement that deletes rows of all users; None if another worker is sweeping."""
    async with _turn(across_users) as turn:
        if turn is None:
            return None
        row = await turn.one(statement)
        return row["count"] if row else 0


async def _purge(across_users: AcrossUsers, purge: Purge) -> int | None:
    """Purge the rows of one user after the other; None if another worker is sweeping."""
    async with _turn(across_users) as turn:
        if turn is None:
            return None
        owners = await turn.all(purge.owners)
    count = 0
    for first in range(0, len(owners), _OWNERS_AT_ONCE):
        async with _turn(across_users) as turn:
            if turn is None:
                return None
            for owner in owners[first : first + _OWNERS_AT_ONCE]:
                count += await purge_one(turn.user(owner["user_id"]), purge.statement)
    return count


@asynccontextmanager
async def _turn(across_users: AcrossUsers) -> AsyncIterator[AcrossUsers | None]:
    """A transaction in which no other worker sweeps; None if one does.

    Each is for one kind of rows: locks kept from one to the next would break the lock order.
    """
    async with across_users.transaction(timeout=_TIMEOUT) as locked:
        lock = await locked.one(_TRY_LOCK)
        yield locked if lock is not None and lock["is_mine"] else None
