"""Exports over real sockets: one per user, complete or visibly cut off, ended by a disconnection."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import httpx
import psycopg
import pytest

from tests.support.accounts import API, Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.pooler import pooled
from tests.support.raw_http import head
from tests.support.servers import Server, serving

LIMIT = 15.0
"""Seconds, far less than the 60 that an export may read for, and than the 90 of its lease."""

PATH = "/users/me/export"
TASKS = 600
"""Of the greatest length: more than all buffers on the way to a client hold."""


@dataclass
class Export:
    """An export that is being read at the client's pace."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    body: bytes = b""

    @property
    def length(self) -> int:
        found = re.search(rb"content-length: (\d+)", self.head)
        assert found, self.head
        return int(found[1])

    async def begin(self) -> None:
        """Read the beginning."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        self.body = await self.reader.read(3000)

    async def read_to_its_end(self) -> None:
        """Read until the server closes the connection."""
        async with asyncio.timeout(LIMIT):
            try:
                while piece := await self.reader.read(65_536):
                    self.body += piece
            except ConnectionError:
                pass  # cut off

    def hang_up(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def exporting(server: Server, account: Account) -> AsyncIterator[Export]:
    """An export that was asked for."""
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65_536)
    writer.write(head("GET", f"{API}{PATH}", Connection="close", **account.headers))
    export = Export(reader, writer)
    try:
        yield export
    finally:
        export.hang_up()


@pytest.fixture(scope="module")
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture(scope="module", params=["direct", "pooled"])
def server(own_dsn: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Two workers on a database of their own."""
    if request.param == "direct":
        with serving(own_dsn, workers=2, DULY_LOG_LEVEL="info") as server:
            yield server
        return
    with (
        pooled(own_dsn) as through,
        serving(through, 2, DULY_LOG_LEVEL="info", DATABASE_DIRECT_URL=own_dsn) as server,
    ):
        yield server


