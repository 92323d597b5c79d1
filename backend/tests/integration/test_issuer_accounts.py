"""Accounts of other issuers' subjects: created with the first request, kept apart, ended, deleted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.errors import NotFound, ValidationFailed
from duly.runtime import revocations
from duly.services import operators
from tests.support.accounts import API, error_code, register
from tests.support.direct_sql import execute
from tests.support.instances import running, sweep_all
from tests.support.issuers import ABSENT, In, Issuer, bearer, issuing, table, write_issuers
from tests.support.operations import operations_of


@dataclass
class Subject:
    """Someone whom an issuer knows, who calls the API with its tokens."""

    client: httpx.AsyncClient
    issuer: Issuer
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": f"subject-{uuid4().hex}"})

    def token(self, **changes: Any) -> str:
        return self.issuer.token(**{**self.claims, **changes})

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = options.pop("token", None) or self.token()
        return await self.client.request(method, API + path, headers=bearer(token), **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def profile(self, **options: Any) -> dict[str, Any]:
        response = await self.get("/users/me", **options)
        assert response.status_code == 200, response.text
        return dict(response.json())


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def other() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def file(issuer: Issuer, other: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuers") / "issuers.toml"
    return write_issuers(path, table(issuer), table(other))


@pytest.fixture
async def client(settings: Settings, address: str, file: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings, address, issuers=file, rate_limit="off") as client:
        yield client


@pytest.fixture
def app(client: httpx.AsyncClient) -> FastAPI:
    app: FastAPI = client._transport.app  # type: ignore[attr-defined]  # ASGI's
    return app


@pytest.fixture
def ada(client: httpx.AsyncClient, issuer: Issuer) -> Subject:
    return Subject(client, issuer)


async def test_first_request_creates_the_account_and_later_ones_use_it(ada: Subject) -> None:
    created = await ada.request("POST", "/tasks", json={"title": "the very first request"})
    assert created.status_code == 201

    profile = await ada.profile()

    assert created.json()["user_id"] == profile["id"]
    assert (profile["email"], profile["name"], profile["timezone"]) == (None, None, "UTC")
    assert (await ada.profile())["id"] == profile["id"]
    assert (await ada.get("/tasks")).json()["items"][0]["title"] == "the very first request"
    assert (await ada.get("/sync")).json()["changes"]
    assert (await ada.get("/auth/sessions")).json()["items"] == []


async def test_profile_is_that_of_the_first_token(ada: Subject) -> None:
    ada.claims |= {"email": " Ada@Example.com", "name": "  Ada Lovelace "}
    first = await ada.profile()
    ada.claims |= {"email": "other@example.com", "name": "Other"}

    assert (first["email"], first["name"]) == ("Ada@example.com", "Ada Lovelace")
    assert await ada.profile() == first


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "not an address", "name": "\x00"},
        {"email": 7, "name": ["Ada"]},
        {"email": "", "name": ""},
        {"email": f"{'x' * 400}@example.com", "name": "x" * 300},
        {"email": None, "name": None},
    ],
    ids=range(5),
)
async def test_claims_that_the_api_would_not_take_are_left_out(
    ada: Subject, claims: dict[str, Any]
) -> None:
    ada.claims |= claims

    profile = await ada.profile()

    assert (profile["email"], profile["name"]) == (None, None)


async def test_same_subject_of_two_issuers_is_two_accounts(
    client: httpx.AsyncClient, ada: Subject, other: Issuer
) -> None:
    twin = Subject(client, other, ada.claims)

    assert (await ada.profile())["id"] != (await twin.profile())["id"]


async def test_subject_that_is_the_id_of_a_user_gives_no_access_to_it(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    victim = await register(client)
    await victim.create_task()
    thief = Subject(client, issuer, {"sub": victim.id, "sid": victim.id, "user_id": victim.id})

    assert (await thief.profile())["id"] != victim.id
    assert (await thief.get("/tasks")).json()["items"] == []


async def test_address_joins_no_account_and_takes_none(
    client: httpx.AsyncClient, ada: Subject
) -> None:
    victim = await register(client)
    ada.claims |= {"email": victim.email, "email_verified": True}

    profile = await ada.profile()

    assert profile["id"] != victim.id
    assert profile["email"] == victim.email
    assert (await victim.sign_in_again()).id == victim.id


async def test_address_that_both_have_verified_joins_nothing_either(
    client: httpx.AsyncClient, ada: Subject, dsn: str
) -> None:
    account = await register(client)
    await execute(dsn, "UPDATE users SET email_verified_at = now() WHERE id = %s", account.id)
    ada.claims |= {"email": account.email, "email_verified": True}

    assert (await ada.profile())["id"] != account.id
    assert (await ada.profile())["email_verified_at"] is None


@pytest.mark.parametrize(("verified", "status"), [(True, 409), (False, 201), ("true", 201)])
async def test_address_is_claimed_if_the_issuer_has_verified_it(
    client: httpx.AsyncClient, ada: Subject, verified: Any, status: int
) -> None:
    email = f"{uuid4()}@example.com"
    ada.claims |= {"email": email, "email_verified": verified}
    assert (await ada.profile())["email"] == email

    body = {"email": email, "password": "correct horse battery"}
    assert (await client.post(f"{API}/auth/register", json=body)).status_code == status


async def test_creation_is_an_event_with_the_client_that_sent_the_token(
    client: httpx.AsyncClient, ada: Subject, address: str
) -> None:
    client.headers["User-Agent"] = "Browser/1.0"

    [event] = (await ada.get("/users/me/security-events")).json()["items"]

    assert event["event"] == "user.created_by_issuer"
    assert (event["address"], event["user_agent"]) == (address, "Browser/1.0")


async def test_account_without_a_password_answers_sign_in_like_an_unknown_address(
    client: httpx.AsyncClient, ada: Subject
) -> None:
    ada.claims |= {"email": f"{uuid4()}@example.com", "email_verified": True}
    await ada.profile()

    known, unknown = [
        await client.post(f"{API}/auth/login", json={"email": email, "password": "x" * 12})
        for email in (ada.claims["email"], f"{uuid4()}@example.com")
    ]

    assert known.status_code == unknown.status_code == 401
    assert known.content == unknown.content


async def test_closed_issuer_creates_no_accounts(
    settings: Settings, address: str, tmp_path: Path, ada: Subject, issuer: Issuer
) -> None:
    await ada.profile()
    closed = write_issuers(tmp_path / "closed.toml", table(issuer, create_accounts=False))

    async with running(settings, address, issuers=closed) as client:
        assert (await Subject(client, issuer, ada.claims).profile())["id"]
        refused = await Subject(client, issuer).get("/users/me")
        assert refused.status_code == 403
        assert error_code(refused) == "REGISTRATION_CLOSED"


async def test_closed_registration_closes_that_with_passwords_only(
    settings: Settings, address: str, file: Path, issuer: Issuer
) -> None:
    async with running(settings, address, issuers=file, registration="closed") as client:
        assert (await Subject(client, issuer).get("/users/me")).status_code == 200


async def test_token_ends_no_session_and_manages_the_account(ada: Subject) -> None:
    logout = await ada.request("POST", "/auth/logout")

    assert logout.status_code == 403
    assert error_code(logout) == "INSUFFICIENT_SCOPE"
    assert logout.json()["error"]["details"] == {"required": ["session"]}
    renamed = await ada.request("PATCH", "/users/me", json={"name": "Countess"})
    assert renamed.json()["name"] == "Countess"
    assert (await ada.request("DELETE", "/auth/sessions")).status_code == 204
    assert (await ada.profile())["name"] == "Countess"


async def test_address_and_password_of_an_issuers_account_cannot_be_set(ada: Subject) -> None:
    ada.claims |= {"email": f"{uuid4()}@example.com"}
    await ada.profile()
    password = {"current_password": "x", "new_password": "correct horse battery"}

    for method, path, body, field_name in (
        ("PATCH", "/users/me", {"email": "new@example.com"}, "body.email"),
        ("PATCH", "/users/me", {"email": "n@example.com", "current_password": "x"}, "body.email"),
        ("PUT", "/users/me/password", password, "body.new_password"),
    ):
        response = await ada.request(method, path, json=body)
        assert response.status_code == 400
        [error] = response.json()["error"]["details"]["fields"]
        assert (error["path"], error["type"]) == (field_name, "no_password")
    assert (await ada.profile())["email"] == ada.claims["email"]


async def test_export_has_the_identities(ada: Subject, issuer: Issuer) -> None:
    exported = (await ada.get("/users/me/export")).json()

    [identity] = exported["identities"]
    assert (identity["issuer"], identity["subject"]) == (issuer.url, ada.claims["sub"])


async def test_hundred_first_requests_create_one_account(ada: Subject, dsn: str) -> None:
    tokens = [ada.token(jti=str(number)) for number in range(100)]

    profiles = await asyncio.gather(*(ada.profile(token=token) for token in tokens))

    assert len({profile["id"] for profile in profiles}) == 1
    [(count,)] = await execute(
        dsn, "SELECT count(*) FROM user_identities WHERE subject = %s", ada.claims["sub"]
    )
    assert count == 1
    [(count,)] = await execute(dsn, "SELECT count(*) FROM users WHERE id = %s", profiles[0]["id"])
    assert count == 1


# The end of an account


async def test_disabled_account_is_rejected_and_works_again_once_enabled(
    app: FastAPI, ada: Subject
) -> None:
    token = ada.token()
    user_id = (await ada.profile(token=token))["id"]
    for _ in range(2):
        await operators.disable_user(app.state.context, user_id)
        assert (await ada.get("/users/me", token=token)).status_code == 401
        assert (await ada.get("/users/me")).status_code == 401

        await operators.enable_user(app.state.context, user_id)
        assert (await ada.profile(token=token))["id"] == user_id
        assert (await ada.profile())["id"] == user_id


async def test_other_workers_notice_within_a_second(
    settings: Settings, address: str, file: Path, app: FastAPI, ada: Subject
) -> None:
    token = ada.token()
    user_id = (await ada.profile(token=token))["id"]
    async with running(settings, address, issuers=file) as client:
        there = Subject(client, ada.issuer, ada.claims)
        assert (await there.profile(token=token))["id"] == user_id

        await operators.disable_user(app.state.context, user_id)
        await asyncio.sleep(revocations.MAX_AGE)
        assert (await there.get("/users/me", token=token)).status_code == 401

        await operators.enable_user(app.state.context, user_id)
        assert (await there.profile(token=token))["id"] == user_id


async def test_enabled_account_asks_the_database_once(
    app: FastAPI, ada: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = ada.token()
    user_id = (await ada.profile(token=token))["id"]
    await operators.disable_user(app.state.context, user_id)
    await operators.enable_user(app.state.context, user_id)
    await ada.profile(token=token)
    await asyncio.sleep(revocations.MAX_AGE)

    async def fail(*_: object) -> None:
        pytest.fail("the account was looked up")

    monkeypatch.setattr(app.state.context.bearers, "read_again", fail)
    assert (await ada.profile(token=token))["id"] == user_id


async def test_every_operation_rejects_the_token_of_a_disabled_account(
    app: FastAPI, ada: Subject
) -> None:
    token = ada.token()
    await operators.disable_user(app.state.context, (await ada.profile(token=token))["id"])

    operations = [one for one in operations_of(app) if one.spec["security"]]
    assert len(operations) > 20
    for operation in operations:
        response = await ada.client.request(
            operation.method, operation.url, headers=bearer(token), timeout=5
        )
        assert response.status_code == 401, operation.id
        assert error_code(response) == "UNAUTHENTICATED"


async def test_operator_sets_no_password_for_an_account_without_one(
    app: FastAPI, ada: Subject
) -> None:
    ada.claims |= {"email": f"{uuid4()}@example.com", "email_verified": True}
    await ada.profile()

    with pytest.raises(ValidationFailed, match="no password"):
        await operators.set_password(app.state.context, ada.claims["email"], "by the operator")


async def test_unknown_id_is_refused(app: FastAPI) -> None:
    for command in (operators.disable_user, operators.enable_user):
        with pytest.raises(NotFound):
            await command(app.state.context, str(uuid4()))


async def test_account_is_deleted_with_a_recent_token(ada: Subject, dsn: str) -> None:
    token = ada.token(iat=In(-5))
    ada.claims |= {"email": f"{uuid4()}@example.com", "email_verified": True}
    user_id = (await ada.profile())["id"]
    await ada.profile(token=token)

    for old in (ada.token(iat=In(-601)), ada.token(iat=ABSENT)):
        refused = await ada.request("DELETE", "/users/me", json={}, token=old)
        assert refused.status_code == 400
        [error] = refused.json()["error"]["details"]["fields"]
        assert (error["path"], error["type"]) == ("header.authorization", "token_too_old")
    deleted = await ada.request("DELETE", "/users/me", json={}, token=token)

    assert deleted.status_code == 204
    for table_name, column in (("users", "id"), ("user_emails", "user_id")):
        statement = f"SELECT count(*) FROM {table_name} WHERE {column} = %s"
        assert await execute(dsn, statement, user_id) == [(0,)]
    assert (await ada.get("/users/me", token=token)).status_code == 401


async def test_token_from_before_the_deletion_creates_no_account(
    settings: Settings, address: str, file: Path, ada: Subject, dsn: str
) -> None:
    before, remembered = ada.token(iat=In(-30)), ada.token(iat=In(-40))
    first = await ada.profile(token=remembered)
    async with running(settings, address, issuers=file) as client:
        there = Subject(client, ada.issuer, ada.claims)
        await there.profile(token=remembered)
        deleted = await ada.request("DELETE", "/users/me", json={}, token=before)
        assert deleted.status_code == 204
        await asyncio.sleep(revocations.MAX_AGE)

        for place in (ada, there):
            for token in (
                *(before, remembered),
                *(ada.token(iat=iat) for iat in (In(-4), In(4), ABSENT)),
            ):
                assert (await place.get("/users/me", token=token)).status_code == 401
        # A token that is issued afterwards means that the user has come back.
        await execute(
            dsn,
            "UPDATE deleted_identities SET deleted_at = deleted_at - interval '10 seconds' "
            "WHERE subject = %s",
            ada.claims["sub"],
        )
        again = await there.profile(token=ada.token(iat=In(1)))
        assert again["id"] != first["id"]
        assert (await ada.get("/users/me", token=before)).status_code == 401


async def test_deletion_of_an_account_with_a_password_needs_it(
    client: httpx.AsyncClient,
) -> None:
    bob = await register(client)

    response = await bob.delete("/users/me", json={})

    assert response.status_code == 400
    [error] = response.json()["error"]["details"]["fields"]
    assert (error["path"], error["type"]) == ("body.current_password", "missing")


async def test_record_of_a_deletion_is_swept_when_such_tokens_have_expired(
    app: FastAPI, ada: Subject, dsn: str
) -> None:
    await ada.profile()
    await ada.request("DELETE", "/users/me", json={})
    subject = ada.claims["sub"]
    count = "SELECT count(*) FROM deleted_identities WHERE subject = %s"
    await sweep_all(app)
    assert await execute(dsn, count, subject) == [(1,)]

    await execute(
        dsn,
        "UPDATE deleted_identities SET expires_at = expires_at - interval '31 days 1 second' "
        "WHERE subject = %s",
        subject,
    )
    await sweep_all(app)

    assert await execute(dsn, count, subject) == [(0,)]


async def test_user_that_vanished_in_sql_is_rejected(ada: Subject, dsn: str) -> None:
    user_id = (await ada.profile())["id"]
    await execute(dsn, "DELETE FROM users WHERE id = %s", user_id)

    assert (await ada.get("/users/me")).status_code == 401


async def test_events_end_when_the_account_is_disabled(app: FastAPI, ada: Subject) -> None:
    user_id = (await ada.profile())["id"]
    async with asyncio.timeout(8), asyncio.TaskGroup() as group:
        stream = group.create_task(ada.get("/events"))
        await asyncio.sleep(0.5)
        assert not stream.done()
        await operators.disable_user(app.state.context, user_id)

    assert "event: ready" in stream.result().text
