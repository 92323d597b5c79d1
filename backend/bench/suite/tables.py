"""The tables of docs/performance.md."""

from collections.abc import Callable, Mapping, Sequence

from bench.suite.crowd import CROWD, Crowd
from bench.suite.measure import CONNECTIONS, Figures, Results
from bench.suite.plots import number
from bench.suite.profiling import OTHER, PARTS, Profile
from bench.suite.scenarios import SCENARIOS
from bench.suite.statements import Bare
from bench.suite.systems import WORKERS
from bench.suite.wrk import Throughput

MISSING = "-"
_TIMES = "\N{MULTIPLICATION SIGN}"

Titles = Mapping[str, str]
"""The systems' titles by name, in the order of the tables."""
Memory = tuple[float, float]
"""Megabytes of the server and of its database."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(*, held: bool) -> str:
    """Return a word for a table."""
    return "pass" if held else "**miss**"


def ratios(titles: Titles, results: Results) -> str:
    """Return the CPU time of each system, divided by Duly's."""
    others = [name for name in titles if name not in {"duly", "floor"}]

    def cell(scenario: str, other: str) -> str:
        theirs, ours = results.get((scenario, other)), results.get((scenario, "duly"))
        if theirs is None or ours is None:
            return MISSING
        return f"{theirs.cpu / ours.cpu:.1f} {_TIMES}"

    rows = [
        [f"`{scenario}`: {text}", *(cell(scenario, other) for other in others)]
        for scenario, text in SCENARIOS.items()
        if (scenario, "duly") in results
    ]
    return table(["scenario", *(titles[other] for other in others)], rows)


def _by_system(
    titles: Titles, results: Results, cells: Callable[[Figures], Sequence[str]]
) -> list[list[str]]:
    """Return a row for each scenario and system that has it."""
    rows = []
    for scenario in SCENARIOS:
        label = f"`{scenario}`"
        for name, title in titles.items():
            if (figures := results.get((scenario, name))) is not None:
                rows.append([label, title, *cells(figures)])
                label = ""
    return rows


def costs(titles: Titles, results: Results) -> str:
    """Return throughput and CPU time."""

    def cells(figures: Figures) -> list[str]:
        database = number(figures.database) if figures.database else MISSING
        speed, server, both = map(number, (figures.per_second, figures.server, figures.cpu))
        return [speed, server, database, both, str(figures.errors)]

    header = ["scenario", "system", "requests/s", "server, ms", "database, ms", "both, ms"]
    return table([*header, "errors"], _by_system(titles, results, cells))


def latencies(titles: Titles, results: Results) -> str:
    """Return percentiles at a constant rate."""

    def cells(figures: Figures) -> list[str]:
        cuts = (figures.percentile(share) for share in (0.5, 0.95, 0.99))
        return [number(figures.rate), *map(number, cuts)]

    header = ["scenario", "system", "requests/s", "p50, ms", "p95, ms", "p99, ms"]
    return table(header, _by_system(titles, results, cells))


def floor(results: Results, bare: Mapping[str, Bare]) -> str:
    """Return what server and statement cost alone, beside Duly."""
    rows = []
    for name, statement in bare.items():
        ours, server = results.get((name, "duly")), results.get((name, "floor"))
        if ours is not None:
            alone = number(server.server) if server else MISSING
            shown = map(number, (ours.server, statement.database, ours.database))
            rows.append([f"`{name}`", alone, *shown, number(statement.per_second)])
    header = ["scenario", "server alone, ms", "server of Duly, ms", "statement alone, ms"]
    return table([*header, "database of Duly, ms", "statements/s"], rows)


def _flat_out(who: str, few: Throughput, many: Throughput) -> list[list[str]]:
    bound = 1500 * CROWD / many.per_second
    share = many.per_second / few.per_second
    return [
        [
            f"`list` of {who}, flat out: failed requests",
            "0",
            str(many.errors),
            verdict(held=not many.errors),
        ],
        [
            f"throughput, compared with {CONNECTIONS} connections ({number(few.per_second)}/s)",
            "at least 90 %",
            f"{share * 100:.0f} %",
            verdict(held=share >= 0.9),
        ],
        [
            f"p95, compared with 1.5 {_TIMES} connections / throughput",
            f"at most {number(bound)} ms",
            f"{number(many.p95)} ms",
            verdict(held=many.p95 <= bound),
        ],
    ]


def crowd(found: Crowd) -> str:
    """Return what many connections get."""
    paced = found.each_second
    p95 = paced.percentile(0.95)
    rows = []
    for who, (few, many) in found.flat_out.items():
        rows += _flat_out(who, few.run, many.run)
    rows += [
        [
            "`mix` of 1,000 users, one request a second on each: failed requests",
            "0",
            str(paced.errors),
            verdict(held=not paced.errors),
        ],
        ["p50", "", f"{number(paced.percentile(0.5))} ms", ""],
        ["p95", "at most 20 ms", f"{number(p95)} ms", verdict(held=p95 <= 20)],
    ]
    return table(["what", "goal", "measured", ""], rows)


def memory(titles: Titles, idle: Mapping[str, Memory], loaded: Mapping[str, Memory]) -> str:
    """Return the memory of each system."""
    rows = [
        [
            title,
            *(number(size) if size else MISSING for size in (*idle[name], *loaded[name])),
        ]
        for name, title in titles.items()
    ]
    header = ["system", "server idle", "database idle", "server loaded", "database loaded"]
    return table(header, rows)


def goals(found: Crowd, start_seconds: float) -> str:
    """Return memory and start of Duly beside their goals."""
    size = found.loaded_mb[0]
    rows = [
        [
            f"Duly's server ({WORKERS} workers and a supervisor), at most, under {CROWD:,} connections",
            "at most 256 MB",
            f"{number(size)} MB",
            verdict(held=size <= 256),
        ],
        [
            "a worker, from its fork to its first response",
            "less than 0.5 s",
            f"{number(start_seconds)} s",
            verdict(held=start_seconds < 0.5),
        ],
    ]
    return table(["what", "goal", "measured", ""], rows)


def profile(profiles: Mapping[str, Profile], results: Results) -> str:
    """Return the CPU time of each part of a request."""

    def row(part: str, value: Callable[[str], float | None]) -> list[str]:
        found = [value(name) for name in profiles]
        return [part, *(MISSING if one is None else f"{one * 1000:.0f}" for one in found)]

    def part(of: str) -> Callable[[str], float]:
        return lambda name: profiles[name].share(of) * profiles[name].cpu_ms

    def server(name: str) -> float | None:
        figures = results.get((name, "floor"))
        return figures.server if figures is not None else None

    def database(name: str) -> float | None:
        figures = results.get((name, "duly"))
        return figures.database if figures is not None else None

    rows = [row(name, part(name)) for name in (*PARTS, OTHER)]
    rows.append(row("**application**", lambda name: profiles[name].cpu_ms))
    rows.append(row("HTTP server (constant bytes)", server))
    rows.append(row("database", database))
    return table(["part", *(f"`{name}`" for name in profiles)], rows)
