"""Schemathesis for a few seconds: what the schema says and what is answered agree."""

import random
from pathlib import Path

import pytest

from tests.hostile.fuzzing import PROGRAM, UNLIMITED, fuzz
from tests.servers import serving


def test_generated_requests_are_answered_as_the_schema_says(dsn: str, tmp_path: Path) -> None:
    if not PROGRAM.exists():
        pytest.skip("Schemathesis is not installed: run `make test`")
    with serving(dsn, workers=1, **UNLIMITED) as server:
        done = fuzz(server.url, tmp_path, seconds=8, examples=2, seed=random.randrange(2**32))

    assert done.has_passed, done.output
    assert done.cases > 200, done.output
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.summary
