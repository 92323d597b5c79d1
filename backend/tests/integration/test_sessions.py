"""Sessions: listed, ended, and without force once they are, on every instance."""

import asyncio
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import operators
from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import age
from tests.support.instances import client_at, running

SESSION_FIELDS = {"id", "user_agent", "created_at", "last_used_at", "expires_at", "is_current"}

A_SECOND = 1.05
"""For so long at most may another instance still take what has been revoked."""


async def current_id(account: Account) -> str:
    sessions = (await account.get("/auth/sessions")).json()["items"]
    [current] = [session["id"] for session in sessions if session["is_current"]]
    return str(current)


async def is_ended(account: Account) -> bool:
    """Whether neither token of a session works any more."""
    refreshed = await account.client.post(
        f"{API}/auth/refresh", json={"refresh_token": account.session["refresh_token"]}
    )
    read = await account.get("/users/me")
    assert refreshed.status_code == read.status_code, (refreshed.text, read.text)
    if read.status_code == 401:
        assert error_code(read) == error_code(refreshed) == "UNAUTHENTICATED"
        assert read.headers["www-authenticate"] == "Bearer"
    else:
        account.session = refreshed.json()
    return read.status_code == 401


async def test_the_list_tells_the_current_session_from_the_others(alice: Account) -> None:
    phone = await alice.sign_in_again()

    sessions = (await phone.get("/auth/sessions")).json()["items"]

    assert [set(session) for session in sessions] == [SESSION_FIELDS] * 2
    assert [session["is_current"] for session in sessions] == [True, False]
    assert sessions[0]["id"] == await current_id(phone)
    assert sessions[1]["id"] == await current_id(alice)


async def test_the_list_names_the_user_agent(app: FastAPI, alice: Account, address: str) -> None:
    async with client_at(app, address, headers={"User-Agent": "Duly/1 " + "x" * 300}) as client:
        phone = await Account(client, alice.email, alice.password, {}).sign_in_again()

        sessions = (await phone.get("/auth/sessions")).json()["items"]

    assert sessions[0]["user_agent"] == ("Duly/1 " + "x" * 300)[:255]


async def test_list_contains_no_sessions_of_other_users(alice: Account, bob: Account) -> None:
    ids = {session["id"] for session in (await alice.get("/auth/sessions")).json()["items"]}

    assert ids == {await current_id(alice)}
    assert await current_id(bob) not in ids


async def test_the_list_holds_no_token(alice: Account) -> None:
    response = await alice.get("/auth/sessions")

    assert alice.session["refresh_token"] not in response.text
    assert "hash" not in response.text


async def test_list_in_pages_returns_each_session_once(alice: Account, bob: Account) -> None:
    for _ in range(4):
        await alice.sign_in_again()
        await bob.sign_in_again()
    whole = (await alice.get("/auth/sessions", params={"include_total": "true"})).json()
    assert whole["next_cursor"] is None
    assert whole["total"] == len(whole["items"]) == 5

    pages, cursor = [], None
    while True:
        query = {"limit": "2"} if cursor is None else {"limit": "2", "cursor": cursor}
        page = (await alice.get("/auth/sessions", params=query)).json()
        assert page["total"] is None
        pages.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item for page in pages for item in page] == whole["items"]
    exported = (await alice.get("/users/me/export")).json()["sessions"]
    assert exported == whole["items"]


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"cursor": "AAAA"}, {"offset": "1"}]
)
async def test_list_with_an_invalid_query_is_rejected(
    alice: Account, query: dict[str, str]
) -> None:
    response = await alice.get("/auth/sessions", params=query)

    assert response.status_code == 400
    [field] = response.json()["error"]["details"]["fields"]
    assert field["path"] == f"query.{next(iter(query))}"


async def test_list_with_another_lists_or_another_users_cursor_is_rejected(
    alice: Account, bob: Account
) -> None:
    for account in (alice, bob):
        await account.sign_in_again()
        await account.create_task()
        await account.create_task()
    tasks = (await alice.get("/tasks", params={"limit": "1"})).json()["next_cursor"]
    others = (await bob.get("/auth/sessions", params={"limit": "1"})).json()["next_cursor"]
    own = (await alice.get("/auth/sessions", params={"limit": "1"})).json()["next_cursor"]

    for cursor, status in ((tasks, 400), (others, 400), (own, 200)):
        response = await alice.get("/auth/sessions", params={"cursor": cursor})
        assert response.status_code == status
    assert (await alice.get("/tasks", params={"cursor": own})).status_code == 400


async def test_an_expired_session_is_not_listed(alice: Account, dsn: str) -> None:
    await age(dsn, alice.id, seconds=31 * 86400)

    assert (await alice.get("/auth/sessions")).json()["items"] == []


async def test_after_logging_out_neither_token_works(alice: Account) -> None:
    response = await alice.post("/auth/logout")

    assert response.status_code == 204
    assert response.content == b""
    assert await is_ended(alice)


