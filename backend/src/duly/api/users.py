"""Accounts over HTTP."""

from fastapi import Response

from duly.api.deps import Caller, Client, Context, Scope
from duly.api.downloads import Download
from duly.api.requests import Request
from duly.api.responses import Encoded
from duly.schemas.users import AccountDeletion, PasswordChange, UserPatch
from duly.services import auth, users


async def get_me(scope: Scope) -> Response:
    """Read your account.

    The response never includes the password or its hash.
    """
    return Encoded(await users.read(scope))


async def update_me(context: Context, caller: Caller, client: Client, body: UserPatch) -> Response:
    """Change your account.

    A new email address requires `current_password`.
    """
    return Encoded(await users.patch(context, caller, body, client))


async def change_password(
    context: Context, caller: Caller, client: Client, body: PasswordChange
) -> Response:
    """Set a new password.

    Every other session ends.
    """
    await auth.change_password(context, caller, body, client)
    return Response(status_code=204)


async def delete_me(
    context: Context, caller: Caller, client: Client, body: AccountDeletion
) -> Response:
    """Delete your account and everything in it.

    There is no way back.
    """
    await users.delete_account(context, caller, body, client)
    return Response(status_code=204)


async def export_me(request: Request, context: Context, caller: Caller) -> Response:
    """Export all your data.

    Everything that Duly holds of you, as of one moment, to be saved as a file. A user can run one
    export at a time.
    """
    return Download(context, caller, request.end_turn)
