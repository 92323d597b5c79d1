"""Runs of Schemathesis against a server: `python -m tests.hostile.fuzzing --cases 100000`."""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duly.core.config import Settings
from duly.database import embedded, migrations
from duly.main import create_app
from tests.support.operations import whole_schema
from tests.support.servers import serving

FUZZ = Path(__file__).with_name("fuzz")
PROGRAM = Path(__file__).parents[2] / ".venv-fuzz" / "bin" / "schemathesis"
# Budgets are tested elsewhere; here they would only end the run.
UNLIMITED = {
    "DULY_RATE_LIMIT": "off",
    "DULY_LOGIN_ACCOUNT_LIMIT": "99999/second",
    "DULY_LOGIN_ADDRESS_LIMIT": "99999/second",
    "DULY_LOGIN_TOTAL_LIMIT": "99999/second",
    "DULY_MAX_SESSIONS": "10000",
    "DULY_MAX_API_TOKENS": "10000",
    "DULY_REGISTER_LIMIT": "99999/second",
    "DULY_REFRESH_LIMIT": "99999/second",
    "DULY_MAIL_ACCOUNT_LIMIT": "99999/second",
    "DULY_MAIL_ADDRESS_LIMIT": "99999/second",
    # Nobody listens there: mail waits.
    "DULY_SMTP_URL": "smtp://127.0.0.1:9",
    "DULY_MAIL_FROM": "duly@example.org",
    "DULY_PUBLIC_URL": "http://localhost",
}
_CASES = re.compile(r"^\s*([\d,]+) generated\b", re.MULTILINE)
_SUMMARY = re.compile(r"^=+ SUMMARY =+$", re.MULTILINE)


@dataclass(frozen=True)
class Round:
    """One run of all phases: its seed, how many cases it sent, and what it said."""

    seed: int
    cases: int
    has_passed: bool
    output: str

    @property
    def summary(self) -> str:
        """The end of what it said."""
        return _SUMMARY.split(self.output)[-1].strip()


def fuzz(
    url: str,
    directory: Path,
    *,
    examples: int,
    seed: int,
    seconds: int | None = None,
    operations: Sequence[str] = (),
) -> Round:
    """Throw generated requests at a server: all phases and checks, `examples` an operation.

    `seconds` are spent to the full where they are given. Without `operations` it tries all.
    """
    schema = directory / "openapi.json"
    schema.write_text(json.dumps(whole_schema(create_app(Settings()))))
    result = subprocess.run(
        [
            PROGRAM,
            f"--config-file={FUZZ / 'schemathesis.toml'}",
            "run",
            schema,
            f"--url={url}",
            *([f"--max-time={seconds}"] if seconds else []),
            *(f"--include-operation-id={operation}" for operation in operations),
            f"--max-examples={examples}",
            f"--seed={seed}",
            "--no-color",
        ],
        cwd=directory,
        env={
            **os.environ,
            "DULY_FUZZ_URL": url,
            "SCHEMATHESIS_HOOKS": str(FUZZ / "hooks.py"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=(seconds or 0) + 300,
    )
    cases = _CASES.search(result.stdout)
    return Round(
        seed,
        int(cases[1].replace(",", "")) if cases else 0,
        result.returncode == 0,
        result.stdout,
    )


def main() -> int:
    """Rounds with new seeds until there were enough cases, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    ends_at = time.monotonic() + options.seconds
    cases, number = 0, 0
    with tempfile.TemporaryDirectory(prefix="duly-fuzz-") as name:
        directory = Path(name)
        with embedded.running(directory / "data") as dsn:
            migrations.upgrade(dsn)
            with serving(dsn, workers=1, **UNLIMITED) as server:
                while cases < options.cases and (left := int(ends_at - time.monotonic())) > 30:
                    done = fuzz(
                        server.url,
                        directory,
                        examples=400,
                        seed=options.seed + number,
                        seconds=min(left, 300),
                    )
                    number += 1
                    cases += done.cases
                    if not done.has_passed:
                        print(done.output)
                        print(f"failed in round {number}, seed {done.seed}, case {cases}")
                        return 1
                    print(done.summary)
                    print(f"rounds {number}, cases {cases}, seed {done.seed}", flush=True)
    print(f"{cases} cases, first seed {options.seed}: all checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
