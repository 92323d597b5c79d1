"""`duly cluster`."""

import typer

from duly.cli.common import database_name, read_settings
from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.distribution import distribute
from duly.runtime.context import direct_dsn_of

commands = typer.Typer(help="Spread the database over several servers, with Citus.")


@commands.callback()
def _commands() -> None:
    """Keep `distribute` a command of its own: Typer would merge the only one into its parent."""


@commands.command("distribute")
def distribute_tables() -> None:
    """Spread the tables of a migrated database over a Citus cluster. Doing it again is harmless.

    Example: duly cluster distribute
    """
    settings = read_settings()
    if settings.is_embedded:
        raise StartupError(
            "the embedded database is one server: set DATABASE_URL to the coordinator of a cluster"
        )
    dsn, name = direct_dsn_of(settings), database_name(settings, is_direct=True)
    migrations.check(dsn)
    number = 0
    for table, column in distribute(dsn):
        number += 1
        print(f"{table}: on every node" if column is None else f"{table}: by {column}", flush=True)
    print(f"Spread {number} tables of {name}." if number else f"Nothing to do: {name} is spread.")
