"""The signing key in the data directory: created once, whole, and checked like the setting."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duly.core.config import Settings, load_settings
from duly.core.errors import StartupError
from duly.core.signing_key import signing_secret

GOOD = secrets.token_hex(32)


@pytest.fixture
def settings(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    clean_environment.chdir(tmp_path)
    return load_settings(data_dir=tmp_path / "data")


def keep(settings: Settings, content: bytes) -> Path:
    settings.data_dir.mkdir()
    path = settings.data_dir / "secret_key"
    path.write_bytes(content)
    return path


def test_key_is_created_once_and_readable_by_its_owner_only(settings: Settings) -> None:
    first, second = signing_secret(settings), signing_secret(settings)

    assert first == second
    assert len(bytes.fromhex(first)) == 32
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((settings.data_dir / "secret_key").stat().st_mode) == 0o600


def test_each_data_directory_has_its_own_key(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    one, other = (signing_secret(load_settings(data_dir=tmp_path / name)) for name in "ab")

    assert one != other


def test_configured_key_is_used_and_not_stored(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    settings = load_settings(secret_key=GOOD, data_dir=tmp_path / "data")

    assert signing_secret(settings) == GOOD
    assert not settings.data_dir.exists()


def test_unwritable_data_directory_stops_the_start(settings: Settings) -> None:
    settings.data_dir.write_text("a file")

    with pytest.raises(StartupError, match="signing key"):
        signing_secret(settings)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"hunter2", b"a" * 64, b"changeme-" * 8, b"\xff" * 64, GOOD[:31].encode()],
    ids=["empty", "blank", "short", "one_letter", "placeholder", "binary", "31_bytes"],
)
def test_stored_key_that_could_be_guessed_stops_the_start(
    settings: Settings, content: bytes
) -> None:
    path = keep(settings, content)

    with pytest.raises(StartupError) as refused:
        signing_secret(settings)

    line = str(refused.value)
    assert str(path) in line
    assert "\n" not in line
    assert not content.strip() or content.decode(errors="replace") not in line
    assert path.read_bytes() == content


def test_key_is_on_disk_before_it_is_linked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(*arguments: Any) -> Any:
            done.append(name)
            return original(*arguments)

        return call

    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, recorded(name))

    signing_secret(settings)

    # The file, its name, then the directory that holds the name.
    assert done == ["fsync", "link", "fsync"]


def test_leftover_draft_of_a_killed_process_is_replaced(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / f"secret_key.{os.getpid()}").write_text("half a k")

    assert len(bytes.fromhex(signing_secret(settings))) == 32
