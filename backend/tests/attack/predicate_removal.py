"""The attack suite, run against the service with one predicate taken out: does it notice?"""

import random
from dataclasses import dataclass, field, replace

from tests.attack.answers import Difference
from tests.attack.attack_run import AttackRun
from tests.attack.attackers import Attacker
from tests.attack.environments import Environment
from tests.attack.explained import EXPLAINED
from tests.attack.predicates import Mutant, each_statement, observed, sources
from tests.attack.series import Series
from tests.attack.shapes import Draft, Shapes
from tests.support.operations import Operation

_ATTEMPTS = 40
_STEPS = 8
_SCOUTINGS = 10
_ENOUGH = 20
ROUNDS = 3
PATIENT_ROUNDS = 30
"""A predicate has `ROUNDS`, and more if they have not run its statement `_ENOUGH` times."""


@dataclass(frozen=True)
class Step:
    """A part of the suite: attempts on an operation, one list of it, or what operators do."""

    operation: Operation
    draft: Draft | None = None
    is_operator: bool = False

    @property
    def name(self) -> str:
        return f"{self.operation.id} {self.draft and self.draft.query}"


@dataclass
class PredicateRemoval:
    """Knows which part of the suite runs which statement."""

    environments: tuple[Environment, Environment]
    seed: int = 0
    _steps: dict[bytes, list[Step]] = field(default_factory=dict)
    _green: dict[str, bool] = field(default_factory=dict)
    _beginning: tuple[AttackRun, Attacker] | None = None

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
        for step in self._all_steps(is_thorough=is_thorough):
            for sql in await self._statements_of(step, number):
                self._steps.setdefault(sql, []).append(step)

    async def _statements_of(self, step: Step, number: int) -> set[bytes]:
        attack_run, series = await self._begin()
        with observed(lambda: attack_run.is_attacking) as seen:
            await self._take(series, step, number)
        await attack_run.finish()
        return seen

    async def survives(self, mutant: Mutant, rounds: int = PATIENT_ROUNDS) -> bool:
        """Whether the suite stays green without the predicate."""
        # A list by itself is quicker than a row of attempts.
        steps = sorted(self._steps.get(mutant.source.sql, []), key=lambda step: step.draft is None)
        runs = 0
        for number in range(rounds):
            if number >= ROUNDS and runs >= _ENOUGH:
                break
            for step in steps[:_STEPS]:
                is_green, more = await self._try(step, number, mutant)
                if not is_green:
                    return False
                runs += more
        return True

    async def is_green(self, sql: bytes) -> bool:
        """Whether the suite finds nothing in the parts that run a statement, as it is."""
        for step in self._steps[sql]:
            if step.name not in self._green:
                self._green[step.name], _ = await self._try(step)
        return all(self._green[step.name] for step in self._steps[sql])

    async def _try(
        self, step: Step, number: int = 0, mutant: Mutant | None = None
    ) -> tuple[bool, int]:
        """Whether a part of the suite finds nothing, and how often it has run the mutant."""
        attack_run, series = await self._begin()
        runs = 0

        def change(sql: bytes) -> bytes:
            nonlocal runs
            if mutant is None or sql != mutant.source.sql:
                return sql
            runs += attack_run.is_attacking
            return mutant.sql

        with each_statement(change):
            try:
                await self._take(series, step, number)
                await attack_run.finish()
            except Difference:
                return False, runs
        return True, runs

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
        if self._beginning is None:
            self._beginning = await self._settle()
            for environment in self.environments:
                await environment.keep()
        else:
            for environment in self.environments:
                await environment.restore()
        attack_run, attacker = self._beginning
        # The application may still know which of the sessions a former run has ended.
        attacker = attacker.copy()
        for person in (*attacker.both, *(victim.person for victim in attack_run.victims)):
            await person.sign_in()
        for victim in attack_run.victims:
            await victim.settle()
        rng = random.Random(self.seed)
        operation = attacker.shapes.operations[0]
        attack_run = replace(attack_run, exercised=set())
        return attack_run, Series(attack_run, operation, attacker, attack_run.victims[0], rng)

    async def _settle(self) -> tuple[AttackRun, Attacker]:
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
        return attack_run, attacker

    async def _take(self, series: Series, step: Step, number: int = 0) -> None:
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
