"""Schemathesis for a few seconds: what the schema says and what is answered agree."""

import random
from pathlib import Path

import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.hostile.fuzzing import PROGRAM, UNLIMITED, fuzz
from tests.support.operations import operations_of
from tests.support.servers import serving

_FEW = 4
# Fixed, so that this test has the same result each time. `make fuzz` uses new seeds.
_SEED = 0
# One that creates a resource and one that reads it, so that there is a state to explore.
_ALWAYS = ("create_task", "get_task")


def test_responses_to_generated_requests_match_the_schema(
    dsn: str, settings: Settings, tmp_path: Path
) -> None:
    if not PROGRAM.exists():
        pytest.skip("Schemathesis is not installed: run `make test`")
    names = sorted(operation.id for operation in operations_of(create_app(settings)))
    operations = {*_ALWAYS, *random.Random(_SEED).sample(names, _FEW)}

    with serving(dsn, workers=1, **UNLIMITED) as server:
        done = fuzz(server.url, tmp_path, examples=3, seed=_SEED, operations=sorted(operations))

    assert done.has_passed, done.output
    assert done.cases > 100, done.output
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.summary, done.output
