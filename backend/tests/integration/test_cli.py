"""The `duly` command: its help, migrations, the schema, and the embedded database."""

import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import yaml

from duly import server
from duly.core.config import load_settings
from duly.database import embedded, migrations
from duly.database.names import name_of
from duly.main import create_app
from tests.support.command_line import duly
from tests.support.databases import fresh_database
from tests.support.programs import free_port, run, the_line

pytestmark = pytest.mark.usefixtures("commanded")
NOWHERE = "postgresql:///duly?host=/nonexistent"


@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("migrate",),
        ("backup",),
        ("restore",),
        ("restored",),
        ("doctor",),
        ("openapi",),
        ("user", "create"),
        ("user", "set-password"),
        ("user", "reset-link"),
        ("user", "remove-factors"),
        ("user", "list"),
        ("user", "disable"),
        ("user", "enable"),
        ("user", "export"),
        ("user", "delete"),
    ],
    ids=" ".join,
)
def test_the_help_of_a_command_gives_an_example(command: tuple[str, ...]) -> None:
    ended = duly(*command, "--help")

    assert ended.status == 0
    assert f"Example: duly {' '.join(command)}" in " ".join(ended.stdout.split())


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ((), ["--version", "serve", "migrate", "backup", "restore", "doctor", "user"]),
        (("user",), ["create", "set-password", "reset-link", "list", "disable", "enable"]),
        (("user",), ["remove-factors", "export", "delete"]),
        (("user", "delete"), ["--yes"]),
        (("restored",), ["--end-sessions"]),
        (("backup",), ["--with-secret-key"]),
        (("doctor",), ["--json"]),
        (("restore",), ["--replace", "--with-secret-key"]),
        (("serve",), ["--host", "--port", "--workers"]),
        (("user", "create"), ["--name"]),
    ],
)
def test_the_help_lists_what_there_is(command: tuple[str, ...], names: list[str]) -> None:
    shown = duly(*command, "--help").stdout

    assert [name for name in names if not re.search(rf"(?<!\w){name}\b", shown)] == []


def test_flags_have_no_value_in_the_help() -> None:
    shown = " ".join(duly("restored", "--help").stdout.split())

    assert (
        "--end-sessions Also end every session and delete every API token of every user." in shown
    )
    assert "<bool>" not in shown


