"""The npm tools of `tests/clients`, which `scripts/install-clients` installs."""

import os
import subprocess
from pathlib import Path

BACKEND = Path(__file__).parents[2]
CLIENTS = BACKEND / "tests" / "clients"
MODULES = CLIENTS / "node_modules"
NODE = BACKEND / ".venv-node" / "bin"
"""Where Node.js is if the machine itself has none."""

_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


def run(*command: str | Path, directory: Path) -> str:
    """Run a tool, or `node`, and return its output. Fails with that output if the tool does."""
    path = os.pathsep.join(map(str, (MODULES / ".bin", NODE, os.environ["PATH"])))
    result = subprocess.run(
        ["/usr/bin/env", *command],
        cwd=directory,
        env={**os.environ, **_QUIET, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, f"{command[0]} failed:\n{result.stdout}"
    return result.stdout
