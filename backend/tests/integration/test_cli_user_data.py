"""`duly user export` and `duly user delete`: the very export and deletion of the API."""

import asyncio
import json
import stat
import subprocess
from asyncio import to_thread
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from duly.runtime import revocations
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import Account
from tests.support.api_tokens import create_token, using
from tests.support.command_line import duly
from tests.support.direct_sql import execute
from tests.support.programs import DULY, environment
from tests.support.resources import create_one, path_of

pytestmark = pytest.mark.usefixtures("commanded")


def written(directory: Path) -> dict[str, int]:
    """The files in a directory, with their modes."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


async def test_export_is_that_of_the_api(alice: Account, bob: Account, tmp_path: Path) -> None:
    for kind in RESOURCE_TYPES:
        for account in (alice, bob):
            kept, trashed = (
                await create_one(account, kind, "1"),
                await create_one(account, kind, "2"),
            )
            await account.delete(path_of(kind, trashed["id"]))
            assert kept["id"]
    file = tmp_path / "alice.json"

    ended = await to_thread(duly, "user", "export", alice.email, str(file))

    assert ended.stdout.startswith(f"exported {alice.email} to {file} (")
    assert written(tmp_path) == {"alice.json": 0o600}
    content = await to_thread(file.read_text)
    exported = json.loads(content)
    expected = (await alice.get("/users/me/export")).json()
    for session in expected["sessions"]:
        session["is_current"] = False  # there is none here
    assert exported == expected
    assert bob.id not in content


async def test_export_is_printed_without_a_file(alice: Account) -> None:
    await alice.post("/tasks", {"title": "Käse 🧀"})

    ended = await to_thread(duly, "user", "export", alice.id)

    assert [task["title"] for task in json.loads(ended.stdout)["tasks"]] == ["Käse 🧀"]


async def test_export_to_a_closed_pipe_fails_in_one_line(
    alice: Account, dsn: str, settings: Settings, tmp_path: Path
) -> None:
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, description, revision) SELECT %s, "
        "gen_random_uuid(), 'a task', repeat('x', 10000), 1 FROM generate_series(1, 200)",
        alice.id,
    )
    assert settings.secret_key is not None
    given = environment(
        DATABASE_URL=dsn,
        DULY_SECRET_KEY=settings.secret_key.get_secret_value(),
        DULY_LOG_LEVEL="error",
    )
    script = f"{DULY} user export {alice.id} 2> errors | head -c 100; cat errors"

    done = await to_thread(
        subprocess.run, ["sh", "-c", script], env=given, cwd=tmp_path, capture_output=True
    )

    lines = done.stdout[100:].decode().splitlines()
    assert lines[0].startswith("Database: ")
    assert lines[1:] == ["duly: cannot write to standard output: Broken pipe"]


async def test_export_while_another_one_runs_is_refused(
    alice: Account, dsn: str, tmp_path: Path
) -> None:
    await execute(
        dsn, "INSERT INTO export_leases VALUES (%s, now() + interval '1 hour')", alice.id
    )

    ended = await to_thread(duly, "user", "export", alice.email, "alice.json")

    assert ended.line.startswith("duly: ")
    assert written(tmp_path) == {}


@pytest.mark.parametrize("command", [("export",), ("delete", "--yes")], ids=" ".join)
async def test_unknown_account_is_refused(command: tuple[str, ...]) -> None:
    for account in (str(uuid4()), f"{uuid4()}@example.com"):
        ended = await to_thread(duly, "user", *command, account)
        assert "no account with this email address or id" in ended.line


async def test_export_to_a_missing_directory_fails_in_one_line(alice: Account) -> None:
    ended = await to_thread(duly, "user", "export", alice.email, "missing/alice.json")

    assert ended.line == "duly: cannot write to missing/alice.json: No such file or directory"


async def test_deletion_leaves_nothing_of_the_account_and_all_of_others(
    alice: Account, bob: Account, dsn: str
) -> None:
    robot = using(alice, await create_token(alice))
    for account in (alice, bob):
        for kind in RESOURCE_TYPES:
            await create_one(account, kind)

    ended = await to_thread(duly, "user", "delete", alice.email, "--yes")

    assert ended.stdout == f"deleted {alice.email}\n"
    tables = await execute(
        dsn,
        "SELECT table_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'user_id'",
    )
    for (name,) in tables:
        counted = f"SELECT count(*) FROM {name} WHERE user_id = %s"
        assert await execute(dsn, counted, alice.id) == [(0,)], name
    assert await execute(dsn, "SELECT count(*) FROM users WHERE id = %s", alice.id) == [(0,)]
    await asyncio.sleep(revocations.MAX_AGE)
    for account in (alice, robot):
        assert (await account.get("/tasks")).status_code == 401
    assert len((await bob.get("/tasks")).json()["items"]) == 1


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
async def test_deletion_asks_first(alice: Account, typed: str, status: int) -> None:
    ended = await to_thread(duly, "user", "delete", alice.id, typed=typed)

    assert ended.status == status, ended
    assert f"Delete {alice.email} and everything in it for good?" in ended.stderr
    assert "Traceback" not in ended.stderr
    found = await to_thread(duly, "user", "list")
    assert (alice.email in found.stdout) == (status == 1)


async def test_disabled_account_can_be_exported_and_deleted(alice: Account) -> None:
    await to_thread(duly, "user", "disable", alice.email)

    exported = await to_thread(duly, "user", "export", alice.email, "alice.json")
    deleted = await to_thread(duly, "user", "delete", alice.email, "--yes")

    assert (exported.status, deleted.status) == (0, 0)


async def test_address_of_a_deleted_account_is_free_again(
    alice: Account, client: httpx.AsyncClient
) -> None:
    await to_thread(duly, "user", "delete", alice.email, "--yes")

    created = await to_thread(duly, "user", "create", alice.email, typed="another pass phrase\n")

    assert created.status == 0
    assert client
