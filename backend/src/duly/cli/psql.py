"""`duly psql`."""

import os
import signal
import subprocess
from typing import Annotated

import typer

from duly.cli.common import direct_database, read_settings, require_database
from duly.database.backups import connected
from duly.database.client_programs import connection_options, find_programs, server_of

PASSED_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}
"""Settings of the command: options that it does not know are those of psql."""


def psql(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENTS", help="Arguments of psql.", show_default=False),
    ] = None,
) -> None:
    """Open the database in psql, as its owner: it can change everything. Exits with the status of psql.

    The embedded database is started if it does not run, and stopped at the end.

    Example: duly psql -c "SELECT count(*) FROM tasks"
    """
    settings = read_settings()
    require_database(settings)
    with direct_database(settings) as dsn:
        with connected(dsn) as connection:
            programs = find_programs(server_of(connection))
        database, environment = connection_options(dsn)
        # Its language and encoding are those of the terminal.
        secret = {k: v for k, v in environment.items() if k == "PGPASSWORD"}
        command = programs.command("psql", f"--dbname={database}", *(arguments or []))
        former = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for psql
        try:
            done = subprocess.run(  # noqa: S603  # the operator's own program
                command, env={**os.environ, **secret}, check=False
            )
        finally:
            signal.signal(signal.SIGINT, former)
    raise typer.Exit(done.returncode)
