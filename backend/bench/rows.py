"""The cost of the rows of a list, from the driver to JSON: parsed, and unparsed for a response.

    .venv/bin/python bench/rows.py

CPU of the process for a page of 21 rows with eight UUIDs and three JSON texts each. Each figure is the
best of several rounds, in microseconds, on an embedded server of its own.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from duly.database import embedded
from duly.database.pool import Pool
from duly.utils.encoding import encode

ROUNDS = 20
PAGES = 300
_ID = "'01a217ad-b044-74f2-ad70-ca8c0f1f1521'::uuid"
_IDS = ", ".join(f"{_ID} AS id_{number}" for number in range(6))
_JSON = """'{"date":"2026-12-01","time":"09:00","timezone":"Europe/Rome"}'::varchar"""
_TEXTS = ", ".join(f"{_JSON} AS json_{number}" for number in range(3))
SQL = (
    f"SELECT {_IDS}, ARRAY[{_ID}, {_ID}] AS label_ids, {_TEXTS}, 'Pay the rent' AS title, "
    "false AS is_completed, '{}'::jsonb AS metadata, now() AT TIME ZONE 'UTC' AS created_at "
    "FROM generate_series(1, 21)"
).encode()


async def main(dsn: str) -> None:
    """Print the figures."""
    pool = Pool(dsn, size=1, timeout=5, prepared="on")
    await pool.open()
    best: dict[bool, float] = {}
    for _ in range(ROUNDS):
        for is_for_response in (False, True):
            began = time.process_time()
            for _ in range(PAGES):
                encode(await pool.fetch(SQL, {}, is_for_response=is_for_response))
            took = (time.process_time() - began) / PAGES * 1e6
            best[is_for_response] = min(took, best.get(is_for_response, took))
    await pool.close()
    print(
        f"parsed {best[False]:.0f}  unparsed {best[True]:.0f}  ratio {best[True] / best[False]:.2f}"
    )


if __name__ == "__main__":
    with TemporaryDirectory(prefix="duly-bench-") as name:
        Path(name).chmod(0o711)
        with embedded.running(Path(name)) as dsn:
            uvloop.run(main(dsn))
