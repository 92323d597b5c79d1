"""What the operator does with all data of a user: export and delete it, as the user can."""

import asyncio
import math
from collections.abc import Callable
from typing import IO
from uuid import UUID

from duly.core.errors import NotFound, Unauthenticated
from duly.core.logging import log
from duly.database.scope import UserScope
from duly.database.values import Row
from duly.runtime.context import Caller, Context
from duly.services import exports, users
from duly.services.account_list import find
from duly.services.operators import require

_NO_SESSION = UUID(int=0)


async def export_user(context: Context, account: str, file: IO[bytes]) -> int:
    """Write the export of an account to `file`, piece by piece; return its size.

    Raises `NotFound`, `RateLimited` while another export of the account runs, and
    `ServiceUnavailable`.
    """
    scope, _ = await _read(context, account)
    caller = Caller(scope, _NO_SESSION, math.inf)
    async with exports.prepared(context, caller, asyncio.Event()) as export:
        async for piece in export.pieces():
            file.write(piece)
    log.info("user.exported", user_id=str(scope.user_id))
    return export.size


async def delete_user(context: Context, account: str, confirm: Callable[[Row], None]) -> None:
    """Delete an account and all its data, unless `confirm` raises an error.

    Raises `NotFound`.
    """
    scope, user = await _read(context, account)
    confirm(user)
    async with users.locked_account(scope) as (transaction, locked):
        await users.delete_locked(context, transaction, require(locked))
    log.info("user.deleted", user_id=str(scope.user_id))


async def _read(context: Context, account: str) -> tuple[UserScope, Row]:
    scope = (await find(context, account)).scope
    try:
        return scope, await users.read(scope)
    except Unauthenticated:  # there is no account with this id
        raise NotFound("There is no account with this email address or id.") from None
