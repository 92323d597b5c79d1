"""Requests that may be repeated: the first response is stored, in the transaction of its effect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, QueryCanceled
from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    SmallInteger,
    Uuid,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core import time_budget
from duly.core.errors import (
    IdempotencyInFlight,
    IdempotencyMismatch,
    QuotaExceeded,
    Unauthenticated,
)
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import IdempotencyKey, User
from duly.utils.encoding import encode, encode_sorted
from duly.utils.flights import Flights
from duly.utils.tables import table_of

LIFETIME = timedelta(hours=24)
# A concurrent request with the same key waits, up to a limit, and gets the same response. Here that
# costs nothing; at the database it holds a connection, and must end before the time for that does.
_PATIENCE = 10.0
_PATIENCE_CONNECTED = 4.0

MAX_STORED_BYTES = 64 * 1024 * 1024
"""Limit of stored responses per user. Beyond it, new keys are rejected. Old ones are not dropped
early: their requests could run twice."""

_KEY_BYTES = 256
"""Added to the length of each stored response, for its key."""

_EXCESS_BYTES = 1024
"""By how much a stored response may exceed its request, if it can be read again."""

_keys = table_of(IdempotencyKey)
_users = table_of(User)

_ID = bindparam("id", type_=Uuid())
_THIS = (_keys.c.user_id == USER_ID, _keys.c.id == _ID)

_LIFETIME = bindparam("lifetime", type_=INTERVAL())
_insert = postgresql.insert(_keys).values(
    user_id=USER_ID,
    id=_ID,
    fingerprint=bindparam("fingerprint", type_=LargeBinary()),
    expires_at=func.now() + _LIFETIME,
)
# A key that has expired, but was not swept yet, is taken over. Its age is that of the new expiry:
# Citus refuses `now()` in this condition.
_CLAIM = owned(
    _insert.on_conflict_do_update(
        index_elements=["user_id", "id"],
        set_={
            "fingerprint": _insert.excluded.fingerprint,
            "expires_at": _insert.excluded.expires_at,
        },
        where=_insert.excluded.expires_at - _keys.c.expires_at > _LIFETIME,
    ).returning(_keys.c.stored_bytes)
)
_READ = owned(
    select(_keys.c.fingerprint, _keys.c.status, _keys.c.headers, _keys.c.body).where(*_THIS)
)


def _store() -> OwnedStatement:
    """Store the response of a claimed key and count it; return no row above the user's limit."""
    total = _users.c.stored_response_bytes + bindparam("growth", type_=BigInteger())
    owner = (
        update(_users)
        .where(_users.c.id == USER_ID, total <= bindparam("limit", type_=BigInteger()))
        .values(stored_response_bytes=total)
        .returning(_users.c.id)
        .cte("owner")
    )
    return owned(
        update(_keys)
        .where(*_THIS, owner.c.id.is_not(None))
        .values(
            status=bindparam("status", type_=SmallInteger()),
            headers=bindparam("headers", type_=postgresql.JSONB()),
            body=bindparam("body", type_=LargeBinary()),
            stored_bytes=bindparam("stored_bytes", type_=Integer()),
        )
        .returning(_keys.c.id)
    )


_STORE = _store()


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response, to be sent once or many times."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A response, and the fingerprint of the request body that it belongs to."""

    fingerprint: bytes
    response: StoredResponse


Work = Callable[[UserScope], Awaitable[StoredResponse]]


@dataclass(frozen=True, slots=True)
class _Request:
    """A request under a key. `length` is that of its body; see `once` for `again`."""

    id: UUID
    fingerprint: bytes
    length: int
    again: Work | None


async def once(
    scope: UserScope,
    flights: Flights[Kept],
    work: Work,
    *,
    route: str,
    key: str,
    body: Any,
    again: Work | None = None,
) -> StoredResponse:
    """Do `work` in a transaction; if it was done under `key` before, return its response.

    A response that is far longer than `body` is not stored if `again` can read it for a repeat,
    as the resource is then. An error leaves the key unused. Raises `IdempotencyMismatch` for
    another `body` under the key, `IdempotencyInFlight` if the first request takes too long,
    `QuotaExceeded` if the user's keys store too much, and `Unauthenticated` if the account is
    deleted.
    """
    encoded = encode_sorted(body)
    this = _Request(_id_of(route, key), sha256(encoded).digest(), len(encoded), again)

    try:
        # Repeats in this worker wait here, so that they hold no connection meanwhile.
        patience = min(_PATIENCE, time_budget.remaining())
        kept, is_shared = await flights.share(
            (scope.user_id, this.id), lambda: _first(scope, this, work), patience
        )
    except TimeoutError:
        raise IdempotencyInFlight from None
    except ForeignKeyViolation:
        raise Unauthenticated from None
    if kept.fingerprint != this.fingerprint:
        raise IdempotencyMismatch
    return replace(kept.response, is_replay=True) if is_shared else kept.response


async def _first(scope: UserScope, this: _Request, work: Work) -> Kept:
    async with scope.transaction() as transaction:
        try:
            with transaction.within(_PATIENCE_CONNECTED):
                claimed = await transaction.one(
                    _CLAIM, id=this.id, fingerprint=this.fingerprint, lifetime=LIFETIME
                )
        except QueryCanceled:  # a request that another worker handles has the key
            raise IdempotencyInFlight from None
        if claimed is None:
            return await _read(transaction, this)
        response = await work(transaction)
        await _keep(transaction, this, response, stored_before=claimed["stored_bytes"])
    return Kept(this.fingerprint, response)


async def _read(transaction: UserScope, this: _Request) -> Kept:
    row = await transaction.one(_READ, id=this.id)
    assert row is not None
    if row["body"] is None and row["fingerprint"] == this.fingerprint:
        assert this.again is not None
        response = await this.again(transaction)
    else:
        response = StoredResponse(row["status"], row["headers"], row["body"])
    return Kept(row["fingerprint"], replace(response, is_replay=True))


async def _keep(
    transaction: UserScope, this: _Request, response: StoredResponse, *, stored_before: int
) -> None:
    is_long = len(response.body) > this.length + _EXCESS_BYTES
    body = None if is_long and this.again is not None else response.body
    stored_bytes = _KEY_BYTES + len(body or b"") + len(encode(response.headers))
    stored = await transaction.one(
        _STORE,
        id=this.id,
        status=response.status,
        headers=Jsonb(response.headers),
        body=body,
        stored_bytes=stored_bytes,
        growth=stored_bytes - stored_before,
        limit=MAX_STORED_BYTES,
    )
    if stored is None:
        raise QuotaExceeded(
            "stored_response_bytes",
            MAX_STORED_BYTES,
            "Too many responses stored for Idempotency-Keys. Wait until older keys expire, "
            "24 hours after their use, or send the request without a key.",
        )


def _id_of(route: str, key: str) -> UUID:
    return UUID(bytes=sha256(f"{route}\n{key}".encode()).digest()[:16])
