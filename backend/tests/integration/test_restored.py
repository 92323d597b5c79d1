"""After a backup was restored, every device starts over."""

import asyncio
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.database import embedded
from duly.runtime import revocations
from tests.support import launcher
from tests.support.accounts import error_code, register
from tests.support.api_tokens import create_token, using
from tests.support.databases import fresh_database, migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.programs import DULY
from tests.support.servers import SECRET
from tests.support.streams import stream_of
from tests.support.sync_copies import Copy


@pytest.mark.slow
async def test_restored_command_expires_all_sync_tokens(settings: Settings, dsn: str) -> None:
    with migrated_database(dsn) as own:
        async with running(settings, "10.0.0.3", database_url=SecretStr(own)) as client:
            app = client._transport.app  # type: ignore[attr-defined]
            account = await register(client)
            task = await account.create_task()
            copy = Copy()
            await copy.pull(account)

            async with stream_of(app, account.headers) as stream:
                await stream.ready()
                await asyncio.to_thread(run, own, "restored")
                await account.create_task()
                event = await stream.next()
                assert (event.name, event.data["code"]) == ("reset", "SYNC_TOKEN_EXPIRED")

            answer = await account.get("/sync", params={"token": copy.token})
            assert (answer.status_code, error_code(answer)) == (410, "SYNC_TOKEN_EXPIRED")
            copy.token = None
            await copy.pull(account)
            assert ("task", task["id"]) in copy.resources
            assert (await copy.pull(account))[0]["changes"] == []


def run(dsn: str, *arguments: str) -> None:
    environment = {**os.environ, "DATABASE_URL": dsn, "DULY_SECRET_KEY": SECRET}
    launcher.run([DULY, *arguments], env=environment).check_returncode()


async def test_a_version_from_after_the_backup_is_not_given_to_another(
    settings: Settings, dsn: str
) -> None:
    with migrated_database(dsn) as own:
        async with running(settings, "10.0.0.3", database_url=SecretStr(own)) as client:
            account = await register(client)
            task = await account.create_task()
            path = f"/tasks/{task['id']}"
            seen = await account.patch(path, {"title": "lost with the database"})
            listed = (await account.get("/tasks")).headers["ETag"]
            await execute(own, "UPDATE tasks SET revision = 1, title = 'as in the backup'")
            await execute(own, "UPDATE users SET revision = 1")

            await asyncio.to_thread(run, own, "restored")
            theirs = await account.patch(path, {"title": "from another device"})

            late = {"If-Match": seen.headers["ETag"]}
            assert (await account.patch(path, {"title": "late"}, headers=late)).status_code == 412
            again = await account.get(path, headers={"If-None-Match": seen.headers["ETag"]})
            assert again.json() == theirs.json()
            again = await account.get("/tasks", headers={"If-None-Match": listed})
            assert again.json()["items"] == [theirs.json()]


@pytest.mark.slow
async def test_end_sessions_ends_those_that_a_backup_revives(
    settings: Settings, dsn: str, tmp_path: Path
) -> None:
    dump = str(tmp_path / "duly.dump")
    with migrated_database(dsn) as own:
        async with running(settings, "10.0.0.3", database_url=SecretStr(own)) as client:
            gone, stayed = await register(client), await register(client)
            tokens = [await create_token(stayed) for _ in range(2)]
            postgres("pg_dump", "-Fc", "--file", dump, own)
            assert (await gone.post("/auth/logout")).status_code == 204
            deleted = await stayed.delete(f"/users/me/tokens/{tokens[0]['id']}")
            assert deleted.status_code == 204
    with fresh_database(dsn) as restored:
        postgres("pg_restore", "--exit-on-error", "--dbname", restored, dump)
        short = {"database_url": SecretStr(restored), "access_token_minutes": 1}
        async with running(settings, "10.0.0.3", **short) as client:
            gone, stayed = (replace(account, client=client) for account in (gone, stayed))
            await asyncio.to_thread(run, restored, "restored")
            robots = [using(stayed, token) for token in tokens]
            for account in (gone, *robots):
                assert (await account.get("/tasks")).status_code == 200

            await asyncio.to_thread(run, restored, "restored", "--end-sessions")
            await asyncio.sleep(revocations.MAX_AGE)

            for robot in robots:
                assert (await robot.get("/tasks")).status_code == 401
            for account in (gone, stayed):
                assert (await account.get("/tasks")).status_code == 401
                refresh = {"refresh_token": account.session["refresh_token"]}
                assert (await account.post("/auth/refresh", refresh)).status_code == 401
            assert (await (await stayed.sign_in_again()).get("/tasks")).status_code == 200
            # As long as any access token may live, whatever the setting is now.
            [(is_kept,)] = await execute(
                restored,
                "SELECT min(expires_at) > now() + interval '1 hour' FROM revoked_sessions",
            )
            assert is_kept


def postgres(program: str, *arguments: str) -> None:
    subprocess.run([embedded._binaries() / program, *arguments], check=True)
