# ruff: noqa: T201  # it reports
"""The attack suite at full length: `make attack`.

Many users, a hundred thousand attempts, and every wall of every statement taken out once.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duly.core.config import Settings, load_settings
from duly.database import embedded
from tests.attack.answers import Difference
from tests.attack.chunk import attempt
from tests.attack.explained import EXPLAINED
from tests.attack.raid import Raid
from tests.attack.shapes import Shapes
from tests.attack.siege import PATIENT_ROUNDS, ROUNDS, Siege
from tests.attack.walls import mutants, sources
from tests.attack.worlds import two_worlds

_CHUNK = 50
_PROCESSES = 2


@dataclass(frozen=True)
class Share:
    """What one process does, and on which server."""

    dsn: str
    number: int
    users: int
    attempts: int
    seed: int
    walls: bool


@dataclass(frozen=True)
class Found:
    """What one process found."""

    attempts: int = 0
    users: int = 0
    exercised: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    differences: tuple[str, ...] = ()
    mutants: int = 0
    unseen: frozenset[str] = frozenset()


def _settings(dsn: str) -> Settings:
    return load_settings(
        database_url=dsn, secret_key=secrets.token_hex(32), bcrypt_cost=4, pool_size=5
    )


def work(share: Share) -> Found:
    """Run in a process of its own."""
    if share.walls:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # broken on purpose, it complains
    return asyncio.run(_mutate(share) if share.walls else _attack(share))


async def _attack(share: Share) -> Found:
    differences: list[str] = []
    async with two_worlds(_settings(share.dsn), share.dsn) as worlds:
        raid = Raid(worlds, share.seed)
        await raid.settle(share.users // 2)
        rng = random.Random(share.seed)
        operations = Shapes(worlds[0].app, rng).operations
        try:
            while raid.attempts < share.attempts or raid.users < share.users:
                intruder = await raid.intruder(rng)
                for operation in rng.sample(operations, len(operations)):
                    left = max(1, min(_CHUNK, share.attempts - raid.attempts))
                    intruder = await attempt(raid, operation, intruder, left, f"{rng.random()}")
            await raid.finish()
        except Difference as difference:
            differences.append(str(difference))
        names = frozenset(operation.id for operation in operations)
        return Found(
            raid.attempts, raid.users, frozenset(raid.exercised), names, tuple(differences)
        )


async def _mutate(share: Share) -> Found:
    unseen, count = set(), 0
    async with two_worlds(_settings(share.dsn), share.dsn) as worlds:
        siege = Siege(worlds, share.seed)
        try:
            await siege.scout(is_thorough=True)
        except Difference as difference:
            return Found(differences=(str(difference),))
        for mutant in [m for source in sources() for m in mutants(source)][
            share.number :: _PROCESSES
        ]:
            count += 1
            rounds = ROUNDS if mutant.name in EXPLAINED else PATIENT_ROUNDS
            if await siege.survives(mutant, rounds):
                unseen.add(mutant.name)
    return Found(mutants=count, unseen=frozenset(unseen))


def _run(shares: Sequence[Share]) -> list[Found]:
    with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
        return pool.map(work, shares)


def main() -> int:
    """Run it all; the exit status tells whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = parser.parse_args()
    data_dir = Path(tempfile.mkdtemp(prefix="duly-attack-"))
    try:
        with embedded.running(data_dir) as dsn:
            return _report(dsn, options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _report(dsn: str, options: Any) -> int:
    def shares(*, walls: bool) -> list[Share]:
        users, attempts = -(-options.users // _PROCESSES), -(-options.attempts // _PROCESSES)
        return [
            Share(dsn, number, users, attempts, options.seed + number, walls)
            for number in range(_PROCESSES)
        ]

    started = time.monotonic()
    found = _run(shares(walls=False))
    operations = frozenset().union(*(item.operations for item in found))
    exercised = frozenset().union(*(item.exercised for item in found))
    differences = [text for item in found for text in item.differences]
    print(
        f"attack: {sum(item.attempts for item in found)} attempts by "
        f"{sum(item.users for item in found)} users on {len(exercised)} of {len(operations)} "
        f"operations, seed {options.seed}: {len(differences)} differences "
        f"({time.monotonic() - started:.0f} s)",
        flush=True,
    )
    started = time.monotonic()
    found = _run(shares(walls=True))
    differences += [text for item in found for text in item.differences]
    unseen = frozenset().union(*(item.unseen for item in found))
    print(
        f"walls: {sum(item.mutants for item in found)} mutants of {len(sources())} statements, "
        f"seed {options.seed}: {len(unseen)} unseen, {len(EXPLAINED)} explained "
        f"({time.monotonic() - started:.0f} s)"
    )
    for text in [*differences, *sorted(unseen ^ set(EXPLAINED)), *sorted(operations - exercised)]:
        print(f"  {text}", file=sys.stderr)
    return int(bool(differences) or unseen != set(EXPLAINED) or exercised != operations)


if __name__ == "__main__":
    sys.exit(main())
