"""`duly doctor`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from duly.cli.common import direct_database, require_database
from duly.core.config import Settings, load_settings
from duly.core.errors import StartupError
from duly.core.logging import configure_logging
from duly.runtime.context import dsn_of
from duly.services.database_findings import examine_database
from duly.services.doctor import examine_machine, examine_services
from duly.services.findings import Finding, problem

_COLORS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "problem": typer.colors.RED}


def doctor(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, for programs.")
    ] = False,
) -> None:
    """Examine the installation, and say what to do. Changes nothing.

    Exits with status 1 if there is a problem.

    Example: duly doctor
    """
    found = []
    for finding in _examine():
        found.append(finding)
        if not as_json:
            _print(finding)
    worst = next(
        (status for status in ("problem", "warning") if any(f.status == status for f in found)),
        "ok",
    )
    if as_json:
        print(json.dumps({"status": worst, "findings": [one.as_dict() for one in found]}))
    if worst == "problem":
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except StartupError as error:
        yield problem("settings", str(error), "correct it; nothing else was examined")
        return
    configure_logging("error", settings.log_format)
    yield from examine_machine(settings)
    yield from _database(settings)
    yield from examine_services(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        require_database(settings)
    except StartupError as error:
        yield problem("connection", str(error), "start Duly once, or restore a backup")
        return
    try:
        with direct_database(settings) as direct_dsn:
            yield from examine_database(settings, dsn_of(settings), direct_dsn)
    except StartupError as error:
        yield problem("connection", str(error), "see docs/deployment.md, Failures and recovery")


def _print(finding: Finding) -> None:
    status = typer.style(f"{finding.status:8}", fg=_COLORS[finding.status])
    advice = f" → {finding.advice}" if finding.advice else ""
    typer.echo(f"{status} {finding.check:20} {finding.message}{advice}")
