"""What a statement costs in the pool: CPU of the process, beside the driver alone.

    .venv/bin/python bench/statements.py

Each figure is the best of several rounds, in microseconds, on an embedded server of its own.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import uvloop
from psycopg.rows import dict_row

from duly.database import embedded
from duly.database.pool import Pool

ROUNDS = 7
STATEMENTS = 3_000
SQL = b"SELECT %(number)s::int AS number, %(text)s::text AS text"
VALUES = {"number": 1, "text": "x"}


async def measure(dsn: str, *, prepared: bool) -> dict[str, float]:
    """Return the microseconds of each way to run the statement."""
    pool = Pool(dsn, size=1, timeout=5, prepared="on" if prepared else "off")
    await pool.open()
    driver = await psycopg.AsyncConnection.connect(
        dsn, autocommit=True, prepare_threshold=5 if prepared else None, row_factory=dict_row
    )

    async def driver_fetch() -> Any:
        return await (await driver.execute(SQL, VALUES)).fetchall()

    async def driver_transaction() -> None:
        async with driver.transaction():
            await driver_fetch()

    async def pool_fetch() -> Any:
        return await pool.fetch(SQL, VALUES)

    async def pool_transaction() -> None:
        async with pool.transaction() as transaction:
            await transaction.fetch(SQL, VALUES)

    ways = [
        driver_fetch,
        pool_fetch,
        driver_transaction,
        pool_transaction,
    ]
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for way in ways:
            began = time.process_time()
            for _ in range(STATEMENTS):
                await way()
            took = (time.process_time() - began) / STATEMENTS * 1e6
            best[way.__name__] = min(took, best.get(way.__name__, took))
    await driver.close()
    await pool.close()
    return best


async def main(dsn: str) -> None:
    """Print the figures."""
    for prepared in (False, True):
        best = await measure(dsn, prepared=prepared)
        figures = "  ".join(f"{name} {value:.1f}" for name, value in best.items())
        ratio = best["pool_fetch"] / best["driver_fetch"]
        print(f"{'prepared' if prepared else 'plain'}: {figures}  ratio {ratio:.2f}")


if __name__ == "__main__":
    with TemporaryDirectory(prefix="duly-bench-") as name:
        Path(name).chmod(0o711)
        with embedded.running(Path(name)) as dsn:
            uvloop.run(main(dsn))
