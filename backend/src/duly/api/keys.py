"""Public keys over HTTP."""

from fastapi import Response

from duly.api.deps import Context
from duly.api.responses import Encoded

_HEADERS = {"Cache-Control": "public, max-age=300"}


async def get_public_keys(context: Context) -> Response:
    """Read the keys with which other services verify access tokens.

    The list is empty unless the operator has set a signing key.
    """
    return Encoded({"keys": context.keyring.public_keys}, headers=_HEADERS)
