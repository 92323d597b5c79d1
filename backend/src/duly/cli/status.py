"""`duly status`: what an operator wants to see first."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from duly.cli.common import database_name, read_settings, require_database
from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.core.urls import local_url
from duly.database import embedded, figures, migrations
from duly.runtime.context import direct_dsn_of
from duly.services import last_backup, measurements
from duly.services.measurements import Rates, Reading
from duly.utils.sizes import readable

if TYPE_CHECKING:
    from rich.table import Table

_INTERVAL = 2.0
"""Seconds between two looks. Workers write their metrics down once a second."""

_WINDOW = 6
"""Looks of which the first and the last are compared."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_WITHOUT_METRICS = (
    "set DULY_METRICS_PORT and restart Duly to see requests/s, p99, workers and connections"
)

Row = tuple[str, str, str]
"""A name, a style and what is shown."""


def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until Ctrl-C.")] = False,
) -> None:
    """Show the version, the schema, the database, the load and the last backup.

    Exits with 1 if the service does not respond. Most of the load is read from the metrics: see
    DULY_METRICS_PORT.

    Example: duly status --watch
    """
    from rich.console import Console  # slow to import
    from rich.live import Live

    settings = read_settings()
    require_database(settings)
    console = Console(highlight=False)
    if not watch:
        looks = _looks(settings)
        is_ready, rows = next(looks)
        if settings.metrics_port is not None:
            time.sleep(_INTERVAL)
            is_ready, rows = next(looks)
        if console.is_terminal:
            console.print(_table(rows))
        else:  # one line each, for `grep`
            width = max(len(name) for name, _, _ in rows)
            print(*(f"{name:{width}}  {text}" for name, _, text in rows), sep="\n")
        raise typer.Exit(0 if is_ready else 1)
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        for _, rows in _looks(settings):
            live.update(_table(rows), refresh=True)
            time.sleep(_INTERVAL)


def _table(rows: list[Row]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, style, text in rows:
        table.add_row(name, Text(text, style=style))
    return table


def _looks(settings: Settings) -> Iterator[tuple[bool | None, list[Row]]]:
    """Yield whether the service is ready, and what is to be shown, again and again."""
    readings: deque[Reading] = deque(maxlen=_WINDOW)
    url = measurements.metrics_url(settings)
    while True:
        is_ready = measurements.is_ready(settings)
        reading = None if url is None else measurements.read(url)
        if reading is None:
            readings.clear()
        else:
            readings.append(reading)
        rows = [_service_row(settings, is_ready=is_ready), *_database_rows(settings)]
        if url is None:
            rows.append(("Load", "yellow", _WITHOUT_METRICS))
        elif reading is None:
            rows.append(("Load", "red", f"no metrics at {url}"))
        else:
            rows += _load_rows(reading, measurements.rates(readings[0], reading))
        yield is_ready, [*rows, _backup_row(settings)]


def _service_row(settings: Settings, *, is_ready: bool | None) -> Row:
    url = local_url(settings.host, settings.port)
    state = {True: "ready on", False: "not ready on", None: "no response from"}[is_ready]
    return "Duly", "green" if is_ready else "red", f"{version('duly')}, {state} {url}"


def _database_rows(settings: Settings) -> list[Row]:
    name = database_name(settings, is_direct=True)
    if settings.is_embedded and not embedded.is_running(settings.data_dir):
        return [("Database", "red", f"{name}, not running")]
    try:
        found = figures.read(direct_dsn_of(settings))
    except StartupError as error:
        return [("Database", "red", str(error))]
    newest = migrations.revisions()[-1]
    schema, style = f"revision {found.revision}", ""
    if found.revision != newest:
        schema = f"{schema if found.revision else 'missing'}; this version needs {newest}"
        style = "yellow"
    of_all = f"{found.connections} of {found.max_connections} that the server allows"
    is_full = found.connections > 0.9 * found.max_connections  # nearly
    archive: list[Row] = []
    if found.last_archived is not None:
        age = _duration((datetime.now(UTC) - found.last_archived).total_seconds())
        archive = [("Archive", "", f"PostgreSQL archived its log {age} ago")]
    return [
        ("Database", "", f"{name}, PostgreSQL {found.version}, {readable(found.size)}"),
        ("Schema", style, schema),
        ("Connections", "yellow" if is_full else "", of_all),
        *archive,
    ]


def _load_rows(reading: Reading, rates: Rates) -> list[Row]:
    values = reading.values
    running, wanted = values["duly_workers"], values["duly_configured_workers"]
    waiting, in_use = values["duly_pool_waiting_requests"], reading.connections.get("in_use", 0)
    up = _duration(time.time() - values["duly_start_time_seconds"])
    workers = f"{running:.0f} of {wanted:.0f}, {values['duly_worker_deaths_total']:.0f} died"
    pool = f"{in_use:.0f} of {values['duly_pool_capacity']:.0f} connections in use"
    p99 = "" if rates.p99 is None else f", p99 {rates.p99 * 1000:.3g} ms"
    requests = f"{rates.requests:.1f}/s{p99}, {rates.failures:.1%} failed"
    are_failing = rates.failures > 0.01  # noqa: PLR2004  # as the alert has it
    return [
        ("Workers", "red" if running < wanted else "", f"{workers}, up {up}"),
        ("Pool", "yellow" if waiting else "", f"{pool}, {waiting:.0f} requests wait"),
        ("Requests", "red" if are_failing else "", requests),
        ("Streams", "", f"{values['duly_open_streams']:.0f} open"),
    ]


def _backup_row(settings: Settings) -> Row:
    found = last_backup.find(settings)
    if found is None:
        where = "yet" if settings.is_embedded else "here: see those of the database"
        return "Last backup", "yellow" if settings.is_embedded else "", f"none {where}"
    age = (datetime.now(UTC) - found.at).total_seconds()
    return "Last backup", "", f"{_duration(age)} ago, {found.file}"


def _duration(seconds: float) -> str:
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
