"""The attack suite, run against the service with one predicate taken out: does it notice?"""

import random
from dataclasses import dataclass, field, replace

from tests.attack.answers import Difference
from tests.attack.attack_run import AttackRun
from tests.attack.attackers import Attacker
from tests.attack.environments import Environment
from tests.attack.predicates import Mutant, each_statement, observed
from tests.attack.series import Series
from tests.attack.shapes import Draft, Shapes
from tests.support.operations import Operation

_ATTEMPTS = 40
_STEPS = 8
_ENOUGH = 200
ROUNDS = 3
PATIENT_ROUNDS = 30
"""A predicate has `ROUNDS`, and more if they have not run its statement `_ENOUGH` times.

Some are seen in one of a hundred runs only: a neighbor in the manual order must be the victim's.
"""

UNNOTICED = frozenset(
    {
        "records.changes._setting.lookup other.user_id 1",
        "records.changes._setting.lookup other.user_id 2",
        "records.creation._lookup other.user_id 1",
        "records.retention._LOCK users.id 1",
        "services.quick_add._NAMES lists.user_id 2",
        "services.task_completion.COMPLETE_AGAIN below.user_id 1",
        *(
            f"services.task_completion.COMPLETE_WHOLE.lookup {predicate}"
            for predicate in (
                "child.user_id 1",
                "tasks.user_id 1",
                "tasks.user_id 2",
                "users.id 1",
            )
        ),
        "services.task_completion.COPY_LABELS copy.user_id 1",
        "services.task_completion.REOPEN.lookup parent.user_id 1",
        "services.task_completion.REOPEN.lookup tasks.user_id 2",
        "services.task_occurrences.FACTS copy.user_id 1",
        "services.task_occurrences.FACTS users.id 1",
        "services.task_pages._READ_TIMEZONE users.id 1",
        "services.task_places._FACTS tasks.user_id 1",
    }
)
"""The origins of predicates whose removal no part of the suite is sure to notice.

Most of their statements explain why another one did nothing, and one only locks. Only the check of
owners, when they are compiled, covers them.
"""


@dataclass(frozen=True)
class Step:
    """A part of the suite: attempts on an operation, one list of it, or what operators do."""

    operation: Operation
    draft: Draft | None = None
    is_operator: bool = False

    @property
    def name(self) -> str:
        return f"{self.operation.id} {self.draft and self.draft.query}"

    @property
    def only_reads(self) -> bool:
        """Whether it leaves everything as it was. A list of sessions needs new ones."""
        return self.draft is not None and self.operation.id != "list_sessions"


Steps = dict[bytes, list[Step]]
"""The parts of the suite that run a statement."""


@dataclass
class PredicateRemoval:
    """Runs parts of the suite, each from the same beginning."""

    environments: tuple[Environment, Environment]
    seed: int = 0
    steps: Steps = field(default_factory=dict)
    _green: dict[str, bool] = field(default_factory=dict)
    _beginning: tuple[AttackRun, Attacker] | None = None
    _begun: tuple[AttackRun, Series] | None = None

    def all_steps(self, *, is_thorough: bool) -> list[Step]:
        """The whole suite; with every list by itself, too, if `is_thorough`."""
        shapes = Shapes(self.environments[0].app, random.Random(self.seed))
        steps = []
        for operation in shapes.operations:
            steps.append(Step(operation))
            if is_thorough:
                steps += [Step(operation, draft) for draft in shapes.combinations(operation)]
        return [*steps, Step(shapes.operations[0], is_operator=True)]

    async def statements_of(self, step: Step, number: int) -> set[bytes]:
        """Return the statements that a part of the suite runs, as they are. Raise `Difference`."""
        attack_run, series = await self._begin(step)
        with observed(lambda: attack_run.is_attacking) as seen:
            await self._take(series, step, number)
        return seen

    async def survives(self, mutant: Mutant, rounds: int = PATIENT_ROUNDS) -> bool:
        """Whether the suite stays green without the predicate."""
        # A list by itself is quicker than a row of attempts.
        steps = sorted(self.steps.get(mutant.source.sql, []), key=lambda step: step.draft is None)
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
        for step in self.steps[sql]:
            if step.name not in self._green:
                self._green[step.name], _ = await self._try(step)
        return all(self._green[step.name] for step in self.steps[sql])

    async def _try(
        self, step: Step, number: int = 0, mutant: Mutant | None = None
    ) -> tuple[bool, int]:
        """Whether a part of the suite finds nothing, and how often it has run the mutant."""
        attack_run, series = await self._begin(step)
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
            except Difference:
                return False, runs
        return True, runs

    async def _begin(self, step: Step) -> tuple[AttackRun, Series]:
        """Two environments as new, with a victim who came before the attacker and one who came after."""
        if self._begun is not None and step.only_reads:
            return self._begun
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
        series = Series(attack_run, operation, attacker, attack_run.victims[0], rng)
        self._begun = (attack_run, series) if step.only_reads else None
        return attack_run, series

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
            if step.only_reads:
                await series.check_victim()
            else:
                await series.attack_run.finish()
        except Difference:
            raise
        except Exception as error:
            raise Difference(f"{step.operation.id}: {error!r}") from error
        finally:
            series.attack_run.is_attacking = False
