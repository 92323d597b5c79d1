"""Changing the signing key of a running service, on servers as they ship: nobody is signed out."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import API, Account, error_code, register
from tests.support.instances import client_at
from tests.support.servers import Server, serving

OLD, NEW, OLDER = (secrets.token_hex(32) for _ in range(3))

Place = Server | FastAPI


@dataclass(frozen=True)
class Fleet:
    """Instances on one database, in each stage of a change from one key to another."""

    before: FastAPI
    prepared: Server
    """Signs with the old key, and takes tokens of the new one already."""
    changed: Server
    """Signs with the new key, and still takes tokens of the old one."""
    finished: FastAPI


@pytest.fixture(scope="module")
def servers(dsn: str) -> Iterator[tuple[Server, Server]]:
    with (
        serving(dsn, 1, DULY_SECRET_KEY=OLD, DULY_PREVIOUS_SECRET_KEYS=NEW) as prepared,
        serving(
            dsn, 1, DULY_SECRET_KEY=NEW, DULY_PREVIOUS_SECRET_KEYS=f"{OLDER},{OLD}"
        ) as changed,
    ):
        yield prepared, changed


@pytest.fixture
async def fleet(servers: tuple[Server, Server], settings: Settings) -> AsyncIterator[Fleet]:
    def app(current: str, *former: str) -> FastAPI:
        keys = {
            "secret_key": SecretStr(current),
            "previous_secret_keys": tuple(map(SecretStr, former)),
        }
        return create_app(settings.model_copy(update=keys))

    before, finished = app(OLD), app(NEW, OLDER)
    async with before.router.lifespan_context(before), finished.router.lifespan_context(finished):
        yield Fleet(before, *servers, finished)


@asynccontextmanager
async def at(place: Place, account: Account | None = None) -> AsyncIterator[Account]:
    """Someone new, or the same person and tokens, at another instance."""
    async with (
        client_at(place, "192.0.2.9")
        if isinstance(place, FastAPI)
        else httpx.AsyncClient(base_url=place.url)
    ) as client:
        yield replace(account, client=client) if account else await register(client)


async def refresh(account: Account) -> httpx.Response:
    body = {"refresh_token": account.session["refresh_token"]}
    return await account.client.post(f"{API}/auth/refresh", json=body)


@dataclass(frozen=True)
class Held:
    """All that a client holds from before the change."""

    account: Account
    cursor: str
    sync_token: str

    @classmethod
    async def by(cls, place: Place) -> "Held":
        async with at(place) as account:
            for _ in range(3):
                await account.create_task()
            page = (await account.get("/tasks", params={"limit": 1})).json()
            changes = (await account.get("/sync")).json()
        return cls(account, page["next_cursor"], changes["token"])

    async def answers(self, place: Place) -> list[int]:
        """What each of them gets: access token, cursor, sync token, refresh token."""
        async with at(place, self.account) as there:
            # Signed with whatever key this server signs with, so that each is judged alone.
            signed = await there.sign_in_again()
            cursor = {"limit": 1, "cursor": self.cursor}
            return [
                (await there.get("/users/me")).status_code,
                (await signed.get("/tasks", params=cursor)).status_code,
                (await signed.get("/sync", params={"token": self.sync_token})).status_code,
                (await refresh(there)).status_code,
            ]


async def test_all_that_was_issued_goes_on_after_the_change(fleet: Fleet) -> None:
    held = await Held.by(fleet.before)

    assert await held.answers(fleet.changed) == [200, 200, 200, 200]


async def test_token_of_a_dropped_key_is_rejected(fleet: Fleet) -> None:
    held = await Held.by(fleet.before)

    assert await held.answers(fleet.finished) == [401, 400, 400, 401]
    # Refused is not ended: an operator who dropped it too early can take it back.
    assert await held.answers(fleet.changed) == [200, 200, 200, 200]


async def test_servers_that_know_both_keys_take_each_others_tokens(fleet: Fleet) -> None:
    for one, other in ((fleet.prepared, fleet.changed), (fleet.changed, fleet.prepared)):
        held = await Held.by(one)

        assert await held.answers(other) == [200, 200, 200, 200]


async def test_a_server_that_does_not_know_the_new_key_refuses_it(fleet: Fleet) -> None:
    # Why all are prepared before the first is changed.
    held = await Held.by(fleet.changed)

    assert await held.answers(fleet.before) == [401, 400, 400, 401]


async def test_one_refresh_after_the_change_is_enough_to_outlive_the_old_key(
    fleet: Fleet,
) -> None:
    held = await Held.by(fleet.before)
    async with at(fleet.changed, held.account) as there:
        there.session = (await refresh(there)).json()

    async with at(fleet.finished, there) as after:
        assert (await after.get("/users/me")).status_code == 200
        assert len((await after.get("/auth/sessions")).json()["items"]) == 1
        assert (await refresh(after)).status_code == 200


async def test_tabs_that_race_across_the_change_get_the_same_successor(fleet: Fleet) -> None:
    held = await Held.by(fleet.before)
    async with at(fleet.prepared, held.account) as one, at(fleet.changed, held.account) as other:
        answers = await asyncio.gather(*(refresh(tab) for tab in (one, other) * 4))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_session_ended_after_the_change_is_ended_for_its_old_tokens(fleet: Fleet) -> None:
    held = await Held.by(fleet.before)
    async with at(fleet.changed, held.account) as there:
        assert (await there.post("/auth/logout")).status_code == 204
        refused = await there.get("/users/me")

    assert refused.status_code == 401
    assert error_code(refused) == "UNAUTHENTICATED"
