"""`duly upgrade-data`."""

from pathlib import Path
from typing import Annotated

import typer

from duly.cli.common import explained, read_settings, require_database
from duly.cli.progress import progress
from duly.services import data_upgrades


def upgrade_data(
    *,
    from_binaries: Annotated[
        Path | None,
        typer.Option(
            "--from-binaries",
            metavar="DIR",
            help="Where the former PostgreSQL is: the virtual environment of the former release, "
            "or a directory with the programs. By default, Duly itself.",
        ),
    ] = None,
) -> None:
    """Copy the embedded database into the PostgreSQL that this release includes.

    Needed once after an upgrade of Duly that includes another major version of PostgreSQL. Stop Duly
    first. The former data is kept. If the command is interrupted, run it again.

    Example: duly upgrade-data
    """
    settings = read_settings()
    require_database(settings)
    with explained(settings), progress("Upgrading") as show:
        done = data_upgrades.upgrade(settings, from_binaries, show)
    name = settings.data_dir.absolute()
    if isinstance(done, str):
        print(f"Nothing to do: {name} is of PostgreSQL {done}, the one in this release.")
        return
    print(f"Upgraded {name} from PostgreSQL {done.before} to {done.after}.")
    if done.not_copied:
        print(f"Not copied: {', '.join(done.not_copied)}.")
    print(f"The former data is in {done.kept}: remove it when you will not go back.")
