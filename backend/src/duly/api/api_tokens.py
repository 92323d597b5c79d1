"""API tokens over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from duly.api.deps import ApiTokenId, Caller, Client, Context, Scope
from duly.api.responses import Encoded
from duly.schemas.api_tokens import ApiTokenQuery, NewApiToken
from duly.services import api_token_lists, api_tokens


async def list_api_tokens(
    context: Context, scope: Scope, query: Annotated[ApiTokenQuery, Query()]
) -> Response:
    """List your API tokens, the newest first, page by page.

    Expired ones are listed for 30 days.
    """
    return Encoded(await api_token_lists.read_page(scope, context.keyring, query))


async def create_api_token(
    context: Context, caller: Caller, client: Client, body: NewApiToken
) -> Response:
    """Create an API token for a program.

    Only this response has the token itself. Duly stores its hash.
    """
    return Encoded(await api_tokens.create(context, caller, body, client), 201)


async def delete_api_token(
    context: Context, caller: Caller, client: Client, token_id: ApiTokenId
) -> Response:
    """Delete an API token.

    It stops working within a second.
    """
    await api_tokens.delete_one(context, caller, token_id, client)
    return Response(status_code=204)
