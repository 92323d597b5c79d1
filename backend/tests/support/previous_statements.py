"""The statements that the previous release sends, recorded: `make record-previous`.

They are in a file, so that tests need neither the history of the repository nor the former code.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from duly.database import embedded, migrations
from tests.support.releases import COMMIT, Device, serving, unpack

FILE = Path(__file__).with_name("previous_statements.sql")

_ENTRY = re.compile(r"^duly\|(\w+):  (.*?)(?=^duly\||\Z)", re.MULTILINE | re.DOTALL)
# Those of tables, not of the catalog, and none that begins a transaction.
_EXECUTED = re.compile(
    r"execute [^:]+: ((?:SELECT|WITH|INSERT|UPDATE|DELETE)\b(?!.*\b(?:pg_type|pg_class)\b).*)",
    re.DOTALL,
)
_PARAMETER = re.compile(r"\$\d+ = ('(?:[^']|'')*'|NULL)")
_END = "DEALLOCATE one;\n"


def recorded() -> list[str]:
    """SQL that runs one statement each, in the order in which they were sent."""
    return [f"{part}{_END}" for part in FILE.read_text(encoding="utf-8").split(_END)[:-1]]


def record() -> Iterator[str]:
    """Run the previous release, and yield each different statement, with its first parameters."""
    with tempfile.TemporaryDirectory(prefix="duly-previous-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        release = unpack(COMMIT, directory)
        with embedded.running(directory / "data") as dsn:
            migrations.upgrade(dsn, release.revision)
            with psycopg.connect(dsn, autocommit=True) as connection:
                for setting in ("log_statement = 'all'", "log_line_prefix = 'duly|'"):
                    connection.execute(f"ALTER SYSTEM SET {setting}".encode())
                connection.execute("SELECT pg_reload_conf()")
            with serving(release, dsn, directory / "log") as url, Device(url) as device:
                device.use(url)
                device.delete_account()
        log = (directory / "data" / "postgres.log").read_text(encoding="utf-8")
    yield from _statements(log)


def _statements(log: str) -> Iterator[str]:
    entries = [(kind, text.replace("\n\t", "\n").rstrip()) for kind, text in _ENTRY.findall(log)]
    seen = set()
    for (kind, text), (_, detail) in zip(entries, [*entries[1:], ("", "")], strict=True):
        executed = _EXECUTED.fullmatch(text) if kind == "LOG" else None
        if executed is None or executed[1] in seen:
            continue
        seen.add(executed[1])
        values = _PARAMETER.findall(detail) if "$1" in executed[1] else []
        given = f" ({', '.join(values)})" if values else ""
        lines = "\n".join(line.rstrip() for line in executed[1].splitlines())
        yield f"PREPARE one AS\n{lines};\nEXECUTE one{given};\n{_END}"


if __name__ == "__main__":
    statements = list(record())
    FILE.write_text("\n".join(statements), encoding="utf-8")
    sys.stdout.write(f"{len(statements)} statements of {COMMIT}\n")
