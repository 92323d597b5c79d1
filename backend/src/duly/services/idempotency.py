"""Requests that may be repeated: the first answer stands, in the transaction of its effect."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, QueryCanceled
from psycopg.types.json import Jsonb
from sqlalchemy import Interval, LargeBinary, SmallInteger, Uuid, bindparam, func, select, update
from sqlalchemy.dialects import postgresql

from duly.core import time_budget
from duly.core.errors import IdempotencyInFlight, IdempotencyMismatch, Unauthenticated
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import IdempotencyKey
from duly.utils.encoding import encode
from duly.utils.flights import Flights
from duly.utils.tables import table_of

LIFETIME = timedelta(hours=24)
# A concurrent request with the same key waits, up to a limit, and gets the same response. Here that
# costs nothing; at the database it holds a connection, and must end before the time for that does.
_PATIENCE = 10.0
_PATIENCE_CONNECTED = 4.0

_keys = table_of(IdempotencyKey)

_ID = bindparam("id", type_=Uuid())
_THIS = (_keys.c.user_id == USER_ID, _keys.c.id == _ID)

_insert = postgresql.insert(_keys).values(
    user_id=USER_ID,
    id=_ID,
    fingerprint=bindparam("fingerprint", type_=LargeBinary()),
    expires_at=func.now() + bindparam("lifetime", type_=Interval()),
)
# A key whose time is over, but which was not swept yet, is taken over.
_CLAIM = owned(
    _insert.on_conflict_do_update(
        index_elements=["user_id", "id"],
        set_={
            "fingerprint": _insert.excluded.fingerprint,
            "expires_at": _insert.excluded.expires_at,
        },
        where=_keys.c.expires_at < func.now(),
    ).returning(_keys.c.id)
)
_READ = owned(
    select(_keys.c.fingerprint, _keys.c.status, _keys.c.headers, _keys.c.body).where(*_THIS)
)
_STORE = owned(
    update(_keys)
    .where(*_THIS)
    .values(
        status=bindparam("status", type_=SmallInteger()),
        headers=bindparam("headers", type_=postgresql.JSONB()),
        body=bindparam("body", type_=LargeBinary()),
    )
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, once or many times."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the fingerprint of the body that it was given to."""

    fingerprint: bytes
    answer: Answer


Work = Callable[[UserScope], Awaitable[Answer]]


async def once(
    scope: UserScope, flights: Flights[Kept], work: Work, *, route: str, key: str, body: Any
) -> Answer:
    """Do `work` in a transaction, unless it was done under `key` before: then give its answer.

    An error leaves the key unused. Raises `IdempotencyMismatch` for another `body` under the key,
    `IdempotencyInFlight` where the first request takes too long, `Unauthenticated` when the account
    is gone.
    """
    this = _id_of(route, key)
    fingerprint = sha256(encode(body)).digest()
    began = time.monotonic()

    async def first() -> Kept:
        time_budget.charge(time.monotonic() - began)
        return await _first(scope, this, fingerprint, work)

    try:
        # Repeats in this worker wait here, so that they hold no connection meanwhile.
        patience = min(_PATIENCE, time_budget.remaining())
        kept, is_shared = await flights.share((scope.user_id, this), first, patience)
    except TimeoutError:
        raise IdempotencyInFlight from None
    except ForeignKeyViolation:
        raise Unauthenticated from None
    if kept.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return replace(kept.answer, is_replay=True) if is_shared else kept.answer


async def _first(scope: UserScope, this: UUID, fingerprint: bytes, work: Work) -> Kept:
    async with scope.transaction() as transaction:
        try:
            with transaction.within(_PATIENCE_CONNECTED):
                claimed = await transaction.one(
                    _CLAIM, id=this, fingerprint=fingerprint, lifetime=LIFETIME
                )
        except QueryCanceled:  # a request that another worker handles has the key
            raise IdempotencyInFlight from None
        if claimed is None:
            row = await transaction.one(_READ, id=this)
            assert row is not None
            answer = Answer(row["status"], row["headers"], row["body"], is_replay=True)
            return Kept(row["fingerprint"], answer)
        answer = await work(transaction)
        await transaction.all(
            _STORE,
            id=this,
            status=answer.status,
            headers=Jsonb(answer.headers),
            body=answer.body,
        )
    return Kept(fingerprint, answer)


def _id_of(route: str, key: str) -> UUID:
    return UUID(bytes=sha256(f"{route}\n{key}".encode()).digest()[:16])
