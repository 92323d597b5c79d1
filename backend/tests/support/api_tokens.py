"""API tokens of people, and programs that use them."""

from dataclasses import replace
from typing import Any

import httpx

from duly.core.scopes import GRANTABLE
from tests.support.accounts import Account


async def create_token(account: Account, *scopes: str, **fields: Any) -> dict[str, Any]:
    """A new API token; without `scopes`, it has all that a token can have."""
    body = {"name": "Robot", "scopes": scopes or GRANTABLE, **fields}
    response = await account.post("/users/me/tokens", body)
    assert response.status_code == 201, response.text
    return dict(response.json())


def using(
    account: Account, token: dict[str, Any], client: httpx.AsyncClient | None = None
) -> Account:
    """A program that calls with an API token of the account."""
    session = {**account.session, "access_token": token["token"]}
    return replace(account, client=client or account.client, session=session)


async def program_of(account: Account, *scopes: str, **fields: Any) -> Account:
    """A program with a new API token."""
    return using(account, await create_token(account, *scopes, **fields))
