"""Backing up and restoring: the database, and the key in the data directory on request.

A backup is a file in pg_dump's custom format. With the key, a ZIP archive follows it in the same
file: `pg_restore` reads the beginning and ignores the rest, `unzip` the other way round.
"""

import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.core.secret_check import check_secret
from duly.core.signing_key import secret_key_path, signing_secret
from duly.database import backups, migrations, restores
from duly.services import last_backup
from duly.services.operators import AFTER_RESTORE
from duly.utils.files import replacing

_KEY = "secret_key"
_MAX_KEY_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored."""

    revision: str
    has_current_schema: bool


def back_up(
    settings: Settings,
    dsn: str,
    file: Path,
    on_progress: backups.OnProgress,
    *,
    with_secret_key: bool = False,
) -> int:
    """Write a backup to `file`, which only this account can read; return its size.

    A file of that name is replaced once the backup is complete. Raises `StartupError`.
    """
    secret = _own_secret(settings) if with_secret_key else None
    try:
        with replacing(file) as draft:
            backups.dump(dsn, draft, on_progress)
            if secret is not None:
                _append(draft, secret)
            size = draft.stat().st_size
    except OSError as error:
        raise StartupError(f"cannot write to {file}: {error.strerror}") from None
    last_backup.note(settings, file)
    return size


def check(settings: Settings, file: Path, *, with_secret_key: bool = False) -> None:
    """Raise `StartupError` if `file` is not a backup, or has no key although one is wanted."""
    restores.check_is_backup(file)
    if not with_secret_key:
        return
    _require_key_file(settings)
    if secret_in(file) is None:
        raise StartupError(f"{file} contains no secret key: it was made without --with-secret-key")


def restore(
    settings: Settings,
    dsn: str,
    file: Path,
    on_progress: backups.OnProgress,
    *,
    is_replacing: bool = False,
    with_secret_key: bool = False,
    key_directory: Path | None = None,
) -> Restored:
    """Restore a backup, and invalidate all sync tokens, in one transaction.

    The secret key is written to `key_directory`, by default the data directory. Raises
    `StartupError`, and then nothing has changed.
    """
    check(settings, file, with_secret_key=with_secret_key)
    target = restores.find_target(dsn, is_replacing=is_replacing)
    contents = restores.contents_of(file, target)
    secret = secret_in(file) if with_secret_key else None
    if secret is None:
        restores.load(contents, target, AFTER_RESTORE, on_progress)
    else:
        path = secret_key_path(settings)
        if key_directory is not None:
            path = key_directory / path.name
        _load_with_key(path, contents, target, secret, on_progress)
    return Restored(contents.revision, contents.revision == migrations.revisions()[-1])


def has_own_secret(settings: Settings) -> bool:
    """Whether the data directory has the key, which a backup contains on request only."""
    return settings.secret_key is None and secret_key_path(settings).exists()


def secret_of(settings: Settings) -> str | None:
    """Return the key in the data directory, usable or not; None without one."""
    with suppress(OSError, UnicodeError):
        return secret_key_path(settings).read_text().strip()
    return None


def secret_in(file: Path) -> str | None:
    """Return the key in a backup, or None."""
    with suppress(zipfile.BadZipFile, KeyError, ValueError, OSError):
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo(_KEY).file_size > _MAX_KEY_BYTES:
                return None
            secret = archive.read(_KEY).decode().strip()
        check_secret(secret)
        return secret
    return None


def _load_with_key(
    path: Path,
    contents: restores.Contents,
    target: restores.Target,
    secret: str,
    on_progress: backups.OnProgress,
) -> None:
    """Write the key first, and give it its name when the database is restored."""
    try:
        with replacing(path) as draft:
            with draft.open("w") as opened:
                opened.write(secret)
                opened.flush()
                os.fsync(opened.fileno())  # a full disk is noticed before the data is replaced
            restores.load(contents, target, AFTER_RESTORE, on_progress)
    except OSError as error:
        raise StartupError(f"cannot write to {path}: {error.strerror}") from None


def _own_secret(settings: Settings) -> str:
    _require_key_file(settings)
    if not secret_key_path(settings).exists():
        raise StartupError(f"there is no secret key in {settings.data_dir.absolute()}")
    return signing_secret(settings)


def _require_key_file(settings: Settings) -> None:
    if settings.secret_key is not None:
        raise StartupError(
            "DULY_SECRET_KEY is set, so the secret key is part of your configuration, and not of "
            "backups; leave --with-secret-key out"
        )


def _append(file: Path, secret: str) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(_KEY, secret)
