"""Rounds: a fault under load, and its effects."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.chaos.clients import Client
from bench.chaos.faults import Fault
from bench.chaos.load import Load, Timeline, until
from bench.chaos.stored import Comparison, compare
from bench.chaos.systems import System
from bench.live import new_person

CLIENTS = 24
RATE = 450.0
"""Writes a second that the clients try, all together."""
_CALM = 1.5
_AFTER = 0.5
_RECOVERY_LIMIT = 30.0
_PAUSE_LIMIT = 40.0


@dataclass
class Round:
    """The effects of one fault."""

    way: str
    fault: Fault
    per_second: float
    """Writes acknowledged before it."""
    down: float
    """Seconds until the part was back."""
    recovery: float
    """Seconds from then until all clients were served, and no request failed."""
    statuses: Counter[int]
    comparison: Comparison
    wrong: list[str] = field(default_factory=list)
    """Statuses and responses that no client may get."""

    @property
    def faults(self) -> list[str]:
        """All that is wrong except for the time."""
        return [*self.comparison.faults, *self.wrong]


async def play(
    system: System, faults: Sequence[Fault], timeline: Timeline, seed: int
) -> list[Round]:
    """Play a round of each fault, in this order, with the same clients."""
    load = Load(CLIENTS, timeline)
    chance = random.Random(seed)
    clients = [
        Client(
            number,
            load,
            system.server,
            await new_person(system.server, f"client-{number}@example.com"),
            chance.getrandbits(32),
        )
        for number in range(CLIENTS)
    ]
    rounds = []
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.run(CLIENTS / RATE))
        with _ending(load):
            for fault in faults:
                rounds.append(await _round(system, fault, load, clients, chance))
                print_round(len(rounds), rounds[-1])
    return rounds


async def _round(
    system: System, fault: Fault, load: Load, clients: Sequence[Client], chance: random.Random
) -> Round:
    load.findings = []
    load.resume()
    began = time.monotonic()
    await asyncio.sleep(_CALM)
    injected = time.monotonic()
    load.mark(fault.name)
    back = await fault.inject(system, load, chance)
    await until(lambda: load.are_all_served(back), _RECOVERY_LIMIT)
    await asyncio.sleep(_AFTER)
    did_pause = await load.pause(_PAUSE_LIMIT)
    wrong = list(load.findings)
    if not did_pause:
        wrong.append("clients were not served again")
    return Round(
        way=system.way,
        fault=fault,
        per_second=len(load.acknowledged(began, injected)) / (injected - began),
        down=back - injected,
        recovery=load.recovered_at(back) - back,
        statuses=Counter(one.status for one in load.samples),
        comparison=await asyncio.to_thread(compare, system.dsn, clients),
        wrong=wrong,
    )


@contextmanager
def _ending(load: Load) -> Iterator[None]:
    """Let the clients end after the block, however it ends."""
    try:
        yield
    finally:
        load.end()


def print_round(number: int, one: Round) -> None:
    """Print one line about a round."""
    print(
        f"{number:3} {one.way:9} {one.fault.name:18} {one.per_second:4.0f}/s before, "
        f"back after {one.down:5.2f} s, service {one.recovery:5.2f} s later, "
        f"{one.comparison.compared} writes compared, {dict(sorted(one.statuses.items()))}",
        flush=True,
    )
    for finding in one.faults[:10]:
        print(f"      {finding}", flush=True)
