"""Attempts by the thousand: each input of each operation, with each value of a victim in it.

What an attacker sees where the victims live must be what is seen where nobody ever heard of them;
an error must also be, byte for byte, the one that an id gets which never was. And after every
series the victims' rows are as they were, down to the transactions that last touched them.
"""

import random
from dataclasses import dataclass, field

from tests.attack.answers import Difference
from tests.attack.attackers import Attacker, settle_attacker
from tests.attack.environments import Environment
from tests.attack.shapes import Shapes
from tests.attack.victims import Victim, settle_victim

# Users with each revision that an attacker can have: what is written only where the revision is
# the caller's must not be written there.
BYSTANDERS = """
INSERT INTO users (id, email, password_hash, revision)
SELECT ('ffffffff-ffff-4fff-bfff-' || lpad(to_hex(n), 12, '0'))::uuid, n || '@example.org', '', n
FROM generate_series(1, 2000) AS n ON CONFLICT DO NOTHING
"""
CHANGED_BYSTANDERS = """
SELECT count(*) FROM users
WHERE right(email, 12) = '@example.org'
AND (revision <> split_part(email, '@', 1)::bigint OR xmax::text <> '0')
"""


@dataclass
class AttackRun:
    """One run, and what it has found."""

    environments: tuple[Environment, Environment]
    seed: int
    victims: list[Victim] = field(default_factory=list)
    attempts: int = 0
    is_attacking: bool = False
    users: int = 0
    exercised: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)

    async def settle(self, victims: int) -> None:
        """Let people live in the first environment."""
        if not self.victims:
            await self.environments[0].rows(BYSTANDERS)
        rng = random.Random(f"{self.seed} victims {self.users}")
        for _ in range(victims):
            victim = await settle_victim(self.environments[0], rng)
            self.victims.append(victim)
            self.secrets |= victim.secrets
        self.users += victims

    async def attacker(self, rng: random.Random) -> Attacker:
        """Somebody new who is up to no good."""
        self.users += 1
        return await settle_attacker(self.environments, Shapes(self.environments[0].app, rng), rng)

    async def check_bystanders(self) -> None:
        """Nobody has changed or locked the row of a bystander. Raises `Difference`."""
        [(count,)] = await self.environments[0].rows(CHANGED_BYSTANDERS)
        if count:
            raise Difference("the row of a bystander has been changed or locked")

    async def finish(self) -> None:
        """All victims have what they had, and see what they saw. Raises `Difference`."""
        await self.check_bystanders()
        for victim in self.victims:
            before = victim.rows, victim.export
            await victim.settle()
            if before != (victim.rows, victim.export):
                raise Difference("a victim's data has changed")
