"""What commands share: the settings, the database while they need it, and the context of services."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from duly.core.config import Settings, load_settings, unknown_settings
from duly.core.errors import StartupError
from duly.core.logging import configure_logging, log_unknown_settings
from duly.database import embedded, migrations
from duly.database.cluster import is_full, is_out_of_space
from duly.database.names import name_of
from duly.runtime.context import Context, direct_dsn_of, dsn_of, open_context

Result = TypeVar("Result")


def read_settings(**overrides: object) -> Settings:
    """Load the settings, and set logging up as they say. `overrides` come from the command line."""
    settings = load_settings(**overrides)
    configure_logging(settings.log_level, settings.log_format)
    log_unknown_settings(unknown_settings())
    return settings


def database_name(settings: Settings, *, is_direct: bool = False) -> str:
    """What the database is called in messages: a directory, or a host without its password."""
    if settings.is_embedded:
        return str(settings.data_dir.absolute())
    return name_of(direct_dsn_of(settings) if is_direct else dsn_of(settings))


def require_database(settings: Settings) -> None:
    """Raise `StartupError` if the data directory has no database: only some commands create one."""
    if settings.is_embedded and not embedded.exists(settings.data_dir):
        raise StartupError(
            f"there is no database in {database_name(settings)}: change to the directory where "
            "Duly runs, set DULY_DATA_DIR or DATABASE_URL, or create one with `duly serve`"
        )


@contextmanager
def direct_database(settings: Settings) -> Iterator[str]:
    """The DSN of the database past any pooler. An embedded one runs for the block at least."""
    if not settings.is_embedded:
        yield direct_dsn_of(settings)
    elif embedded.is_running(settings.data_dir):
        yield embedded.embedded_dsn(settings.data_dir)
    else:
        with embedded.running(settings.data_dir) as dsn:
            yield dsn


@contextmanager
def running(settings: Settings) -> Iterator[tuple[str, migrations.Upgrade]]:
    """Run the embedded database for the block, unless a server already runs it, and migrate it."""
    with direct_database(settings) as dsn:
        yield dsn, migrations.upgrade(dsn)


@contextmanager
def database(settings: Settings) -> Iterator[None]:
    """Keep the database running for the block, and print its name on standard error.

    Raises `StartupError` without one, if it cannot be reached, or if its schema is not current.
    """
    require_database(settings)
    print(f"Database: {database_name(settings)}", file=sys.stderr)
    if settings.is_embedded:
        with running(settings):
            yield
    else:
        migrations.check(dsn_of(settings))
        yield


def with_context(work: Callable[[Context], Awaitable[Result]]) -> Result:
    """Run the work of a service on the database, and return its result."""

    async def run(settings: Settings) -> Result:
        async with open_context(settings) as context:
            return await work(context)

    settings = read_settings()
    with database(settings):
        return asyncio.run(run(settings))


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Say so if the disk is full: then the database has ended, and could not say why."""
    try:
        yield
    except StartupError as error:
        if settings.is_embedded and is_full(settings.data_dir) and not is_out_of_space(str(error)):
            raise StartupError(
                f"{error} (no space left on device: {settings.data_dir.absolute()})"
            ) from None
        raise
