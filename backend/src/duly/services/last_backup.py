"""When the database was last backed up by `duly backup`, for the embedded database.

Other databases have no place of ours on this machine, and often backups of their own.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from duly.core.config import Settings

_NAME = "last_backup.json"


@dataclass(frozen=True, slots=True)
class LastBackup:
    """A backup: when it was complete, and its file."""

    at: datetime
    file: Path


def note(settings: Settings, file: Path) -> None:
    """Note that a backup is complete. Where this cannot be noted, the backup is as good."""
    if settings.is_embedded:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):
            content = json.dumps({"at": now, "file": str(file.absolute())})
            (settings.data_dir / _NAME).write_text(content)


def find(settings: Settings) -> LastBackup | None:
    """Return the last backup; None if none is known."""
    if not settings.is_embedded:
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((settings.data_dir / _NAME).read_text())
        return LastBackup(datetime.fromisoformat(found["at"]), Path(found["file"]))
    return None
