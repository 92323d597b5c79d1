"""Root runs `duly`: PostgreSQL gets another account, and private directories stay private."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from duly.core.errors import StartupError
from duly.database import embedded
from tests.support.programs import free_port, processes_of, run, serving, the_line

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root only")


def mode_of(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    directory = tmp_path / "private"
    directory.mkdir(mode=0o700)
    return directory


@pytest.mark.parametrize("below", ["data", "a/b/data"])
def test_data_directory_in_a_private_directory_is_refused_and_nothing_is_changed(
    private: Path, below: str
) -> None:
    line = the_line(run("serve", data_dir=private / below, DULY_PORT=free_port()))

    assert f"no access to {private}, a parent directory of {private / below}" in line
    assert "ordinary user" in line
    assert "DULY_DATA_DIR" in line
    assert "/var/lib/duly" in line
    assert mode_of(private) == "700"
    assert list(private.iterdir()) == []


def test_existing_data_in_a_directory_that_became_private_is_refused(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o711)
    parent.chmod(0o711)
    with embedded.running(parent / "data"):
        pass
    parent.chmod(0o700)

    result = run("user", "list", data_dir=parent / "data")
    named, line = result.stderr.splitlines()  # the command first names its database
    assert named == f"Database: {parent / 'data'}"
    assert result.returncode == 1

    assert str(parent) in line
    assert mode_of(parent) == "700"


def test_programs_in_a_private_directory_are_refused_with_two_ways_out(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(embedded._binaries().parent, private / "pginstall18", symlinks=True)
    monkeypatch.setattr(embedded, "_binaries", lambda: private / "pginstall18" / "bin")

    with pytest.raises(StartupError) as raised, embedded.running(tmp_path / "data"):
        pass

    line = str(raised.value)
    assert f"no access to {private}, where Duly is installed" in line
    assert "ordinary user" in line
    assert "/opt/duly" in line
    assert mode_of(private) == "700"


@pytest.mark.slow
def test_directory_that_the_account_may_pass_by_its_group_is_accepted(private: Path) -> None:
    with embedded.running(private.parent / "first"):
        group = (private.parent / "first" / "postgres").stat().st_gid
    os.chown(private, 0, group)
    private.chmod(0o710)

    with embedded.running(private / "data"):
        assert processes_of(private / "data")
    assert mode_of(private) == "710"


@pytest.mark.slow
def test_new_parents_of_the_data_directory_work_under_a_strict_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with embedded.running(tmp_path / "new" / "data"):
            pass
    finally:
        os.umask(before)


@pytest.fixture
def ordinary() -> Iterator[Path]:
    """A directory that all accounts can pass through, as most are."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.slow
def test_data_directory_in_the_working_directory_needs_no_setting(ordinary: Path) -> None:
    with serving(ordinary / "duly_data", DULY_DATA_DIR="duly_data") as server:
        assert server.register("ada@example.com").status_code == 201
        for pid in processes_of(ordinary / "duly_data"):
            assert psutil.Process(pid).username() in {"postgres", "nobody"}
    assert mode_of(ordinary) == "755"
