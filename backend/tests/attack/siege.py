"""The attack suite, run against the service with one wall taken out: does it notice?"""

import itertools
import random
from dataclasses import dataclass, field

from tests.attack.answers import Difference
from tests.attack.chunk import Chunk
from tests.attack.explained import EXPLAINED
from tests.attack.raid import Raid
from tests.attack.shapes import Draft, Shapes
from tests.attack.walls import Mutant, broken, observed, sources
from tests.attack.worlds import World
from tests.support.operations import Operation

_ATTEMPTS = 40
_STEPS = 8
_SCOUTINGS = 10
ROUNDS = 3
"""Rounds for most walls; what chance has kept from one gets `PATIENT_ROUNDS`."""

PATIENT_ROUNDS = 30


@dataclass(frozen=True)
class Step:
    """A part of the suite: attempts on an operation, one list of it, or what operators do."""

    operation: Operation
    draft: Draft | None = None
    is_operator: bool = False


@dataclass
class Siege:
    """Knows which part of the suite runs which statement."""

    worlds: tuple[World, World]
    seed: int = 0
    _steps: dict[bytes, list[Step]] = field(default_factory=dict)

    async def scout(self, *, is_thorough: bool) -> None:
        """Run the suite, all walls standing, until it has run all statements but those explained.

        It gives up after some rounds. Raises `Difference`.
        """
        explained = {name.partition("#")[0] for name in EXPLAINED}
        wanted = {source.sql for source in sources() if source.name not in explained}
        for number in range(_SCOUTINGS):
            await self._scout(number, is_thorough=is_thorough and number == 0)
            if wanted <= self._steps.keys():
                return

    async def _scout(self, number: int, *, is_thorough: bool) -> None:
        raid, chunk = await self._begin()
        with observed(lambda: raid.is_attacking) as seen:
            for step in self._all_steps(is_thorough=is_thorough):
                seen.clear()
                chunk = await self._take(chunk, step, number)
                for sql in seen:
                    self._steps.setdefault(sql, []).append(step)
            await raid.finish()

    async def survives(self, mutant: Mutant, rounds: int = ROUNDS) -> bool:
        """Whether the suite stays green without the wall."""
        steps = self._steps.get(mutant.source.sql, [])
        # A list by itself is quicker than a row of attempts.
        steps = sorted(steps, key=lambda step: step.draft is None)[:_STEPS]
        for number, step in itertools.product(range(rounds), steps):
            raid, chunk = await self._begin()
            with broken(mutant):
                try:
                    await self._take(chunk, step, number)
                    await raid.finish()
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
        shapes = Shapes(self.worlds[0].app, random.Random(self.seed))
        steps = []
        for operation in shapes.operations:
            steps.append(Step(operation))
            if is_thorough:
                steps += [Step(operation, draft) for draft in shapes.combinations(operation)]
        return [*steps, Step(shapes.operations[0], is_operator=True)]

    async def _begin(self) -> tuple[Raid, Chunk]:
        """Two worlds as new, with a victim who came before the intruder and one who came after."""
        for world in self.worlds:
            await world.clear()
        raid = Raid(self.worlds, self.seed)
        rng = random.Random(self.seed)
        await raid.settle(1)
        intruder = await raid.intruder(rng)
        chunk = Chunk(raid, intruder.shapes.operations[0], intruder, raid.victims[0], rng)
        await chunk.furnish()
        await raid.settle(1)
        return raid, chunk

    async def _take(self, chunk: Chunk, step: Step, number: int = 0) -> Chunk:
        chunk.operation = step.operation
        chunk.rng = random.Random(f"{self.seed} {step.operation.id} {number}")
        chunk.places.clear()
        try:
            if step.is_operator:
                await chunk.disable()
            elif step.draft is not None:
                await chunk.explore(step.draft)
            else:
                await chunk.run(_ATTEMPTS)
        except Difference:
            raise
        except Exception as error:
            raise Difference(f"{step.operation.id}: {error!r}") from error
        return chunk
