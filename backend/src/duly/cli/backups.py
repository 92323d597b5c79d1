"""`duly backup` and `duly restore`."""

from pathlib import Path
from typing import Annotated

import typer

from duly.cli.common import (
    database_name,
    direct_database,
    explained,
    read_settings,
    require_database,
)
from duly.cli.progress import progress
from duly.core.config import Settings
from duly.database import embedded, migrations
from duly.database.new_databases import new_database
from duly.services import backups
from duly.utils.sizes import readable


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    *,
    with_secret_key: Annotated[
        bool,
        typer.Option(
            "--with-secret-key", help="Include the secret key of the data directory in the file."
        ),
    ] = False,
) -> None:
    """Back up the database while it is used. Replaces FILE once the backup is complete.

    FILE has the custom format of pg_dump. It contains all data of all users: keep it safe.

    Example: duly backup duly.backup
    """
    settings = read_settings()
    require_database(settings)
    with direct_database(settings) as dsn, progress("Backing up") as show:
        size = backups.back_up(settings, dsn, file, show, with_secret_key=with_secret_key)
    print(f"Backed up {database_name(settings, is_direct=True)} to {file} ({readable(size)}).")
    if not with_secret_key and backups.has_own_secret(settings):
        print("It does not contain the secret key: see --with-secret-key.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup of `duly backup`.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the data that the database has.")
    ] = False,
    with_secret_key: Annotated[
        bool,
        typer.Option(
            "--with-secret-key", help="Restore the secret key too, so that sessions stay valid."
        ),
    ] = False,
) -> None:
    """Restore a backup. If that fails, nothing has changed.

    Creates the embedded database if there is none. Invalidates all sync tokens, so that every device does a full sync.

    Example: duly restore duly.backup
    """
    settings = read_settings()
    backups.check(settings, file, with_secret_key=with_secret_key)
    former_secret = backups.secret_of(settings)
    is_served = settings.is_embedded and embedded.is_running(settings.data_dir)
    is_new = settings.is_embedded and not is_served and not embedded.exists(settings.data_dir)
    if is_new:
        done = _restore_new(settings, file, with_secret_key=with_secret_key)
    else:
        done = _restore(settings, file, is_replacing=replace, with_secret_key=with_secret_key)
    if not settings.is_embedded and not done.has_current_schema:
        print(f"Its schema is at revision {done.revision}: run `duly migrate`.")
    if with_secret_key and is_served and former_secret != backups.secret_in(file):
        print("Restart Duly: it still uses the former secret key.")
    if not with_secret_key and settings.secret_key is None:
        if backups.secret_in(file):
            print("The secret key in the backup was not restored: see --with-secret-key.")
        elif settings.is_embedded and not backups.has_own_secret(settings):
            print(
                "There is no secret key: unless you restore its file, the next start creates one, "
                "which ends access tokens and makes codes of authenticator apps invalid."
            )


def _restore(
    settings: Settings, file: Path, *, is_replacing: bool, with_secret_key: bool
) -> backups.Restored:
    with direct_database(settings) as dsn:
        with progress("Restoring") as show, explained(settings):
            done = backups.restore(
                settings,
                dsn,
                file,
                show,
                is_replacing=is_replacing,
                with_secret_key=with_secret_key,
            )
        _print_restored(settings, file)
        if settings.is_embedded:
            migrations.upgrade(dsn)
    return done


def _restore_new(settings: Settings, file: Path, *, with_secret_key: bool) -> backups.Restored:
    """Create the embedded database from the backup, with the newest schema, or not at all."""
    with (
        progress("Restoring") as show,
        new_database(settings.data_dir.absolute()) as (dsn, directory),
        explained(settings),
    ):
        done = backups.restore(
            settings, dsn, file, show, with_secret_key=with_secret_key, key_directory=directory
        )
        migrations.upgrade(dsn)
    _print_restored(settings, file)
    return done


def _print_restored(settings: Settings, file: Path) -> None:
    name = database_name(settings, is_direct=True)
    print(f"Restored {name} from {file}. Every device will do a full sync.")
