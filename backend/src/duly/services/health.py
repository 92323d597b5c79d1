"""Whether the service can do its work."""

from sqlalchemy import literal, select

from duly.core.errors import ServiceUnavailable
from duly.database.statements import across_users
from duly.runtime.context import Context

_PING = across_users(select(literal(1).label("one")))


async def check(context: Context) -> None:
    """Check that the database responds. Raises `ServiceUnavailable`, also while the service stops."""
    if context.hub.is_closed:
        raise ServiceUnavailable
    await context.across_users.one(_PING)
