"""Health over HTTP, for load balancers and containers."""

from fastapi import Response

from duly.api.deps import Context
from duly.api.responses import Encoded
from duly.services import health


async def check_liveness() -> Response:
    """Check that the process responds.

    The database is not asked. Restart the process if this fails.
    """
    return Encoded({"status": "ok"})


async def check_readiness(context: Context) -> Response:
    """Check that the database responds.

    Send no requests to the process while this fails.
    """
    await health.check(context)
    return Encoded({"status": "ok"})
