"""Signing in, by JSON and by the OAuth2 password form."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from duly.services import operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.factories import RegistrationFactory

SignIn = Callable[[httpx.AsyncClient, str, str], Awaitable[httpx.Response]]


async def by_json(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post(f"{API}/auth/login", json=body)


async def by_form(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    form = {"grant_type": "password", "username": email, "password": password}
    return await client.post(f"{API}/auth/token", data=form)


both_ways = pytest.mark.parametrize("sign_in", [by_json, by_form])


def without_id(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """An answer, less what names the request."""
    headers = {k: v for k, v in response.headers.items() if k != "x-request-id"}
    return response.status_code, response.content, headers


@both_ways
async def test_signing_in_opens_a_session(alice: Account, sign_in: SignIn) -> None:
    response = await sign_in(alice.client, alice.email, alice.password)

    assert response.status_code == 200
    session = response.json()
    assert set(session) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert session["token_type"] == "bearer"
    assert session["user"] == alice.session["user"]
    again = Account(alice.client, alice.email, alice.password, session)
    assert (await again.get("/users/me")).status_code == 200


@both_ways
async def test_each_sign_in_is_a_session_of_its_own(alice: Account, sign_in: SignIn) -> None:
    await sign_in(alice.client, alice.email, alice.password)

    sessions = (await alice.get("/auth/sessions")).json()["items"]

    assert len({session["id"] for session in sessions}) == 2


@both_ways
async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    alice: Account, sign_in: SignIn
) -> None:
    wrong = await sign_in(alice.client, alice.email, alice.password + "x")
    unknown = await sign_in(alice.client, RegistrationFactory()["email"], alice.password)

    assert wrong.status_code == 401
    assert error_code(wrong) == "UNAUTHENTICATED"
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert without_id(wrong) == without_id(unknown)


@both_ways
async def test_a_disabled_account_is_answered_like_an_unknown_one(
    app: FastAPI, alice: Account, sign_in: SignIn
) -> None:
    await operators.disable_user(app.state.context, alice.email)

    disabled = await sign_in(alice.client, alice.email, alice.password)
    unknown = await sign_in(alice.client, RegistrationFactory()["email"], alice.password)

    assert disabled.status_code == 401
    assert without_id(disabled) == without_id(unknown)


async def test_an_account_that_is_enabled_again_signs_in_again(
    app: FastAPI, alice: Account
) -> None:
    await operators.disable_user(app.state.context, alice.email)
    await operators.enable_user(app.state.context, alice.email)

    assert (await by_json(alice.client, alice.email, alice.password)).status_code == 200


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        ("ada.{}@example.com", " ADA.{}@EXAMPLE.COM "),
        ("Ada.{}@Example.com", "ada.{}@example.com"),
        ("zo\u00eb.{}@example.com", "ZOE\u0308.{}@example.com"),
        ("ada.{}@b\u00fccher.example", "ada.{}@xn--bcher-kva.example"),
        ("ada.{}@xn--bcher-kva.example", "ada.{}@xn--bcher-kva.example"),
        ("ada.{}@example\u3002com", "ada.{}@example\u3002com"),
    ],
)
@both_ways
async def test_any_spelling_of_the_address_signs_in(
    client: httpx.AsyncClient, address: str, registered: str, typed: str, sign_in: SignIn
) -> None:
    account = await register(client, email=registered.format(address))

    response = await sign_in(client, typed.format(address), account.password)

    assert response.status_code == 200
    assert response.json()["user"]["id"] == account.id


@pytest.mark.parametrize("change", [str.upper, str.strip, lambda p: p + " ", lambda p: p[:-1]])
async def test_a_password_counts_to_the_last_character(
    client: httpx.AsyncClient, change: Callable[[str], str]
) -> None:
    account = await register(client, password=" Correct horse battery ")

    response = await by_json(client, account.email, change(account.password))

    assert response.status_code == 401


@pytest.mark.parametrize("email", ["\x00", "ada\x00@example.com", "ada@example.com\x1b"])
async def test_control_characters_in_an_address_are_refused(
    client: httpx.AsyncClient, email: str
) -> None:
    response = await by_json(client, email, "correct horse battery")

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada\x00@example.com", "correct horse battery"),
        ("ada", "correct horse battery"),
        ("a" * 300 + "@example.com", "correct horse battery"),
        ("ada@example.com", "x" * 2000),
    ],
)
async def test_form_with_impossible_credentials_gets_the_response_of_an_unknown_account(
    client: httpx.AsyncClient, email: str, password: str
) -> None:
    response = await by_form(client, email, password)

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"password": "correct horse battery"},
        {"email": "ada@example.com", "password": ""},
        {"email": "ada@example.com", "password": 12345678},
        {"email": ["ada@example.com"], "password": "correct horse battery"},
        {"email": "ada@example.com", "password": "correct horse battery", "remember": True},
        [],
        "ada@example.com",
        None,
    ],
)
async def test_a_body_of_another_shape_is_refused(client: httpx.AsyncClient, body: object) -> None:
    response = await client.post(f"{API}/auth/login", json=body)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "content",
    [
        b'{"email": "a@example.com", "password": "\\ud800aaaaaaaa"}',
        b"{",
        b"\xff",
        b'{"email": NaN}',
    ],
)
async def test_body_other_than_json_in_utf8_is_rejected(
    client: httpx.AsyncClient, content: bytes
) -> None:
    response = await client.post(
        f"{API}/auth/login", content=content, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "form", [{}, {"username": "ada@example.com"}, {"grant_type": "client_credentials"}]
)
async def test_an_incomplete_form_is_refused(
    client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    response = await client.post(f"{API}/auth/token", data=form)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


async def test_file_as_a_password_is_rejected(client: httpx.AsyncClient) -> None:
    response = await client.post(
        f"{API}/auth/token",
        data={"username": "ada@example.com"},
        files={"password": ("password.txt", b"correct horse battery")},
    )

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert "correct" not in response.text


async def test_the_docs_point_to_the_form(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    [scheme] = schema["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == f"{API}/auth/token"
