"""The keys that sign tokens: set by the operator, or created once in the data directory."""

import contextlib
import os
import secrets
from pathlib import Path

from duly.core.config import Settings
from duly.core.ed25519_keys import read_previous_key, read_private_key
from duly.core.errors import StartupError
from duly.core.secret_check import MIN_SECRET_BYTES, check_secret
from duly.core.tokens import Keyring


def open_keyring(settings: Settings) -> Keyring:
    """Return the keyring of the configured keys. Raises `StartupError` as `signing_secret` does."""
    key = settings.signing_key
    return Keyring(
        signing_secret(settings),
        [secret.get_secret_value() for secret in settings.previous_secret_keys],
        None if key is None else read_private_key(key.get_secret_value()),
        [read_previous_key(key.get_secret_value()) for key in settings.previous_signing_keys],
    )


def secret_key_path(settings: Settings) -> Path:
    """Return the file of the key that is used if the operator has set none."""
    return settings.data_dir / "secret_key"


def signing_secret(settings: Settings) -> str:
    """Return the configured key, or the one in the data directory, created on first use.

    Raises `StartupError` if the file cannot be read or written, or holds no usable key.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = secret_key_path(settings)
    try:
        if not path.exists():
            _create(path)
        secret = path.read_text().strip()
        check_secret(secret)
    except OSError as error:
        raise StartupError(
            f"cannot read or create the signing key {path}: {error.strerror}"
        ) from None
    except ValueError as error:  # UnicodeDecodeError included
        reason = "not text" if isinstance(error, UnicodeError) else error
        raise StartupError(
            f"the signing key in {path} is unusable ({reason}): restore the file from a backup, "
            "or delete it to create a new key, which ends all sessions"
        ) from None
    return secret


def _create(path: Path) -> None:
    """Write a new key to disk, then link it to `path`, so that a partial key is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        draft.touch(mode=0o600, exist_ok=False)
        with draft.open("w") as file:
            file.write(secrets.token_hex(MIN_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
