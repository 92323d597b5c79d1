"""What keeps `duly serve` from starting is told in one line, without a traceback."""

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from duly.database import embedded
from tests.databases import fresh_database
from tests.programs import environment, free_port, run, the_line

SECRET = secrets.token_hex(32)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that any account can pass through to, so that there is nothing to open."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o711)
        yield Path(parent) / "data"


def refused(data_dir: Path, **settings: str) -> str:
    """The line with which a start is refused."""
    return the_line(run("serve", data_dir=data_dir, **{"DULY_PORT": free_port(), **settings}))


def test_a_data_directory_in_use(data_dir: Path) -> None:
    with embedded.running(data_dir):
        line = refused(data_dir)

    assert str(data_dir) in line
    assert "in use" in line


def test_a_port_that_is_taken(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refused(data_dir, DULY_PORT=str(port))

    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert not data_dir.exists()


def test_an_address_that_is_not_ours(data_dir: Path) -> None:
    assert "192.0.2.1" in refused(data_dir, DULY_HOST="192.0.2.1")


def test_a_host_that_has_no_address(data_dir: Path) -> None:
    assert "DULY_HOST" in refused(data_dir, DULY_HOST="nowhere.invalid")


@pytest.mark.parametrize("place", ["a_file/below", "/proc/duly"])
def test_a_data_directory_that_can_not_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_file").write_text("")

    assert str(tmp_path / place) in refused(tmp_path, DULY_DATA_DIR=str(tmp_path / place))


def test_a_wrong_setting(data_dir: Path) -> None:
    assert "DULY_RATE_LIMIT" in refused(data_dir, DULY_RATE_LIMIT="many")
    assert not data_dir.exists()


def test_a_database_without_a_secret_key(data_dir: Path, dsn: str) -> None:
    assert "DULY_SECRET_KEY" in refused(data_dir, DATABASE_URL=dsn)


def test_a_database_that_can_not_be_reached(data_dir: Path) -> None:
    address = "postgresql://duly:hunter2@127.0.0.1:1/duly"

    line = refused(data_dir, DATABASE_URL=address, DULY_SECRET_KEY=SECRET)

    assert "the database can't be reached" in line
    assert "hunter2" not in line


def test_an_address_of_a_database_that_is_none(data_dir: Path) -> None:
    address = "postgresql://127.0.0.1:1/d?sslmode=perhaps"

    assert "sslmode" in refused(data_dir, DATABASE_URL=address, DULY_SECRET_KEY=SECRET)


@pytest.fixture
def empty_database(dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as database:
        yield database


def test_a_database_without_the_schema(data_dir: Path, empty_database: str) -> None:
    line = refused(data_dir, DATABASE_URL=empty_database, DULY_SECRET_KEY=SECRET)

    assert "duly migrate" in line


def test_a_cluster_of_another_version(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")

    assert "PostgreSQL 15" in refused(data_dir)


def test_a_cluster_that_is_broken(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("18\n")

    assert "embedded database" in refused(data_dir)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_directory_of_another_user(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)

    assert str(data_dir) in refused(data_dir)


def test_what_is_set_for_the_tests_does_not_reach_the_server() -> None:
    assert not any(name.startswith("DATABASE_") for name in environment())