@pytest.mark.parametrize("command", [("restored",), ("user", "list")], ids=" ".join)
def test_command_on_an_outdated_or_missing_schema_fails_as_serve_does(
    dsn: str, commanded: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    advice = "run `duly migrate` or set DULY_MIGRATE_AT_START=true"
    with fresh_database(dsn) as database:
        commanded.setenv("DATABASE_URL", database)
        commanded.setenv("DULY_PORT", free_port())
        for fault in ("missing", "out of date"):
            line = duly(*command).line
            assert line == f"duly: the database schema is {fault}; {advice}"
            assert duly("serve").line == line
            migrations.upgrade(database, "0001")


def test_unknown_command_is_a_usage_error() -> None:
    assert duly("launch").status == 2


def test_version_option_prints_the_installed_version() -> None:
    assert duly("--version").stdout == f"duly {version('duly')}\n"


def test_unknown_setting_is_warned_of_with_the_one_most_like_it(
    commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commanded.setenv("DULY_TRUSTED_PROXY", "10.0.0.1")
    (tmp_path / ".env").write_text("DULY_XYZZY=hunter2\nOTHER=1\nDULY_PORT=9000\n")

    ended = duly("openapi")

    assert ended.status == 0
    assert [
        (line["event"], line["level"], line["name"], line["hint"])
        for line in map(json.loads, ended.stderr.splitlines())
    ] == [
        (
            "settings.unknown",
            "warning",
            "DULY_TRUSTED_PROXY",
            "DULY_TRUSTED_PROXY is not a setting; did you mean DULY_TRUSTED_PROXIES?",
        ),
        (
            "settings.unknown",
            "warning",
            "DULY_XYZZY",
            "DULY_XYZZY is not a setting; see .env.example",
        ),
    ]


def test_env_file_that_is_not_utf8_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DULY_PORT=\xff\n")

    assert "cannot read .env: it must be text in UTF-8" in duly("openapi").line


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everywhere")
def test_env_file_without_read_permission_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0o000)

    assert "cannot read .env: Permission denied" in duly("openapi").line


# Database URLs that libpq would misread


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_DIRECT_URL"])
@pytest.mark.parametrize(
    "command", [("serve",), ("migrate",), ("restored",), ("user", "list"), ("openapi",)], ids=str
)
@pytest.mark.parametrize(
    "password",
    [
        "xyzzy@plugh/w#rd",
        "xyzzy/plugh",
        "xyzzy%",
        "xyzzy%plugh",
        "xyzzy@plugh",
        "xyzzy@plugh?w=x",
        "12/xyzzy?plugh=w",
        "xyzzy plugh",
        "xyzzy%00",
        "@xyzzy:plugh/w",
    ],
)
def test_unencoded_password_is_refused_without_printing_any_of_it(
    commanded: pytest.MonkeyPatch, name: str, command: tuple[str, ...], password: str
) -> None:
    commanded.setattr(server, "serve", lambda _: pytest.fail("the start was not refused"))
    commanded.setenv(name, f"postgresql://grue:{password}@db.invalid:5432/frotz?sslmode=require")

    line = duly(*command).line

    assert line.startswith(f"duly: {name}: ")
    assert "urllib.parse.quote" in line
    for part in ("xyzzy", "plugh", "grue", "frotz", "db.invalid", "w#rd", "w=x"):
        assert part not in line


@pytest.mark.parametrize(
    "rest",
    [
        "@127.0.0.1:1/frotz",
        "@db.invalid/frotz",
        "@127.0.0.1:1/frotz?sslmode=perhaps",
        "@127.0.0.1:1/frotz?sslmod=require",
        "@127.0.0.1:1,127.0.0.1:2,127.0.0.1:3/frotz?connect_timeout=2",
        "@127.0.0.1,127.0.0.2:1,2,3/frotz",
        "@[::1]:1/frotz",
        "@127.0.0.1:1/frotz?sslmode=require&sslrootcert=/nonexistent",
        "@127.0.0.1:99999/frotz",
        "@127.0.0.1:1/frotz?channel_binding=maybe",
    ],
)
@pytest.mark.parametrize(
    "command", [("serve",), ("migrate",), ("restored",), ("user", "list")], ids=str
)
def test_failed_connection_does_not_print_the_password(
    commanded: pytest.MonkeyPatch, command: tuple[str, ...], rest: str
) -> None:
    commanded.setenv("DULY_PORT", free_port())
    commanded.setenv("DATABASE_URL", f"postgresql://grue:xy%40zzy%2Fplugh{rest}")

    ended = duly(*command)

    assert ended.line.startswith("duly: ")
    for part in ("xy%40", "xy@", "zzy", "plugh"):
        assert part not in ended.stderr


# Migrations


def test_migrate_reports_what_it_did_and_on_which_database(
    dsn: str, commanded: pytest.MonkeyPatch
) -> None:
    with fresh_database(dsn) as empty:
        commanded.setenv("DATABASE_URL", empty)
        name = name_of(empty)
        assert name.endswith(urlsplit(empty).path)

        first = duly("migrate")
        assert migrations.is_current(empty)
        second = duly("migrate")

        before, _, after = first.stdout.rstrip(".\n").rpartition(" to revision ")
        assert before == f"Migrated {name} from an empty database"
        assert second.stdout == f"Nothing to do: {name} is at revision {after}, the newest.\n"

        migrations.downgrade(empty, "0001")
        third = duly("migrate")
        assert third.stdout == f"Migrated {name} from revision 0001 to revision {after}.\n"


def test_migrate_takes_the_schema_back_to_that_of_an_older_release(
    dsn: str, commanded: pytest.MonkeyPatch
) -> None:
    with fresh_database(dsn) as database:
        commanded.setenv("DATABASE_URL", database)
        assert "no schema" in duly("migrate", "--to", "0008").line
        duly("migrate")

        back = duly("migrate", "--to", "0008")

        assert back.stdout == f"Migrated {name_of(database)} back to revision 0008.\n"
        migrations.upgrade(database, "0008")
        for unknown in ("0009", "8"):
            line = duly("migrate", "--to", unknown).line
            assert line.endswith("the revision must be one of those up to 0008, the current one")


def test_second_migrate_completes_labels_that_the_previous_release_wrote(
    dsn: str, commanded: pytest.MonkeyPatch
) -> None:
    with fresh_database(dsn) as database, psycopg.connect(database, autocommit=True) as connection:
        commanded.setenv("DATABASE_URL", database)
        duly("migrate")
        connection.execute(
            "INSERT INTO users (id, email, password_hash) "
            "VALUES (gen_random_uuid(), 'a@b.org', 'x')"
        )
        connection.execute(
            "INSERT INTO labels (user_id, id, name, revision) "
            "SELECT id, gen_random_uuid(), 'Home', 1 FROM users"
        )

        duly("migrate")

        assert connection.execute("SELECT name_key FROM labels").fetchall() == [("home",)]


def test_database_name_has_no_user_and_no_password() -> None:
    dsn = "postgresql://grue:plugh@db.example.org:6432/duly?sslmode=require"

    assert name_of(dsn) == "db.example.org:6432/duly"


def test_migrate_goes_past_the_pooler_where_there_is_a_way(
    dsn: str, commanded: pytest.MonkeyPatch
) -> None:
    with fresh_database(dsn) as empty:
        commanded.setenv("DATABASE_URL", NOWHERE)
        commanded.setenv("DATABASE_DIRECT_URL", empty)

        assert duly("migrate").status == 0
        assert migrations.is_current(empty)


def test_migrating_a_database_that_can_not_be_reached_fails_in_one_line(
    commanded: pytest.MonkeyPatch,
) -> None:
    commanded.setenv("DATABASE_URL", NOWHERE)

    assert "cannot be reached" in duly("migrate").line


def test_migrating_a_database_without_the_right_to_fails_in_one_line(
    commanded: pytest.MonkeyPatch, dsn: str
) -> None:
    role = f"guest_{uuid4().hex}"
    with fresh_database(dsn) as empty, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        commanded.setenv("DATABASE_URL", empty.replace("user=duly", f"user={role}"))
        try:
            assert "permission denied" in duly("migrate").line
        finally:
            connection.execute(f"DROP ROLE {role}".encode())


# The schema


@pytest.mark.slow
def test_openapi_writes_the_schema_of_the_application(tmp_path: Path) -> None:
    assert duly("openapi", str(tmp_path / "openapi.yaml")).status == 0

    written = yaml.load((tmp_path / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert written == create_app(load_settings(log_format="json")).openapi()


@pytest.mark.slow
def test_openapi_writes_to_standard_output_where_no_file_is_named() -> None:
    assert yaml.load(duly("openapi").stdout, Loader=yaml.CSafeLoader)["info"]["title"] == "Duly"


def test_openapi_needs_no_database(commanded: pytest.MonkeyPatch) -> None:
    commanded.setenv("DATABASE_URL", NOWHERE)

    assert duly("openapi").status == 0


def test_a_schema_that_can_not_be_written_fails_in_one_line(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "openapi.yaml")

    assert path in duly("openapi", path).line


# Without DATABASE_URL


@pytest.fixture
def data_dir(commanded: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    commanded.delenv("DATABASE_URL")
    commanded.setenv("DULY_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("restored",),
        ("user", "create", "ada@example.com"),
        ("user", "set-password", "ada@example.com"),
        ("user", "reset-link", "ada@example.com"),
        ("user", "remove-factors", "ada@example.com"),
        ("user", "list"),
        ("user", "disable", "ada@example.com"),
        ("user", "enable", "ada@example.com"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("is_there", [False, True], ids=["no directory", "empty directory"])
def test_command_without_a_database_is_refused_and_creates_none(
    data_dir: Path, command: tuple[str, ...], *, is_there: bool
) -> None:
    if is_there:
        data_dir.mkdir()

    ended = duly(*command, typed="correct horse battery\n")

    assert ended.stderr.count("\n") == 1
    assert f"there is no database in {data_dir}" in ended.line
    assert "DULY_DATA_DIR" in ended.line
    assert not list(data_dir.iterdir()) if is_there else not data_dir.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everywhere")
def test_unreadable_data_directory_is_not_taken_for_a_missing_one(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o000)

    assert "cannot read" in duly("user", "list").line


@pytest.mark.slow
def test_commands_name_the_embedded_database_and_share_it_with_a_server(
    data_dir: Path, email: str
) -> None:
    with embedded.running(data_dir):
        pass
    created = duly("user", "create", email, typed="correct horse battery\n")
    assert created.status == 0
    assert created.stderr.splitlines()[0] == f"Database: {data_dir}"
    assert not embedded.is_running(data_dir)
    assert duly("migrate").stdout.startswith(f"Nothing to do: {data_dir} is at revision ")

    with embedded.running(data_dir):
        assert embedded.is_running(data_dir)
        assert email in duly("user", "list").stdout
        assert duly("user", "disable", email).status == 0
        assert duly("migrate").status == 0
        assert embedded.is_running(data_dir)

    assert " disabled " in duly("user", "list").stdout
    assert not embedded.is_running(data_dir)


# As a process


@pytest.mark.slow
def test_a_wrong_setting_fails_in_one_line_that_names_it(tmp_path: Path) -> None:
    line = the_line(run("user", "list", data_dir=tmp_path / "data", DULY_PORT="http"))

    assert line.startswith("duly: DULY_PORT: ")


@pytest.mark.slow
@pytest.mark.parametrize("value", ["0", "two", "1.5", ""])
def test_an_option_with_a_wrong_value_fails_in_one_line_that_names_the_setting(
    tmp_path: Path, value: str
) -> None:
    line = the_line(
        run("serve", "--workers", value, "--port", free_port(), data_dir=tmp_path / "data")
    )

    assert line.startswith("duly: DULY_WORKERS: ")
