"""Accounts over HTTP."""

from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse

from duly.api.deps import Caller, Client, Context, Scope
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


async def export_me(caller: Caller) -> Response:
    """Export all your data.

    The response is streamed, and meant to be saved as a file.
    """
    pieces = users.export(caller)
    # The first piece is made before the status is sent, so that an error can still be told.
    first = await anext(pieces)

    async def stream() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(
        stream(),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="duly-export.json"'},
    )
