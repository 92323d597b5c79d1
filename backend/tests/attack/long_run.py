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
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from duly.core.config import Settings, load_settings
from duly.database import embedded
from tests.attack.answers import Difference
from tests.attack.attack_run import AttackRun
from tests.attack.environments import both_environments
from tests.attack.equal_ids import NOTICED
from tests.attack.explained import EXPLAINED
from tests.attack.predicate_removal import (
    PATIENT_ROUNDS,
    ROUNDS,
    UNNOTICED,
    PredicateRemoval,
    Steps,
)
from tests.attack.predicates import Mutant, mutant_of, mutants, sources
from tests.attack.series import attempt
from tests.attack.shapes import OUTSIDE, Shapes
from tests.support.databases import do_without_fsync

T = TypeVar("T")

_SERIES = 50
_PROCESSES = 2
_MUTATING_PROCESSES = 4
"""More than cores, since they wait for the database."""
_PARTS = 24
"""Parts of the mutants: some take far longer than others, and no process should be left alone."""
_STATEMENTS = 8
"""The most statements from which a predicate is removed, of those that one function builds."""
_EXPLANATIONS = 60
"""How many of the explained mutants are tried."""
_SCOUTINGS = 5
"""The most times that the suite is run to find out which part of it runs which statement."""


@dataclass(frozen=True)
class Share:
    """The attempts that one process makes, and its server."""

    dsn: str
    seed: int
    users: int
    attempts: int


@dataclass(frozen=True)
class Found:
    """The result of the attempts of one process."""

    attempts: int
    users: int
    exercised: frozenset[str]
    operations: frozenset[str]
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Removals:
    """The result of removing each predicate once, of the statements that share its origin.

    `unnoticed` are origins. `refuted` are mutants that are explained and were noticed.
    """

    origins: int = 0
    unnoticed: frozenset[str] = frozenset()
    refuted: frozenset[str] = frozenset()
    differences: tuple[str, ...] = ()


def _settings(dsn: str) -> Settings:
    return load_settings(
        database_url=dsn, secret_key=secrets.token_hex(32), bcrypt_cost=4, pool_size=5
    )


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


async def _scout(dsn: str, seed: int, number: int, scouting: int) -> Steps:
    """Which steps run which statements, of every `_MUTATING_PROCESSES`th step."""
    found: Steps = {}
    async with both_environments(_settings(dsn), dsn) as environments:
        removal = PredicateRemoval(environments, seed)
        steps = removal.all_steps(is_thorough=scouting == 0)
        for step in steps[number::_MUTATING_PROCESSES]:
            for sql in await removal.statements_of(step, scouting):
                found.setdefault(sql, []).append(step)
    return found


async def _mutate(dsn: str, seed: int, number: int, steps: Steps) -> set[str]:
    """The origins of every `_PARTS`th that go unnoticed in all of some statements."""
    unnoticed = set()
    async with both_environments(_settings(dsn), dsn) as environments:
        removal = PredicateRemoval(environments, seed, steps)
        for origin in sorted({*_mutants_by_origin()} - _known())[number::_PARTS]:
            all_mutants = _mutants_by_origin()[origin]
            some = random.Random(f"{seed} {origin}").sample(
                all_mutants, min(_STATEMENTS, len(all_mutants))
            )
            rounds = PATIENT_ROUNDS if len(some) < _STATEMENTS else ROUNDS
            for mutant in some:
                if not await removal.survives(mutant, rounds):
                    break
            else:
                unnoticed.add(origin)
    return unnoticed


async def _refute(dsn: str, seed: int, number: int, steps: Steps) -> set[str]:
    """The mutants of every `_PARTS`th explanation that are noticed all the same."""
    names = random.Random(seed).sample(sorted(EXPLAINED), min(_EXPLANATIONS, len(EXPLAINED)))
    async with both_environments(_settings(dsn), dsn) as environments:
        removal = PredicateRemoval(environments, seed, steps)
        return {
            name
            for name in names[number::_PARTS]
            if not await removal.survives(mutant_of(name), ROUNDS)
        }


@cache
def _mutants_by_origin() -> dict[str, list[Mutant]]:
    found: dict[str, list[Mutant]] = {}
    for source in sources():
        for mutant in mutants(source):
            found.setdefault(mutant.origin, []).append(mutant)
    return found


def _run(job: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Run in a process of its own."""
    return asyncio.run(job(*arguments))


def _run_quietly(job: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """The same, without the complaints of an application that is broken on purpose."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # until the process ends
    return _run(job, *arguments)


def _remove_predicates(dsn: str, seed: int) -> Removals:
    """Take out each predicate once. The parts of the suite that run its statement must notice."""
    steps: Steps = {}
    numbers = range(_MUTATING_PROCESSES)
    wanted = [
        {mutant.source.sql for mutant in of_origin}
        for origin, of_origin in _mutants_by_origin().items()
        if origin not in _known()
    ]
    with multiprocessing.get_context("spawn").Pool(_MUTATING_PROCESSES) as pool:
        for scouting in range(_SCOUTINGS):
            calls = [(_scout, dsn, seed, number, scouting) for number in numbers]
            try:
                for found in pool.starmap(_run_quietly, calls):
                    for sql, some in found.items():
                        steps.setdefault(sql, []).extend(some)
            except Difference as difference:
                return Removals(differences=(str(difference),))
            if not any(statements.isdisjoint(steps) for statements in wanted):
                break
        parts = [(dsn, seed, number, steps) for number in range(_PARTS)]
        unnoticed, refuted = (
            pool.starmap(_run_quietly, [(job, *part) for part in parts], chunksize=1)
            for job in (_mutate, _refute)
        )
    return Removals(
        len(_mutants_by_origin()), frozenset().union(*unnoticed), frozenset().union(*refuted)
    )


def _known() -> frozenset[str]:
    """The origins of predicates whose removal is noticed elsewhere, or need not be, or is not."""
    return frozenset(mutant_of(name).origin for name in EXPLAINED) | NOTICED | UNNOTICED


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
    started = time.monotonic()
    users, attempts = -(-options.users // _PROCESSES), -(-options.attempts // _PROCESSES)
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool:
        shares = [
            Share(dsn, options.seed + number, users, attempts) for number in range(_PROCESSES)
        ]
        found = pool.starmap(_run, [(_attack, share) for share in shares])
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
    removals = _remove_predicates(dsn, options.seed)
    differences += removals.differences
    print(
        f"predicates: {removals.origins} of {len(sources())} statements, seed {options.seed}: "
        f"{len(removals.unnoticed)} removed unnoticed, {len(_known())} left to other tests "
        f"({time.monotonic() - started:.0f} s)"
    )
    problems = [
        *differences,
        *(f"{origin}: removed unnoticed" for origin in removals.unnoticed),
        *(f"{name}: explained, but noticed" for name in removals.refuted),
        *(f"{name}: not exercised" for name in operations - exercised - OUTSIDE),
    ]
    for text in sorted(problems):
        print(f"  {text}", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
