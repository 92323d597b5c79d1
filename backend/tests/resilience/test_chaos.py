"""A short form of `make chaos`: one round of each fault. Times are not asserted."""

import asyncio
import sys

import psycopg
import pytest

from bench.chaos import faults, systems
from bench.chaos.__main__ import Block, blocks
from bench.chaos.load import Timeline
from bench.chaos.picture import picture
from bench.chaos.report import table
from bench.chaos.rounds import Round, play
from bench.chaos.systems import DIRECT, System

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the faults are those of Linux"),
]

_COPY = """INSERT INTO tasks (user_id, id, title, position, revision, created_at, updated_at)
SELECT user_id, gen_random_uuid(), title, position, revision + 1, created_at, updated_at FROM one"""


def played(system: System, block: Block, timeline: Timeline) -> list[Round]:
    return asyncio.run(play(system, block.faults, timeline, seed=1))


@pytest.mark.parametrize(
    "block", blocks(), ids=lambda block: f"{block.way}-{block.faults[0].name}"
)
def test_acknowledged_writes_survive_each_fault_and_no_other_status_is_returned(
    block: Block,
) -> None:
    timeline = Timeline()
    with systems.running(block.way, is_small=block.is_small, has_clock=block.has_clock) as system:
        rounds = played(system, block, timeline)

    assert [one.faults for one in rounds] == [[] for _ in block.faults]
    assert all(one.comparison.compared > 0 for one in rounds)
    assert len(table(rounds).splitlines()) == 2 + len(block.faults)
    assert picture({block.way: timeline}).count("<title>") == 1 + len(block.faults)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE tasks SET title = 'another' WHERE id = (SELECT id FROM one)", "lost"),
        ("DELETE FROM tasks WHERE id = (SELECT id FROM one)", "lost"),
        (_COPY, "doubled"),
    ],
)
def test_writes_that_are_lost_or_doubled_are_found(tampering: str, found: str) -> None:
    async def tamper(system: System, *_: object) -> float:
        with psycopg.connect(system.dsn, autocommit=True) as connection:
            connection.execute(
                "WITH one AS (SELECT * FROM tasks WHERE completed_at IS NULL "
                f"AND trashed_at IS NULL LIMIT 1) {tampering}".encode()
            )
        return asyncio.get_running_loop().time()

    fault = faults.Fault("rows changed by hand", 0.0, tamper)
    with systems.running(DIRECT) as system:
        [one] = played(system, Block(DIRECT, (fault,)), Timeline())

    assert getattr(one.comparison, found)
