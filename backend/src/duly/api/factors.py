"""Second factors over HTTP."""

from fastapi import Response

from duly.api.deps import Caller, Client, Context, FactorId, Scope
from duly.api.responses import Encoded
from duly.schemas.factors import FactorConfirmation, FactorCreate
from duly.services import factors


async def list_factors(scope: Scope) -> Response:
    """List your second factors.

    One that is not confirmed yet is among them for 15 minutes.
    """
    return Encoded(await factors.read_list(scope))


async def enroll_factor(context: Context, caller: Caller, body: FactorCreate) -> Response:
    """Begin to add a second factor.

    Confirm it within 15 minutes. Until then it has no effect. It replaces any other that is not
    confirmed. The session must have been opened within the last 10 minutes.
    """
    return Encoded(await factors.enroll(context, caller, body), 201)


async def confirm_factor(
    context: Context,
    caller: Caller,
    factor_id: FactorId,
    body: FactorConfirmation,
    client: Client,
) -> Response:
    """Confirm a second factor.

    Every later sign-in needs a second factor. With the first one you get ten recovery codes.
    """
    return Encoded(await factors.confirm(context, caller, factor_id, body, client))


async def remove_factor(caller: Caller, factor_id: FactorId, client: Client) -> Response:
    """Remove a second factor.

    The recovery codes are deleted with the last one. The session must have been opened within the
    last 10 minutes.
    """
    await factors.remove(caller, factor_id, client)
    return Response(status_code=204)


async def replace_recovery_codes(caller: Caller, client: Client) -> Response:
    """Get ten new recovery codes.

    All earlier ones stop working. The session must have been opened within the last 10 minutes.
    """
    return Encoded(await factors.replace_recovery_codes(caller, client))
