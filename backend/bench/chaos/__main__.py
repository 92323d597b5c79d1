"""Break one part after the other under load, and compare what is stored: `make chaos`.

Ends with status 1 if an acknowledged write is lost or doubled, if a client got a response that it
may not get, or if service was not back in time. Faults that this machine cannot play are left out.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chaos import faults, report, systems
from bench.chaos.clocks import compiler
from bench.chaos.faults import Fault
from bench.chaos.load import Timeline
from bench.chaos.picture import picture
from bench.chaos.rounds import Round, play
from bench.chaos.systems import DIRECT, POOLED
from tests.support.pooler import PROGRAMS

PICTURE = Path(__file__).parents[3] / "docs" / "images" / "chaos.svg"


@dataclass(frozen=True)
class Block:
    """Faults that are played on one system."""

    way: str
    faults: tuple[Fault, ...]
    is_small: bool = False
    has_clock: bool = False


def blocks() -> list[Block]:
    """Return the faults that this machine can play, and print those that it cannot."""
    ways = [DIRECT]
    if shutil.which("pgbouncer", path=PROGRAMS):
        ways.append(POOLED)
    else:
        print("PgBouncer is not installed: only direct connections")
    can_mount = systems.can_mount()
    if not can_mount:
        print("A file system cannot be mounted: without a full disk")
    if not compiler():
        print("There is no C compiler: without a clock that jumps")
    found = []
    for way in ways:
        found.append(Block(way, tuple(faults.ordinary(way))))
        found += [Block(way, (faults.DISK,), is_small=True)] * can_mount
        found += [Block(way, (faults.CLOCK,), has_clock=True)] * bool(compiler())
    return found


def plan(found: Sequence[Block], rounds: int, chance: random.Random) -> list[Block]:
    """Share the rounds among all faults, in a random order within each block."""
    kinds = [(block, fault) for block in found for fault in block.faults]
    shares: dict[Block, list[Fault]] = {}
    for number in range(rounds):
        block, fault = kinds[number % len(kinds)]
        shares.setdefault(block, []).append(fault)
    return [
        Block(block.way, tuple(chance.sample(share, len(share))), block.is_small, block.has_clock)
        for block, share in shares.items()
    ]


def run(planned: Sequence[Block], timelines: dict[str, Timeline], seed: int) -> list[Round]:
    """Play all blocks."""
    rounds: list[Round] = []
    for number, block in enumerate(planned):
        timeline = timelines.setdefault(block.way, Timeline())
        with systems.running(
            block.way, is_small=block.is_small, has_clock=block.has_clock
        ) as system:
            rounds += asyncio.run(play(system, block.faults, timeline, seed + number))
    return rounds


def main() -> None:
    """Print the table, and draw the picture."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to write it")
    options = parser.parse_args()
    began, timelines = time.monotonic(), dict[str, Timeline]()
    print(f"seed {options.seed}", flush=True)
    planned = plan(blocks(), options.rounds, random.Random(options.seed))
    rounds = run(planned, timelines, options.seed)
    options.picture.write_text(picture(timelines))
    print(f"\n{report.table(rounds)}\n")
    print(f"statuses: {report.statuses(rounds)}")
    print(
        f"{len(rounds)} rounds in {(time.monotonic() - began) / 60:.0f} minutes, seed "
        f"{options.seed}, load of the machine {os.getloadavg()[2]:.1f}; picture in "
        f"{options.picture}"
    )
    wrong = report.failures(rounds)
    for one in wrong[:20]:
        print(f"  {one}", file=sys.stderr)
    sys.exit(f"{len(wrong)} faults" if wrong else 0)


if __name__ == "__main__":
    main()
