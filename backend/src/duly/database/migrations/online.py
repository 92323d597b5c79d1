"""Steps of a migration that runs while Duly serves requests.

On a database that was not empty, each step is a transaction of its own, and none blocks requests for
long. A migration that was interrupted is run again from the start of its revision, so each step must
be repeatable: say IF EXISTS and IF NOT EXISTS, and drop a constraint before adding it. On a database
that was empty, the steps are plain statements in one transaction, which is several times as fast.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import op

from duly.core.errors import StartupError

Driver = psycopg.Connection[Any]

# Requests that need the table queue behind a statement that waits for its lock. The short tries let
# them pass again. The longer ones end an autovacuum: PostgreSQL cancels it for a statement that has
# waited for a second (`deadlock_timeout`).
_TRIES = [(0.2, 1.0)] * 5 + [(1.5, 10.0)] * 20
"""The seconds for which a statement waits for its lock, and those until the next try."""


def is_online() -> bool:
    """Whether there may be rows and requests: false for a database that was empty at first."""
    return bool(op.get_context().opts["is_online"])


@contextmanager
def outside_transactions() -> Iterator[Driver]:
    """Commit, and yield the driver's connection, on which each statement is a transaction."""
    with op.get_context().autocommit_block():
        driver = op.get_bind().connection.driver_connection
        assert driver is not None
        yield driver


def run(statement: str) -> None:
    """Run a statement that may take long, and whose locks do not block requests."""
    if not is_online():
        op.get_bind().exec_driver_sql(statement)
        return
    with outside_transactions() as driver:
        driver.execute(statement.encode())


def run_locking(statement: str) -> None:
    """Run a quick statement whose lock blocks requests, such as ALTER TABLE, without queueing them.

    It must lock one table only that requests use: with a second one it could cause a deadlock.
    Raises `StartupError` if another transaction keeps the table locked through all tries.
    """
    if not is_online():
        op.get_bind().exec_driver_sql(statement)
        return
    with outside_transactions() as driver:
        for timeout, pause in _TRIES:
            try:
                with driver.transaction():
                    driver.execute(f"SET LOCAL lock_timeout = {round(timeout * 1000)}".encode())
                    driver.execute(statement.encode())
            except psycopg.errors.LockNotAvailable:
                time.sleep(pause)
            else:
                return
    raise StartupError(
        "a long transaction, such as a backup, keeps a table locked; wait until it has ended, "
        "then run `duly migrate` again, which continues where it stopped"
    )


def create_index(
    name: str, table: str, parts: str, where: str | None = None, *, is_unique: bool = False
) -> None:
    """Create an index without blocking writes; replace one whose creation was interrupted."""
    create = f"CREATE {'UNIQUE ' if is_unique else ''}INDEX"
    target = f"{name} ON {table} ({parts})" + (f" WHERE {where}" if where else "")
    if not is_online():
        run(f"{create} {target}")
        return
    with outside_transactions() as driver:
        is_invalid = (
            b"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"
        )
        if driver.execute(is_invalid, [name]).fetchone():
            driver.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}".encode())
        driver.execute(f"{create} CONCURRENTLY IF NOT EXISTS {target}".encode())


def drop_indexes(*names: str) -> None:
    """Drop indexes, if they are there, without blocking requests."""
    mode = "CONCURRENTLY " if is_online() else ""
    for name in names:
        run(f"DROP INDEX {mode}IF EXISTS {name}")
