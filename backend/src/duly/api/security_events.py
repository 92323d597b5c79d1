"""Security events over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from duly.api.deps import Context, Scope
from duly.api.responses import Encoded
from duly.schemas.security_events import SecurityEventQuery
from duly.services import security_events


async def list_security_events(
    context: Context, scope: Scope, query: Annotated[SecurityEventQuery, Query()]
) -> Response:
    """List what happened to your account, the newest first, page by page.

    Sign-ins, failed ones, changes of the password and the address, tokens, and ended sessions, for
    90 days.
    """
    return Encoded(await security_events.read_page(scope, context.keyring, query))
