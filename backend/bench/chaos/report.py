"""The table of a run, one row for each fault and way."""

import statistics
from collections import Counter
from collections.abc import Sequence

from bench.chaos.clients import REPEATED
from bench.chaos.faults import ALL
from bench.chaos.rounds import Round
from bench.chaos.systems import DIRECT, POOLED

_HEAD = (
    "| fault | way | rounds | writes/s before | failed | lost | doubled | wrong | "
    "part back after s | service back s, median (max) | goal s |\n"
    "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
)


def table(rounds: Sequence[Round]) -> str:
    """Return it as Markdown."""
    groups = (
        [one for one in rounds if (one.fault, one.way) == (fault, way)]
        for fault in ALL
        for way in (DIRECT, POOLED)
    )
    return "\n".join([_HEAD, *(_row(group) for group in groups if group)])


def _row(group: Sequence[Round]) -> str:
    first = group[0]
    statuses = sum((one.statuses for one in group), Counter[int]())
    failed = sum(number for status, number in statuses.items() if status in REPEATED)
    lost, doubled, wrong = (
        sum(len(part) for part in parts)
        for parts in (
            [one.comparison.lost for one in group],
            [one.comparison.doubled for one in group],
            [one.wrong + one.comparison.broken for one in group],
        )
    )
    times = [one.recovery for one in group]
    return (
        f"| {first.fault.name} | {first.way} | {len(group)} | "
        f"{statistics.median(one.per_second for one in group):.0f} | {failed:,} | "
        f"{lost} | {doubled} | {wrong} | {statistics.median(one.down for one in group):.1f} | "
        f"{statistics.median(times):.2f} ({max(times):.2f}) | {first.fault.goal} |"
    )


def statuses(rounds: Sequence[Round]) -> str:
    """Return how many responses had each status; 0 is a connection that was cut."""
    found = sum((one.statuses for one in rounds), Counter[int]())
    return ", ".join(f"{status or 'cut'}: {number:,}" for status, number in sorted(found.items()))


def failures(rounds: Sequence[Round]) -> list[str]:
    """Describe each finding, and each recovery that took too long."""
    found = [f"{one.fault.name}, {one.way}: {finding}" for one in rounds for finding in one.faults]
    late = [
        f"{one.fault.name}, {one.way}: service was back after {one.recovery:.2f} s"
        for one in rounds
        if one.recovery > one.fault.goal
    ]
    return found + late
