"""The `duly` command. Each command calls a service; what goes wrong ends in one line."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import yaml

from duly import server
from duly.core.config import Settings, load_settings
from duly.core.errors import DulyError, StartupError
from duly.core.logging import configure_logging
from duly.database import embedded, migrations
from duly.main import create_app
from duly.services import operators
from duly.services.context import Context, direct_dsn_of, dsn_of, open_context

commands = typer.Typer(
    name="duly",
    help="A task backend: many users, each with tasks that no one else can see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Manage accounts.", no_args_is_help=True)
commands.add_typer(users, name="user")

Result = TypeVar("Result")
Email = Annotated[str, typer.Argument(help="The address that the account signs in with.")]


def main() -> None:
    """Run the command line; faults that the operator can mend are one line, and status 1."""
    try:
        commands()
    except (StartupError, DulyError) as error:
        print(f"duly: {error}", file=sys.stderr)
        raise SystemExit(1) from None


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C. Example: duly serve --port 8080 --workers 4"""
    server.serve(_settings(host=host, port=port, workers=workers))


@commands.command()
def migrate() -> None:
    """Bring the database to the newest schema. Example: duly migrate"""
    settings = _settings()
    with _database(settings) as dsn:
        migrations.upgrade(dsn if settings.is_embedded else direct_dsn_of(settings))
    print("The database has the newest schema.")


@commands.command()
def restored() -> None:
    """Say that the database was restored from a backup: every device then syncs anew.

    Example: duly restored
    """
    _with_context(operators.note_restore)
    print("Every device will start its sync over.")


@commands.command()
def openapi(
    output: Annotated[Path | None, typer.Argument(help="A file; standard output if none.")] = None,
) -> None:
    """Write the OpenAPI schema as YAML. Example: duly openapi docs/openapi.yaml"""
    app = create_app(_settings())
    schema = yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        print(schema, end="")
        return
    try:
        output.write_text(schema)
    except OSError as error:
        raise StartupError(f"can't write to {output}: {error.strerror}") from None


@users.command("create")
def create_user(
    email: Email,
    name: Annotated[str | None, typer.Option(help="The name to show.")] = None,
) -> None:
    """Make an account; the password is asked for, or read from standard input.

    Example: duly user create ada@example.com --name Ada
    """
    is_terminal = sys.stdin.isatty()
    password = getpass.getpass() if is_terminal else sys.stdin.readline().rstrip("\n")
    user_id = _with_context(lambda context: operators.create_user(context, email, password, name))
    print(f"created {user_id}")


@users.command("list")
def list_users() -> None:
    """List all accounts. Example: duly user list"""

    async def show(context: Context) -> None:
        async for user in operators.list_users(context):
            state = "disabled" if user["is_disabled"] else "enabled"
            print(f"{user['id']}  {user['created_at']:%Y-%m-%d}  {state:8}  {user['email']}")

    _with_context(show)


@users.command("disable")
def disable_user(email: Email) -> None:
    """Keep an account from signing in and end its sessions. Example: duly user disable a@b.org"""
    _with_context(lambda context: operators.disable_user(context, email))
    print(f"disabled {email}")


@users.command("enable")
def enable_user(email: Email) -> None:
    """Let a disabled account sign in again. Example: duly user enable ada@example.com"""
    _with_context(lambda context: operators.enable_user(context, email))
    print(f"enabled {email}")


def _settings(**overrides: object) -> Settings:
    settings = load_settings(**overrides)
    configure_logging(settings.log_level, settings.log_format)
    return settings


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The database that the settings name; the embedded one is started if it does not run."""
    if not settings.is_embedded:
        yield dsn_of(settings)
    elif embedded.is_running(settings.data_dir):
        yield embedded.embedded_dsn(settings.data_dir)
    else:
        with embedded.running(settings.data_dir) as dsn:
            migrations.upgrade(dsn)
            yield dsn


def _with_context(work: Callable[[Context], Awaitable[Result]]) -> Result:
    async def run(settings: Settings) -> Result:
        async with open_context(settings) as context:
            return await work(context)

    settings = _settings()
    with _database(settings):
        return asyncio.run(run(settings))
