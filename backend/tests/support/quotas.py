"""The counters of a user, and the rows that they count."""

from typing import Any

from tests.support.direct_sql import execute

COUNTERS = """
    SELECT u.task_count, u.stored_response_bytes,
           (SELECT count(*) FROM tasks WHERE user_id = u.id),
           (SELECT coalesce(sum(stored_bytes), 0) FROM idempotency_keys WHERE user_id = u.id)
    FROM users u WHERE u.id = %s
"""


async def counted(dsn: str, user_id: str) -> dict[str, int]:
    """The counters of a user, which must be exact."""
    [(tasks, stored_bytes, *real)] = await execute(dsn, COUNTERS, user_id)
    assert [tasks, stored_bytes] == [int(number) for number in real]
    return {"tasks": tasks, "stored_bytes": stored_bytes}


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
