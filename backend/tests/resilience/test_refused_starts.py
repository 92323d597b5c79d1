"""The reason that `duly serve` does not start is printed in one line, without a traceback."""

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest

from duly import server
from duly.database import embedded, migrations
from tests.support.command_line import duly
from tests.support.databases import fresh_database
from tests.support.programs import environment, free_port, processes_of, run, the_line

SECRET = secrets.token_hex(32)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that any account can pass through to, so that there is nothing to open."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o711)
        yield Path(parent) / "data"


@pytest.fixture
def given(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path, data_dir: Path
) -> pytest.MonkeyPatch:
    """What the start is given, in this process; should it not be refused, it ends all the same."""

    def begin(*_: object) -> None:
        pytest.fail("the start was not refused")

    clean_environment.setattr(server, "_granian", begin)
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("DULY_DATA_DIR", str(data_dir))
    clean_environment.setenv("DULY_PORT", free_port())
    return clean_environment


def refused(given: pytest.MonkeyPatch, **settings: str) -> str:
    """The line with which a start is refused."""
    for name, value in settings.items():
        given.setenv(name, value)
    return duly("serve").line


@pytest.mark.slow
def test_data_directory_in_use_is_refused(given: pytest.MonkeyPatch, data_dir: Path) -> None:
    with embedded.running(data_dir):
        line = refused(given)

    assert f"another Duly instance is using {data_dir}" in line


def test_port_in_use_is_refused(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = the_line(run("serve", data_dir=data_dir, DULY_PORT=str(port)))

    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert not data_dir.exists()


def test_address_of_another_machine_is_refused(given: pytest.MonkeyPatch) -> None:
    assert "192.0.2.1" in refused(given, DULY_HOST="192.0.2.1")


def test_host_without_an_address_is_refused(given: pytest.MonkeyPatch) -> None:
    assert "DULY_HOST" in refused(given, DULY_HOST="nowhere.invalid")


@pytest.mark.parametrize("place", ["a_file/below", "/proc/duly"])
def test_unwritable_data_directory_is_refused(
    given: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    (tmp_path / "a_file").write_text("")

    assert str(tmp_path / place) in refused(given, DULY_DATA_DIR=str(tmp_path / place))


def test_invalid_setting_is_refused(given: pytest.MonkeyPatch, data_dir: Path) -> None:
    assert "DULY_RATE_LIMIT" in refused(given, DULY_RATE_LIMIT="many")
    assert not data_dir.exists()


@pytest.mark.slow
def test_empty_key_file_is_refused(given: pytest.MonkeyPatch, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "secret_key").touch(mode=0o600)

    line = refused(given)

    assert str(data_dir / "secret_key") in line
    assert "32 bytes" in line


def test_no_empty_database_takes_the_place_of_one_that_was_being_restored(
    given: pytest.MonkeyPatch, data_dir: Path
) -> None:
    (data_dir / "restore" / "postgres").mkdir(parents=True)

    line = refused(given)

    assert f"a restore was interrupted, so {data_dir} has no database" in line
    assert not (data_dir / "postgres").exists()


def test_database_without_a_secret_key_is_refused(given: pytest.MonkeyPatch, dsn: str) -> None:
    assert "DULY_SECRET_KEY" in refused(given, DATABASE_URL=dsn)


def test_unreachable_database_is_refused(given: pytest.MonkeyPatch) -> None:
    address = "postgresql://duly:hunter2@127.0.0.1:1/duly"

    line = refused(given, DATABASE_URL=address, DULY_SECRET_KEY=SECRET)

    assert "the database cannot be reached" in line
    assert "hunter2" not in line


def test_invalid_database_address_stops_the_start(given: pytest.MonkeyPatch) -> None:
    address = "postgresql://127.0.0.1:1/d?sslmode=perhaps"

    assert "sslmode" in refused(given, DATABASE_URL=address, DULY_SECRET_KEY=SECRET)


@pytest.fixture
def empty_database(dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as database:
        yield database


def test_database_without_the_schema_is_refused(
    given: pytest.MonkeyPatch, empty_database: str
) -> None:
    line = refused(given, DATABASE_URL=empty_database, DULY_SECRET_KEY=SECRET)

    assert "duly migrate" in line


@pytest.fixture
def newer_database(empty_database: str) -> str:
    """A database that a later release has migrated."""
    migrations.upgrade(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    return empty_database


@pytest.mark.parametrize("at_start", ["true", "false"])
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_newer_schema_is_refused_with_one_line(
    newer_database: str, data_dir: Path, command: str, at_start: str
) -> None:
    settings = {
        "DATABASE_URL": newer_database,
        "DULY_SECRET_KEY": SECRET,
        "DULY_PORT": free_port(),
        "DULY_MIGRATE_AT_START": at_start,
    }

    line = the_line(run(command, data_dir=data_dir, **settings))

    assert "revision 9999" in line


@pytest.mark.slow
def test_newer_schema_in_the_embedded_database_is_refused_with_one_line(data_dir: Path) -> None:
    with embedded.running(data_dir) as dsn:
        migrations.upgrade(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")

    for command in (["serve"], ["migrate"], ["user", "list"]):
        line = the_line(run(*command, data_dir=data_dir, DULY_PORT=free_port()))
        assert "revision 9999" in line
    assert not processes_of(data_dir)


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        ("15", "stop Duly and run `duly upgrade-data`"),
        ("99", "start a release of Duly that includes PostgreSQL 99"),
    ],
)
def test_cluster_of_another_version_names_both_versions_and_the_way_over(
    given: pytest.MonkeyPatch, data_dir: Path, found: str, advice: str
) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text(f"{found}\n")

    line = refused(given)

    assert f"created by PostgreSQL {found}" in line
    assert f"Duly {version('duly')} includes PostgreSQL 18" in line
    assert advice in line


def test_cluster_without_pg_version_is_refused_and_left_as_it_is(
    given: pytest.MonkeyPatch, data_dir: Path
) -> None:
    (data_dir / "postgres" / "base").mkdir(parents=True)

    line = refused(given)

    assert f"{data_dir}/postgres has no file PG_VERSION" in line
    assert f"PostgreSQL 18, which is the one in Duly {version('duly')}" in line
    assert [path.name for path in (data_dir / "postgres").iterdir()] == ["base"]
    assert not (data_dir / "postgres.new").exists()


def test_broken_cluster_is_refused_with_the_reason_of_postgresql(
    given: pytest.MonkeyPatch, data_dir: Path
) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("18\n")

    line = refused(given)

    assert "embedded database" in line
    assert f"{data_dir}/postgres" in line
    assert str(data_dir / "postgres.log") in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_directory_of_another_user_is_refused(given: pytest.MonkeyPatch, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)

    assert str(data_dir) in refused(given)


def test_environment_of_the_tests_does_not_reach_the_server() -> None:
    assert not any(name.startswith("DATABASE_") for name in environment())