async def test_logging_out_leaves_other_sessions_alone(alice: Account, bob: Account) -> None:
    phone = await alice.sign_in_again()

    await alice.post("/auth/logout")

    assert not await is_ended(phone)
    assert not await is_ended(bob)


async def test_logging_out_twice_is_refused(alice: Account) -> None:
    await alice.post("/auth/logout")

    assert (await alice.post("/auth/logout")).status_code == 401


async def test_an_access_token_from_before_a_refresh_ends_with_its_session(alice: Account) -> None:
    before = dict(alice.session)
    assert not await is_ended(alice)

    await alice.post("/auth/logout")

    alice.session["access_token"] = before["access_token"]
    assert (await alice.get("/users/me")).status_code == 401


async def test_one_session_can_be_ended_from_another(alice: Account) -> None:
    phone = await alice.sign_in_again()

    response = await alice.delete(f"/auth/sessions/{await current_id(phone)}")

    assert response.status_code == 204
    assert await is_ended(phone)
    assert not await is_ended(alice)


async def test_a_session_can_end_itself_by_its_id(alice: Account) -> None:
    response = await alice.delete(f"/auth/sessions/{await current_id(alice)}")

    assert response.status_code == 204
    assert await is_ended(alice)


async def test_all_sessions_end_at_once(alice: Account, bob: Account) -> None:
    phone = await alice.sign_in_again()

    response = await alice.delete("/auth/sessions")

    assert response.status_code == 204
    assert await is_ended(alice)
    assert await is_ended(phone)
    assert not await is_ended(bob)


async def test_session_of_another_user_is_not_found_and_remains(
    alice: Account, bob: Account
) -> None:
    strangers = await alice.delete(f"/auth/sessions/{await current_id(bob)}")
    nobodys = await alice.delete(f"/auth/sessions/{uuid4()}")

    assert strangers.status_code == nobodys.status_code == 404
    assert error_code(strangers) == "NOT_FOUND"
    assert strangers.content == nobodys.content
    assert not await is_ended(bob)


async def test_invalid_session_id_is_rejected(alice: Account) -> None:
    response = await alice.delete("/auth/sessions/1")

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


async def test_signing_in_works_after_all_sessions_have_ended(alice: Account) -> None:
    await alice.delete("/auth/sessions")

    assert not await is_ended(await alice.sign_in_again())


async def test_disabling_an_account_ends_its_sessions(app: FastAPI, alice: Account) -> None:
    await operators.disable_user(app.state.context, alice.email)

    assert await is_ended(alice)


async def test_enabling_an_account_does_not_bring_sessions_back(
    app: FastAPI, alice: Account
) -> None:
    await operators.disable_user(app.state.context, alice.email)
    await operators.enable_user(app.state.context, alice.email)

    assert await is_ended(alice)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["logout", "end one", "end all", "password", "disable", "delete"])
async def test_session_ended_on_one_instance_ends_on_another_within_a_second(
    app: FastAPI, settings: Settings, alice: Account, address: str, way: str
) -> None:
    async with running(settings, address) as elsewhere:
        ended = await alice.sign_in_again()
        ended.client = elsewhere
        # The other instance has just read its list of what is revoked, so it must read it anew.
        assert (await ended.get("/users/me")).status_code == 200

        match way:
            case "logout":
                await Account(alice.client, "", "", ended.session).post("/auth/logout")
            case "end one":
                await alice.delete(f"/auth/sessions/{await current_id(ended)}")
            case "end all":
                await alice.delete("/auth/sessions")
            case "password":
                change = {"current_password": alice.password, "new_password": alice.password + "2"}
                assert (await alice.put("/users/me/password", change)).status_code == 204
            case "disable":
                await operators.disable_user(app.state.context, alice.email)
            case "delete":
                body = {"current_password": alice.password}
                assert (await alice.delete("/users/me", json=body)).status_code == 204
        await asyncio.sleep(A_SECOND)

        assert await is_ended(ended)


async def test_a_refresh_token_ends_on_every_instance_at_once(
    settings: Settings, alice: Account, address: str
) -> None:
    async with running(settings, address) as elsewhere:
        await alice.post("/auth/logout")

        response = await elsewhere.post(
            f"{API}/auth/refresh", json={"refresh_token": alice.session["refresh_token"]}
        )

    assert response.status_code == 401


async def test_an_instance_that_starts_knows_what_was_revoked(
    settings: Settings, alice: Account, address: str
) -> None:
    await alice.post("/auth/logout")

    async with running(settings, address) as elsewhere:
        alice.client = elsewhere
        assert await is_ended(alice)


async def test_a_session_opened_on_one_instance_works_on_another(
    settings: Settings, alice: Account, address: str
) -> None:
    async with running(settings, address) as elsewhere:
        alice.client = elsewhere

        assert not await is_ended(alice)
