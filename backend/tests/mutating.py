# ruff: noqa: T201  # it reports
"""Mutation testing of what security rests on: `make mutants`.

mutmut changes the code in one place at a time, in a copy, and runs the tests of it. A change that
no test notices must be explained in docs/mutants.md.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from duly.database import embedded, migrations

_BACKEND = Path(__file__).parents[1]
_EXPLAINED = _BACKEND.parent / "docs" / "mutants.md"
_RESULT = re.compile(r"^\s+(\S+): (.+)$", re.MULTILINE)
_FINE = {"killed", "timeout", "caught by type check"}


def main(selection: list[str]) -> int:
    """Run the mutants whose names are selected, or all; fails where one lives unexplained."""
    with tempfile.TemporaryDirectory(prefix="duly-mutants-") as name:
        place = Path(name)
        place.chmod(0o711)
        for part in ("src", "tests"):
            shutil.copytree(
                _BACKEND / part, place / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(_BACKEND / "pyproject.toml", place)
        with embedded.running(place / "data") as dsn:
            migrations.upgrade(dsn)
            _mutmut(place, dsn, "run", *selection)
            found = _mutmut(place, dsn, "results", "--all", "true")
    return _judge(dict(_RESULT.findall(found)), is_all=not selection)


def _mutmut(place: Path, dsn: str, *arguments: str) -> str:
    program = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    environment = {**os.environ, "DULY_TEST_DSN": dsn, "DULY_LOG_LEVEL": "error"}
    is_shown = arguments[0] == "run"
    output = None if is_shown else subprocess.PIPE
    done = subprocess.run(
        program, cwd=place, env=environment, stdout=output, text=True, check=False
    )
    return done.stdout or ""


def _judge(results: dict[str, str], *, is_all: bool) -> int:
    checked = {name: fate for name, fate in results.items() if fate != "not checked"}
    living = {name for name, fate in checked.items() if fate not in _FINE}
    explained = set(re.findall(r"`(duly\.\S+__mutmut_\d+)`", _EXPLAINED.read_text()))
    unexplained = sorted(living - explained)
    outdated = sorted(explained - living) if is_all else []
    print(
        f"\nmutants: {len(checked)}, {len(checked) - len(living)} killed, "
        f"{len(living)} alive, {len(unexplained)} of them unexplained"
    )
    for name in unexplained:
        print(f"  {name}: {checked[name]}")
    for name in outdated:
        print(f"  {name}: explained, but not alive")
    return int(not checked or bool(unexplained))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
