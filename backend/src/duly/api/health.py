"""Health over HTTP, for load balancers and containers."""

from fastapi import Response

from duly.api.deps import Context
from duly.api.responses import Encoded
from duly.services import health


async def live() -> Response:
    """The process answers."""
    return Encoded({"status": "ok"})


async def ready(context: Context) -> Response:
    """The database answers, too."""
    await health.check(context)
    return Encoded({"status": "ok"})
