# ruff: noqa: T201  # it reports
"""The attack suite at full length: `make attack`.

Many users, a hundred thousand attempts, and every predicate of every statement taken out once.
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
from tests.attack.attack_run import AttackRun
from tests.attack.environments import both_environments
from tests.attack.explained import EXPLAINED
from tests.attack.predicate_removal import PATIENT_ROUNDS, ROUNDS, PredicateRemoval
from tests.attack.predicates import mutants, sources
from tests.attack.series import attempt
from tests.attack.shapes import Shapes
from tests.support.databases import do_without_fsync

_SERIES = 50
_PROCESSES = 2
_MUTATING_PROCESSES = 4
"""More than cores, since they wait for the database."""


@dataclass(frozen=True)
class Share:
    """What one process does, and on which server."""

    dsn: str
    number: int
    users: int
    attempts: int
    seed: int
    predicates: bool


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
    if share.predicates:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # broken on purpose, it complains
    return asyncio.run(_mutate(share) if share.predicates else _attack(share))


async def _attack(share: Share) -> Found:
    differences: list[str] = []
    async with both_environments(_settings(share.dsn), share.dsn) as environments:
        attack_run = AttackRun(environments, share.seed)
        await attack_run.settle(share.users // 2)
        rng = random.Random(share.seed)
        operations = Shapes(environments[0].app, rng).operations
        try:
            while attack_run.attempts < share.attempts or attack_run.users < share.users:
                attacker = await attack_run.attacker(rng)
                for operation in rng.sample(operations, len(operations)):
                    left = max(1, min(_SERIES, share.attempts - attack_run.attempts))
                    attacker = await attempt(
                        attack_run, operation, attacker, left, f"{rng.random()}"
                    )
            await attack_run.finish()
        except Difference as difference:
            differences.append(str(difference))
        names = frozenset(operation.id for operation in operations)
        return Found(
            attack_run.attempts,
            attack_run.users,
            frozenset(attack_run.exercised),
            names,
            tuple(differences),
        )


async def _mutate(share: Share) -> Found:
    unseen, count = set(), 0
    async with both_environments(_settings(share.dsn), share.dsn) as environments:
        removal = PredicateRemoval(environments, share.seed)
        try:
            await removal.scout(is_thorough=True)
        except Difference as difference:
            return Found(differences=(str(difference),))
        for mutant in [m for source in sources() for m in mutants(source)][
            share.number :: _MUTATING_PROCESSES
        ]:
            count += 1
            rounds = ROUNDS if mutant.name in EXPLAINED else PATIENT_ROUNDS
            if await removal.survives(mutant, rounds):
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
            do_without_fsync(dsn)
            return _report(dsn, options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _report(dsn: str, options: Any) -> int:
    def shares(*, predicates: bool) -> list[Share]:
        users, attempts = -(-options.users // _PROCESSES), -(-options.attempts // _PROCESSES)
        processes = _MUTATING_PROCESSES if predicates else _PROCESSES
        return [
            Share(dsn, number, users, attempts, options.seed + number, predicates)
            for number in range(processes)
        ]

    started = time.monotonic()
    found = _run(shares(predicates=False))
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
    found = _run(shares(predicates=True))
    differences += [text for item in found for text in item.differences]
    unseen = frozenset().union(*(item.unseen for item in found))
    print(
        f"predicates: {sum(item.mutants for item in found)} mutants of {len(sources())} statements, "
        f"seed {options.seed}: {len(unseen)} unseen, {len(EXPLAINED)} explained "
        f"({time.monotonic() - started:.0f} s)"
    )
    for text in [*differences, *sorted(unseen ^ set(EXPLAINED)), *sorted(operations - exercised)]:
        print(f"  {text}", file=sys.stderr)
    return int(bool(differences) or unseen != set(EXPLAINED) or exercised != operations)


if __name__ == "__main__":
    sys.exit(main())
