"""People who use the service."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.factories import RegistrationFactory, TaskFactory

API = "/api/v1"


@dataclass
class Account:
    """Someone signed in, who calls the API with their token."""

    client: httpx.AsyncClient
    email: str
    password: str
    session: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.session["user"]["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session['access_token']}"}

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.client.request(method, API + path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.request("POST", path, json=json, **options)

    async def put(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.request("PUT", path, json=json, **options)

    async def patch(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await self.request("PATCH", path, json=json, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("DELETE", path, **options)

    async def create_task(self, **fields: Any) -> dict[str, Any]:
        """A new task of this account."""
        response = await self.post("/tasks", TaskFactory(**fields))
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def sign_in_again(self) -> "Account":
        """The same person on another device."""
        body = {"email": self.email, "password": self.password}
        response = await self.client.post(f"{API}/auth/login", json=body)
        assert response.status_code == 200, response.text
        return Account(self.client, self.email, self.password, response.json())


async def register(client: httpx.AsyncClient, **fields: Any) -> Account:
    """Someone new."""
    body = RegistrationFactory(**fields)
    response = await client.post(f"{API}/auth/register", json=body)
    assert response.status_code == 201, response.text
    return Account(client, body["email"], body["password"], response.json())


def error_code(response: httpx.Response) -> str:
    """The code of an answer that must be in the error envelope."""
    body = response.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"code", "message", "details"}, body
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return str(body["error"]["code"])
