"""docs/performance.md and its plots."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template

from bench.suite import flames, plots, pocketbase, tables, wrk
from bench.suite.crowd import CROWD, Crowd
from bench.suite.measure import CONNECTIONS, Figures, Results
from bench.suite.profiling import Profile
from bench.suite.scenarios import SCENARIOS, Size
from bench.suite.statements import Bare
from bench.suite.systems import WORKERS

_TEMPLATE = Path(__file__).with_name("template.md")
_PACKAGES = ("fastapi", "granian", "psycopg", "sqlmodel", "uvloop")
_NOT_SHOWN = "batch"
"""It takes a hundred times as long as the others, whose bars would vanish."""


@dataclass
class Report:
    """Everything that a run measured."""

    titles: tables.Titles
    results: Results
    bare: Mapping[str, Bare]
    crowd: Crowd
    idle: Mapping[str, tables.Memory]
    loaded: Mapping[str, tables.Memory]
    start_seconds: float
    profiles: Mapping[str, Profile]
    size: Size
    rounds: int
    seconds: int
    minutes: float
    others: float
    """The share of all cores that other programs used meanwhile."""
    problems: Sequence[str]
    notes: Sequence[str]


def write(report: Report, docs: Path) -> None:
    """Write the document and its plots."""
    directory = docs / "performance"
    directory.mkdir(parents=True, exist_ok=True)
    (docs / "performance.md").write_text(document(report))
    charts = {
        "cpu": ("CPU time per request", lambda figures: figures.cpu),
        "latency": ("p95 at a constant rate", lambda figures: figures.percentile(0.95)),
    }
    for name, (title, value) in charts.items():
        (directory / f"{name}.svg").write_text(_chart(report, title, value))
    title = "CPU time of reading a task"
    (directory / "flame.svg").write_text(flames.graph(title, report.profiles["get"].stacks))


def document(report: Report) -> str:
    """Return the text."""
    titles, results, size = report.titles, report.results, report.size
    return Template(_TEMPLATE.read_text()).substitute(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        minutes=f"{report.minutes:.0f}",
        others=f"{report.others:.0%}".replace("%", " %"),
        pocketbase=pocketbase.VERSION,
        machine=_machine(),
        ratios=tables.ratios(titles, results),
        problems=_problems(report),
        connections=CONNECTIONS,
        rounds=report.rounds,
        seconds=report.seconds,
        costs=tables.costs(titles, results),
        latencies=tables.latencies(titles, results),
        floor=tables.floor(results, report.bare),
        crowd_size=f"{CROWD:,}",
        workers=WORKERS,
        crowd=tables.crowd(report.crowd),
        memory=tables.memory(titles, report.idle, report.loaded),
        goals=tables.goals(report.crowd, report.start_seconds),
        profile=tables.profile(report.profiles, results),
        generator=wrk.generator(),
        readers=size.readers,
        writers=size.writers,
        quiet=size.quiet,
        signers=size.signers,
        tasks=size.tasks,
        versions=", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    )


def _problems(report: Report) -> str:
    failed = [
        f"{report.titles[system]} {scenario}: {figures.errors}"
        for (scenario, system), figures in report.results.items()
        if figures.errors
    ]
    if report.crowd.errors:
        failed.append(f"{CROWD:,} connections: {report.crowd.errors}")
    found = [*report.problems, *([f"Failed requests: {', '.join(failed)}."] if failed else [])]
    fine = "No request failed, and no server logged an error."
    return "\n\n".join([*report.notes, *(found or [fine])])


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu = f"{os.cpu_count()} cores ({names[0] if names else platform.machine()})"
    kernel = platform.release().partition("-")[0]
    return f"{cpu}, {memory:.0f} GB, Linux {kernel} and CPython {platform.python_version()}"


def _chart(report: Report, title: str, value: Callable[[Figures], float]) -> str:
    shown = {name: title for name, title in report.titles.items() if name != "floor"}
    groups = {
        text.replace("`", ""): {
            shown[system]: value(report.results[scenario, system])
            for system in shown
            if (scenario, system) in report.results
        }
        for scenario, text in SCENARIOS.items()
        if scenario != _NOT_SHOWN
    }
    return plots.bars(title, groups, list(shown.values()), "ms")
