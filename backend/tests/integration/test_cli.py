"""The `duly` command: its help, migrations, the schema, and the embedded database."""

import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import yaml

from duly.core.config import load_settings
from duly.database import embedded, migrations
from duly.main import create_app
from tests.command_line import duly
from tests.databases import fresh_database
from tests.programs import free_port, run, the_line

pytestmark = pytest.mark.usefixtures("commanded")
NOWHERE = "postgresql:///duly?host=/nonexistent"


@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("migrate",),
        ("openapi",),
        ("user", "create"),
        ("user", "list"),
        ("user", "disable"),
        ("user", "enable"),
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
        ((), ["serve", "migrate", "openapi", "user"]),
        (("user",), ["create", "list", "disable", "enable"]),
        (("serve",), ["--host", "--port", "--workers"]),
        (("user", "create"), ["--name"]),
    ],
)
def test_the_help_lists_what_there_is(command: tuple[str, ...], names: list[str]) -> None:
    shown = duly(*command, "--help").stdout

    assert [name for name in names if not re.search(rf"(?<!\w){name}\b", shown)] == []


def test_a_command_that_there_is_not_is_a_usage_error() -> None:
    assert duly("launch").status == 2


# Migrations


def test_migrate_brings_an_empty_database_to_the_newest_schema(
    dsn: str, commanded: pytest.MonkeyPatch
) -> None:
    with fresh_database(dsn) as empty:
        commanded.setenv("DATABASE_URL", empty)

        assert duly("migrate").status == 0
        assert migrations.is_current(empty)
        assert duly("migrate").status == 0


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

    assert "can't be reached" in duly("migrate").line


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


def test_openapi_writes_the_schema_of_the_application(tmp_path: Path) -> None:
    assert duly("openapi", str(tmp_path / "openapi.yaml")).status == 0

    written = yaml.load((tmp_path / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert written == create_app(load_settings(log_format="json")).openapi()


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


def test_commands_run_the_embedded_database_or_share_that_of_a_server_that_runs(
    data_dir: Path, email: str
) -> None:
    assert duly("user", "create", email, typed="correct horse battery\n").status == 0
    assert not embedded.is_running(data_dir)

    with embedded.running(data_dir):
        assert embedded.is_running(data_dir)
        assert email in duly("user", "list").stdout
        assert duly("user", "disable", email).status == 0
        assert duly("migrate").status == 0
        assert embedded.is_running(data_dir)

    assert " disabled " in duly("user", "list").stdout
    assert not embedded.is_running(data_dir)


# As a process


def test_a_wrong_setting_fails_in_one_line_that_names_it(tmp_path: Path) -> None:
    line = the_line(run("user", "list", data_dir=tmp_path / "data", DULY_PORT="http"))

    assert line.startswith("duly: DULY_PORT: ")


def test_an_option_with_a_wrong_value_fails_in_one_line_that_names_the_setting(
    tmp_path: Path,
) -> None:
    line = the_line(
        run("serve", "--workers", "0", "--port", free_port(), data_dir=tmp_path / "data")
    )

    assert line.startswith("duly: DULY_WORKERS: ")
