"""Lists of a user's API tokens: page by page for the API, whole for the export."""

from functools import cache
from typing import Any

from duly.core.tokens import Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement
from duly.database.values import Row
from duly.models import ApiToken
from duly.schemas.api_tokens import ApiTokenQuery
from duly.services import newest_first
from duly.services.api_tokens import COLUMNS
from duly.utils.tables import table_of

_tokens = table_of(ApiToken)

_MINE = (_tokens.c.user_id == USER_ID,)

_LIST = newest_first.whole_list(_tokens, COLUMNS, _MINE)


@cache
def _page(*, resumed: bool, counted: bool) -> OwnedStatement:
    return newest_first.page_statement(_tokens, COLUMNS, _MINE, resumed=resumed, counted=counted)


async def list_api_tokens(scope: UserScope) -> list[Row]:
    """All API tokens of a user, expired ones too, the newest first."""
    return await scope.all(_LIST)


async def read_page(scope: UserScope, keyring: Keyring, query: ApiTokenQuery) -> dict[str, Any]:
    """Return a page of a user's API tokens, the newest first: `items`, `next_cursor`, `total`.

    Raise `ValidationFailed` for an invalid cursor and `Unauthenticated` if the account is gone.
    """
    return await newest_first.read_page(scope, keyring, query, shape="api_tokens", statement=_page)
