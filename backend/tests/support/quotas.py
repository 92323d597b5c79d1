"""The counters of a user, and the rows that they count."""

from typing import Any

from duly.services.resource_types import RESOURCE_TYPES
from tests.support.direct_sql import execute

_COUNTERS = {kind.plural: kind.counter.name for kind in RESOURCE_TYPES}
_REAL = {kind.plural: f"SELECT count(*) FROM {kind.table.name}" for kind in RESOURCE_TYPES}
_COUNTERS["stored_bytes"] = "stored_response_bytes"
_REAL["stored_bytes"] = "SELECT coalesce(sum(stored_bytes), 0)::bigint FROM idempotency_keys"
_QUERY = "SELECT {} FROM users u WHERE u.id = %s".format(
    ", ".join(
        [
            *(f"u.{column}" for column in _COUNTERS.values()),
            *(f"({count} WHERE user_id = u.id)" for count in _REAL.values()),
        ]
    )
)


async def counted(dsn: str, user_id: str) -> dict[str, int]:
    """The counters of a user by plural, and `stored_bytes`; all of them must be exact."""
    [row] = await execute(dsn, _QUERY, user_id)
    counters, real = row[: len(_COUNTERS)], row[len(_COUNTERS) :]
    assert counters == real
    return dict(zip(_COUNTERS, counters, strict=True))


async def stored_bytes(dsn: str, user_id: str) -> int:
    """How long the responses are that a user's keys store, measured by the database."""
    query = (
        "SELECT coalesce(sum(coalesce(octet_length(body), 0) + octet_length(headers::text)), 0) "
        "FROM idempotency_keys WHERE user_id = %s"
    )
    [(total,)] = await execute(dsn, query, user_id)
    return int(total)


def quota_of(error: dict[str, Any]) -> dict[str, Any]:
    """The details of an error that must be a reached quota."""
    assert error["code"] == "QUOTA_EXCEEDED"
    return dict(error["details"])
