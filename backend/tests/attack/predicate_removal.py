"""The attack suite, run against the service with one predicate taken out: does it notice?"""

import itertools
import random
from dataclasses import dataclass, field

from tests.attack.answers import Difference
from tests.attack.attack_run import AttackRun
from tests.attack.environments import Environment
from tests.attack.explained import EXPLAINED
from tests.attack.predicates import Mutant, broken, observed, sources
from tests.attack.series import Series
from tests.attack.shapes import Draft, Shapes
from tests.support.operations import Operation

_ATTEMPTS = 40
_STEPS = 8
_SCOUTINGS = 10
ROUNDS = 3
"""Rounds for most predicates; what chance has kept from one gets `PATIENT_ROUNDS`."""

PATIENT_ROUNDS = 30


@dataclass(frozen=True)
class Step:
    """A part of the suite: attempts on an operation, one list of it, or what operators do."""

    operation: Operation
    draft: Draft | None = None
    is_operator: bool = False


@dataclass
class PredicateRemoval:
    """Knows which part of the suite runs which statement."""

    environments: tuple[Environment, Environment]
    seed: int = 0
    _steps: dict[bytes, list[Step]] = field(default_factory=dict)

    async def scout(self, *, is_thorough: bool) -> None:
        """Run the suite, all predicates standing, until it has run all statements but those explained.

        It gives up after some rounds. Raises `Difference`.
        """
        explained = {name.partition("#")[0] for name in EXPLAINED}
        wanted = {source.sql for source in sources() if source.name not in explained}
        for number in range(_SCOUTINGS):
            await self._scout(number, is_thorough=is_thorough and number == 0)
            if wanted <= self._steps.keys():
                return

    async def _scout(self, number: int, *, is_thorough: bool) -> None:
        attack_run, series = await self._begin()
        with observed(lambda: attack_run.is_attacking) as seen:
            for step in self._all_steps(is_thorough=is_thorough):
                seen.clear()
                series = await self._take(series, step, number)
                for sql in seen:
                    self._steps.setdefault(sql, []).append(step)
            await attack_run.finish()

    async def survives(self, mutant: Mutant, rounds: int = ROUNDS) -> bool:
        """Whether the suite stays green without the predicate."""
        steps = self._steps.get(mutant.source.sql, [])
        # A list by itself is quicker than a row of attempts.
        steps = sorted(steps, key=lambda step: step.draft is None)[:_STEPS]
        for number, step in itertools.product(range(rounds), steps):
            attack_run, series = await self._begin()
            with broken(mutant):
                try:
                    await self._take(series, step, number)
                    await attack_run.finish()
                except Difference:
                    return False
        return True

    def assign(self, sql: bytes, steps: list[Step]) -> None:
        """Take it as known which steps run a statement."""
        assert steps, "nothing runs it"
        self._steps[sql] = steps

    def reaches(self, sql: bytes) -> bool:
        return sql in self._steps

    def _all_steps(self, *, is_thorough: bool) -> list[Step]:
        shapes = Shapes(self.environments[0].app, random.Random(self.seed))
        steps = []
        for operation in shapes.operations:
            steps.append(Step(operation))
            if is_thorough:
                steps += [Step(operation, draft) for draft in shapes.combinations(operation)]
        return [*steps, Step(shapes.operations[0], is_operator=True)]

    async def _begin(self) -> tuple[AttackRun, Series]:
        """Two environments as new, with a victim who came before the attacker and one who came after."""
        for environment in self.environments:
            await environment.clear()
        attack_run = AttackRun(self.environments, self.seed)
        rng = random.Random(self.seed)
        await attack_run.settle(1)
        attacker = await attack_run.attacker(rng)
        series = Series(
            attack_run, attacker.shapes.operations[0], attacker, attack_run.victims[0], rng
        )
        await series.furnish()
        await attack_run.settle(1)
        return attack_run, series

    async def _take(self, series: Series, step: Step, number: int = 0) -> Series:
        series.operation = step.operation
        series.rng = random.Random(f"{self.seed} {step.operation.id} {number}")
        series.places.clear()
        try:
            if step.is_operator:
                await series.disable()
            elif step.draft is not None:
                await series.explore(step.draft)
            else:
                await series.run(_ATTEMPTS)
        except Difference:
            raise
        except Exception as error:
            raise Difference(f"{step.operation.id}: {error!r}") from error
        return series
