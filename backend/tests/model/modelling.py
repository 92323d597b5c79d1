"""Long runs of the model: `python -m tests.model.modelling --steps 50000`."""

import argparse
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from duly.core.config import load_settings
from duly.database import embedded, migrations
from tests.hostile.attacked_account import UNLIMITED
from tests.model.accounts import AccountRules
from tests.model.lists import ListRules
from tests.model.resources import ResourceRules
from tests.model.service import Service, service


def run(running: Service, number: int, *, examples: int, length: int) -> int:
    """Run histories of up to `length` steps, and return how many steps there were in all.

    Hypothesis reports a divergence by the shortest history that shows it.
    """

    class All(ResourceRules, ListRules, AccountRules):
        service = running
        steps = 0

    run_state_machine_as_test(
        seed(number)(All),
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return All.steps


def main() -> int:
    """Run rounds with new seeds until there were enough steps, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--seconds", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    ends_at = time.monotonic() + options.seconds
    steps = rounds = 0
    with (
        tempfile.TemporaryDirectory(prefix="duly-model-") as name,
        embedded.running(Path(name)) as dsn,
    ):
        migrations.upgrade(dsn)
        chosen = load_settings(
            database_url=dsn, secret_key=secrets.token_hex(32), bcrypt_cost=4, pool_size=2
        )
        with service(chosen.model_copy(update=UNLIMITED)) as running:
            while steps < options.steps and time.monotonic() < ends_at:
                number = options.seed + rounds
                print(f"round {rounds}, seed {number}, steps so far {steps}", flush=True)
                steps += run(running, number, examples=20, length=50)
                rounds += 1
    print(f"{steps} steps in {rounds} rounds, first seed {options.seed}: no divergence")
    return 0


if __name__ == "__main__":
    sys.exit(main())
