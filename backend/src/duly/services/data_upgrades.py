"""The upgrade of the embedded database to the PostgreSQL that this release includes."""

from pathlib import Path

from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.database import data_upgrades
from duly.database.backups import OnProgress
from duly.services.operators import AFTER_MOVE


def upgrade(
    settings: Settings, binaries: Path | None, on_progress: OnProgress
) -> data_upgrades.Upgraded | str:
    """Upgrade the data directory; see `duly.database.data_upgrades.upgrade`.

    The copy has all that was acknowledged, with the same revisions, so sync tokens stay valid.
    Raises `StartupError`, also with an external database.
    """
    if not settings.is_embedded:
        raise StartupError(
            "DATABASE_URL is set, and `duly upgrade-data` is for the embedded database: upgrade "
            "yours with the tools of its provider, such as pg_upgrade"
        )
    return data_upgrades.upgrade(settings.data_dir.absolute(), binaries, AFTER_MOVE, on_progress)
