"""The `duly` command. Each command calls a service; each failure is reported in one line."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from duly import server
from duly.core.config import Settings, load_settings, unknown_settings
from duly.core.errors import DulyError, StartupError
from duly.core.logging import configure_logging, log_unknown_settings
from duly.database import embedded, migrations
from duly.database.names import name_of
from duly.main import create_app
from duly.runtime.context import Context, direct_dsn_of, dsn_of, open_context
from duly.services import operators

commands = typer.Typer(
    name="duly",
    help="A task backend: many users, each with tasks that no one else can see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Typer's panels show flags as `--flag <bool>`
)
users = typer.Typer(help="Manage accounts.", no_args_is_help=True, rich_markup_mode=None)
commands.add_typer(users, name="user")

Result = TypeVar("Result")
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's email address.")]
Account = Annotated[
    str, typer.Argument(metavar="EMAIL|ID", help="The account's email address, or its id.")
]


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
    server.serve(_settings(host=host, port=port, workers=workers))


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
    settings = _settings()
    _require_database(settings)
    name = _name(settings, is_direct=True)
    if to is not None:
        _migrate_back(settings, to)
        print(f"Migrated {name} back to revision {to}.")
        return
    if settings.is_embedded:
        with _running(settings) as (_, upgrade):
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
        with _running(settings) as (dsn, _):
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
    ended = _with_context(lambda context: operators.note_restore(context, end_sessions))
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

    app = create_app(_settings())
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


@users.command("create")
def create_user(
    email: Email,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The user's name.")] = None,
) -> None:
    """Create an account. Prompts for the password, or reads it from standard input.

    Example: duly user create ada@example.com --name Ada
    """

    async def create(context: Context) -> UUID:
        return await operators.create_user(context, email, _read_password(), name)

    print(f"created {_with_context(create)}")


@users.command("set-password")
def set_password(email: Email) -> None:
    """Set a new password, end all sessions and delete all API tokens of the account.

    Prompts for the password, or reads it from standard input.

    Example: duly user set-password ada@example.com
    """

    async def change(context: Context) -> int:
        return await operators.set_password(context, email, _read_password())

    ended = _with_context(change)
    print(f"set the password of {email} and ended its sessions ({ended})")


@users.command("reset-link")
def create_reset_link(email: Email) -> None:
    """Print a link with which the user sets a new password. It works once, within 30 minutes.

    It begins with DULY_PUBLIC_URL, or without that setting with the address that Duly listens on.

    Example: duly user reset-link ada@example.com
    """
    print(_with_context(lambda context: operators.reset_link(context, email)))


@users.command("remove-factors")
def remove_factors(email: Email) -> None:
    """Remove all second factors and recovery codes of a user who has lost them.

    Find out first that it is the user who asks: afterwards, the password alone signs in.

    Example: duly user remove-factors ada@example.com
    """
    removed = _with_context(lambda context: operators.remove_factors(context, email))
    print(f"removed the second factors of {email} ({removed})")


@users.command("list")
def list_users() -> None:
    """List all accounts.

    Example: duly user list
    """

    async def show(context: Context) -> None:
        async for user in operators.list_users(context):
            state = "disabled" if user["is_disabled"] else "enabled"
            print(
                f"{user['id']}  {user['created_at']:%Y-%m-%d}  {state:8}  {user['email'] or '-'}"
            )

    _with_context(show)


@users.command("disable")
def disable_user(account: Account) -> None:
    """Disable sign-in for an account, end its sessions and reject its API tokens.

    Example: duly user disable ada@example.com
    """
    _with_context(lambda context: operators.disable_user(context, account))
    print(f"disabled {account}")


@users.command("enable")
def enable_user(account: Account) -> None:
    """Let a disabled account sign in again, and its API tokens work again.

    Example: duly user enable ada@example.com
    """
    _with_context(lambda context: operators.enable_user(context, account))
    print(f"enabled {account}")


def _read_password() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _settings(**overrides: object) -> Settings:
    settings = load_settings(**overrides)
    configure_logging(settings.log_level, settings.log_format)
    log_unknown_settings(unknown_settings())
    return settings


def _name(settings: Settings, *, is_direct: bool = False) -> str:
    if settings.is_embedded:
        return str(settings.data_dir.absolute())
    return name_of(direct_dsn_of(settings) if is_direct else dsn_of(settings))


def _require_database(settings: Settings) -> None:
    """Raise `StartupError` if the data directory has no database: only `serve` creates one."""
    if settings.is_embedded and not embedded.exists(settings.data_dir):
        raise StartupError(
            f"there is no database in {_name(settings)}: change to the directory where Duly runs, "
            "set DULY_DATA_DIR or DATABASE_URL, or create one with `duly serve`"
        )


@contextmanager
def _running(settings: Settings) -> Iterator[tuple[str, migrations.Upgrade]]:
    """Run the embedded database for the block, unless a server already runs it."""
    if embedded.is_running(settings.data_dir):
        dsn = embedded.embedded_dsn(settings.data_dir)
        yield dsn, migrations.upgrade(dsn)
    else:
        with embedded.running(settings.data_dir) as dsn:
            yield dsn, migrations.upgrade(dsn)


@contextmanager
def _database(settings: Settings) -> Iterator[None]:
    """Keep the database running for the block, and print its name on standard error.

    Raises `StartupError` without one, if it cannot be reached, or if its schema is not current.
    """
    _require_database(settings)
    print(f"Database: {_name(settings)}", file=sys.stderr)
    if settings.is_embedded:
        with _running(settings):
            yield
    else:
        migrations.check(dsn_of(settings))
        yield


def _with_context(work: Callable[[Context], Awaitable[Result]]) -> Result:
    async def run(settings: Settings) -> Result:
        async with open_context(settings) as context:
            return await work(context)

    settings = _settings()
    with _database(settings):
        return asyncio.run(run(settings))
