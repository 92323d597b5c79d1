"""Compares the rows of the database with the writes that clients had acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.chaos.clients import Client, Memory
from tests.support.invariants import violations

_TASKS = """
SELECT user_id::text, id::text, title, completed_at IS NOT NULL, trashed_at IS NOT NULL, revision,
       occurrence_of::text, occurrence::text
FROM tasks
"""
_RECURRING = "SELECT id::text, recurrence_occurrence::text FROM tasks WHERE id = ANY(%s)"


@dataclass
class Comparison:
    """How many acknowledged writes were compared, and what differs."""

    compared: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Conditions that hold for all rows of a user, and do not."""

    @property
    def faults(self) -> list[str]:
        """All that differs."""
        return [*self.lost, *self.doubled, *self.broken]


def compare(dsn: str, clients: Sequence[Client]) -> Comparison:
    """Compare all rows with what the clients remember. No client may be writing."""
    found = Comparison()
    rows: dict[str, list[Any]] = defaultdict(list)
    with psycopg.connect(dsn) as connection:
        for user_id, *row in connection.execute(_TASKS):
            rows[user_id].append(row)
        recurring = [one.memory.recurring for one in clients if one.memory.recurring]
        occurrences: dict[str, str] = dict(connection.execute(_RECURRING, [recurring]).fetchall())
        for client in clients:
            found.broken += violations(connection, client.user_id)
    for client in clients:
        _compare_tasks(client.memory, rows[client.user_id], found)
        _compare_occurrences(client.memory, rows[client.user_id], occurrences, found)
    return found


def _compare_tasks(memory: Memory, rows: Sequence[Any], found: Comparison) -> None:
    stored = {row[0]: row for row in rows if row[5] is None and row[0] != memory.recurring}
    for task_id, task in memory.tasks.items():
        found.compared += 1
        row = stored.pop(task_id, None)
        expected = [task.title, task.is_completed, task.is_trashed]
        if row is None:
            found.lost.append(f"task {task_id} is missing")
        elif row[1:4] != expected or task.version not in {row[4], None}:
            found.lost.append(f"task {task_id}: {task} acknowledged, {row[1:5]} stored")
    # Each write was repeated until it was acknowledged, so there is nothing else.
    found.lost += [
        f"task {task_id} was erased, and is there"
        for task_id in stored
        if task_id in memory.erased
    ]
    found.doubled += [
        f"task {task_id}, {row[1]}, was created by no acknowledged request"
        for task_id, row in stored.items()
        if task_id not in memory.erased
    ]


def _compare_occurrences(
    memory: Memory, rows: Sequence[Any], occurrences: dict[str, str], found: Comparison
) -> None:
    if memory.recurring is None:
        return
    copies = Counter(row[6] for row in rows if row[5] == memory.recurring)
    found.compared += len(memory.completed)
    found.lost += [f"occurrence {one} has no copy" for one in set(memory.completed) - set(copies)]
    found.doubled += [
        f"occurrence {one} has {number} copies"
        for one, number in copies.items()
        if number > 1 or one not in memory.completed
    ]
    at = occurrences.get(memory.recurring)
    if at != memory.occurrence:
        found.lost.append(f"{memory.recurring}: {memory.occurrence} acknowledged, {at} stored")
