"""The `duly` command. Each command calls a service; each failure is reported in one line."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from duly import server
from duly.cli import backups, cluster, doctor, psql, status, upgrades, users
from duly.cli.common import database_name, read_settings, require_database, running, with_context
from duly.core.config import Settings
from duly.core.errors import DulyError, StartupError
from duly.database import migrations
from duly.main import create_app
from duly.runtime.context import direct_dsn_of
from duly.services import operators

commands = typer.Typer(
    name="duly",
    help="A task backend: many users, each with tasks that no one else can see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Typer's panels show flags as `--flag <bool>`
)
commands.add_typer(users.commands, name="user")
commands.add_typer(cluster.commands, name="cluster")
commands.command()(backups.backup)
commands.command()(backups.restore)
commands.command()(upgrades.upgrade_data)
commands.command()(doctor.doctor)
commands.command(context_settings=psql.PASSED_ON)(psql.psql)
commands.command()(status.status)


def main() -> None:
    """Run the command line. Report an error that the operator can fix in one line; exit with 1."""
    try:
        commands()
    except (StartupError, DulyError) as error:
        print(f"duly: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"duly {version('duly')}")
        raise typer.Exit


@commands.callback()
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Accept the options that come before a command."""


@commands.command()
def serve(
    # Text, so that the settings check it: Typer's own messages describe Python.
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Address to listen on.")] = None,
    port: Annotated[str | None, typer.Option(metavar="PORT", help="Port to listen on.")] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Number of worker processes.")
    ] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C.

    Example: duly serve --port 8080 --workers 4
    """
    server.serve(read_settings(host=host, port=port, workers=workers))


@commands.command()
def migrate(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION",
            help="Take the schema back to that of an older release. Deletes what it cannot hold.",
        ),
    ] = None,
) -> None:
    """Bring the database to the newest schema.

    Example: duly migrate
    """
    settings = read_settings()
    require_database(settings)
    name = database_name(settings, is_direct=True)
    if to is not None:
        _migrate_back(settings, to)
        print(f"Migrated {name} back to revision {to}.")
        return
    if settings.is_embedded:
        with running(settings) as (_, upgrade):
            done = upgrade
    else:
        dsn = direct_dsn_of(settings)
        done = migrations.upgrade(dsn)
        if done.before == done.after:
            migrations.complete(dsn)
    if done.before == done.after:
        print(f"Nothing to do: {name} is at revision {done.after}, the newest.")
    else:
        before = f"revision {done.before}" if done.before else "an empty database"
        print(f"Migrated {name} from {before} to revision {done.after}.")


def _migrate_back(settings: Settings, revision: str) -> None:
    if settings.is_embedded:
        with running(settings) as (dsn, _):
            migrations.downgrade(dsn, revision)
    else:
        migrations.downgrade(direct_dsn_of(settings), revision)


@commands.command()
def restored(
    *,
    end_sessions: Annotated[
        bool,
        typer.Option(
            "--end-sessions",
            help="Also end every session and delete every API token of every user.",
        ),
    ] = False,
) -> None:
    """Run after restoring a backup. Invalidates all sync tokens, so every device does a full sync.

    A backup also revives sessions that ended and API tokens that were deleted after it was taken.
    With --end-sessions, they end again.

    Example: duly restored --end-sessions
    """
    ended = with_context(lambda context: operators.note_restore(context, end_sessions))
    print("Every device will do a full sync.")
    if end_sessions:
        print(f"Ended {ended} sessions and deleted all API tokens: every user must sign in again.")


@commands.command()
def openapi(
    output: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Where to write it; standard output by default."),
    ] = None,
) -> None:
    """Write the OpenAPI schema as YAML.

    Example: duly openapi docs/openapi.yaml
    """
    import yaml  # no other command needs it

    app = create_app(read_settings())
    schema = yaml.dump(
        app.openapi(), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
    )
    if output is None:
        print(schema, end="")
        return
    try:
        output.write_text(schema)
    except OSError as error:
        raise StartupError(f"cannot write to {output}: {error.strerror}") from None