@pytest.fixture
async def dora(server: Server, own_dsn: str) -> AsyncIterator[Account]:
    """A user with many tasks."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        account = await register(client)
        await execute(
            own_dsn,
            "INSERT INTO tasks (user_id, id, title, description, revision) "
            "SELECT %s, gen_random_uuid(), 'long', repeat('x', 20000), n "
            "FROM generate_series(1, %s) n",
            account.id,
            TASKS,
        )
        yield account


async def until_none_runs(dsn: str, account: Account) -> None:
    """Return once no export of the account runs, and no statement or snapshot is left of it."""
    query = (
        "SELECT NOT EXISTS (SELECT FROM export_leases WHERE user_id = %s) "
        "AND NOT EXISTS (SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE '%%FROM tasks%%' "
        "AND pid <> pg_backend_pid() AND state <> 'idle')"
    )
    await until(dsn, query, account.id)


async def until_it_waits(dsn: str) -> None:
    """Return once a statement waits for a lock."""
    query = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    await until(dsn, query)


async def until(dsn: str, query: str, *params: str) -> None:
    async with asyncio.timeout(LIMIT):
        while not (await execute(dsn, query, *params))[0][0]:  # noqa: ASYNC110  # only the database knows
            await asyncio.sleep(0.05)


def events(server: Server, since: int = 0) -> list[str]:
    """The events logged, except requests."""
    lines = server.log.read_text()[since:].splitlines()
    assert all(line.startswith("{") for line in lines), lines
    names = [json.loads(line)["event"] for line in lines]
    return [name for name in names if name.startswith(("export.", "request.f", "database."))]


@pytest.mark.slow
async def test_client_that_hangs_up_ends_its_export(
    server: Server, dora: Account, own_dsn: str
) -> None:
    logged = len(server.log.read_text())
    for _ in range(3):
        async with exporting(server, dora) as export:
            await export.begin()
            assert export.length > TASKS * 20_000
            export.hang_up()
        await until_none_runs(own_dsn, dora)

    assert (await dora.get(PATH)).status_code == 200
    with suppress(TimeoutError):  # a line may be written after the statement has ended
        async with asyncio.timeout(LIMIT):
            while len(events(server, logged)) < 3:  # noqa: ASYNC110  # only the log shows it
                await asyncio.sleep(0.05)
    assert events(server, logged) == ["export.client_disconnected"] * 3


@pytest.mark.slow
async def test_client_that_hangs_up_while_the_database_is_read_ends_its_export(
    server: Server, dora: Account, own_dsn: str
) -> None:
    logged = len(server.log.read_text())
    async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
        await holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        async with exporting(server, dora) as export:
            await until_it_waits(own_dsn)
            export.hang_up()
            # The lock is still held: without the hang-up the export would go on waiting.
            await until_none_runs(own_dsn, dora)
        await holder.rollback()

    assert events(server, logged) == ["export.client_disconnected"]
    assert (await dora.get(PATH)).status_code == 200


@pytest.mark.slow
async def test_second_export_of_a_user_is_rate_limited_on_every_worker(
    server: Server, dora: Account, own_dsn: str
) -> None:
    async with exporting(server, dora) as export:
        await export.begin()
        for _ in range(8):
            # A connection each: either worker may take it.
            async with httpx.AsyncClient(base_url=server.url) as client:
                refused = await replace(dora, client=client).get(PATH)
                assert error_code(refused) == "RATE_LIMITED"
                assert int(refused.headers["retry-after"]) > 0
        # Somebody else's export, and everything else, goes on.
        other = await register(dora.client)
        assert (await other.get(PATH)).status_code == 200
        assert (await dora.get("/users/me")).status_code == 200
    await until_none_runs(own_dsn, dora)

    assert (await dora.get(PATH)).status_code == 200


async def test_slow_reader_holds_no_transaction_and_gets_all_of_it(
    server: Server, dora: Account, own_dsn: str
) -> None:
    async with exporting(server, dora) as export:
        await export.begin()
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        in_transaction = "AND state LIKE 'idle in%%' AND pid <> pg_backend_pid()"
        assert await execute(own_dsn, busy + in_transaction) == [(0,)]
        await export.read_to_its_end()

    assert len(export.body) == export.length
    assert len(json.loads(export.body)["tasks"]) == TASKS


@pytest.mark.slow
async def test_exports_one_after_the_other_are_all_whole(server: Server, dora: Account) -> None:
    for account in (dora, await register(dora.client)):
        for _ in range(4):
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                answer = await replace(account, client=client).get(PATH)
                assert answer.status_code == 200, answer.text
                assert len(answer.content) == int(answer.headers["content-length"])
                assert answer.json()["user"]["id"] == account.id


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signed out", "account deleted"])
async def test_export_breaks_off_when_its_session_ends(
    server: Server, dora: Account, how: str
) -> None:
    logged = len(server.log.read_text())
    async with exporting(server, dora) as export:
        await export.begin()
        if how == "signed out":
            ended = await dora.post("/auth/logout")
        else:
            body = {"current_password": dora.password}
            ended = await dora.delete("/users/me", json=body)
        assert ended.status_code == 204
        # Its session is known to have ended within a second; reading on before that would finish.
        await until_logged(server, "export.cut_off", logged)
        await export.read_to_its_end()

    assert len(export.body) < export.length
    with pytest.raises(json.JSONDecodeError):
        json.loads(export.body)
    assert events(server, logged) == ["export.cut_off"]


async def until_logged(server: Server, event: str, since: int) -> None:
    async with asyncio.timeout(LIMIT):
        while event not in events(server, since):  # noqa: ASYNC110  # it is a file
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_export_in_a_session_that_ends_while_it_is_read_is_unauthenticated(
    dora: Account, own_dsn: str
) -> None:
    async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
        await holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        export = asyncio.create_task(dora.get(PATH))
        await until_it_waits(own_dsn)
        other = await dora.sign_in_again()
        assert (await other.delete("/auth/sessions")).status_code == 204
        await asyncio.sleep(1.5)  # each worker learns of it within a second
        await holder.rollback()

    assert error_code(await export) == "UNAUTHENTICATED"
