"""Migrations, as they run on a database in use, have no step that squawk knows to block requests.

See https://squawkhq.com/docs/rules for its rules.
"""

import json
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duly.database import migrations

SQUAWK = Path(sysconfig.get_path("scripts"), "squawk")

EXCLUDED = {
    "ban-drop-constraint": "dropped to be added again: each step can be repeated",
    "ban-drop-not-null": "the previous release reads and writes such rows no differently",
    "prefer-bigint-over-int": "quotas keep counters small",
    "prefer-bigint-over-smallint": "a CHECK keeps them small",
    "prefer-robust-stmts": "each statement outside a transaction can be repeated",
    "require-statement-timeout": "the lock timeout bounds those that block requests",
}

_CREATED = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
_CHANGED = re.compile(r"(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX .* ON) (\w+)")
_REFERRED = re.compile(r"REFERENCES (\w+)")


class Recording:
    """The schema changes of an upgrade, with the commands that surround them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._created: set[str] = set()
        self._is_in_block = False

    def add(self, connection: psycopg.Connection[Any], statement: str) -> None:
        """Note a statement that is about to run."""
        statement = " ".join(statement.split())
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._end_block()
        if statement.startswith("SET LOCAL lock_timeout"):
            self._end_block()
            self._is_in_block = True
            self.lines += ["BEGIN;", f"{statement};"]
        elif statement.startswith(("CREATE", "ALTER", "DROP")):
            if not self._is_on_new_tables(statement):
                self.lines.append(f"{statement};")
        elif statement.startswith("UPDATE alembic_version"):
            self._end_block()
            self._created.clear()

    def _is_on_new_tables(self, statement: str) -> bool:
        """Whether it locks only tables that nobody uses yet, or another for a bounded time."""
        if created := _CREATED.match(statement):
            self._created.add(created[1])
        changed = created or _CHANGED.match(statement)
        return (
            changed is not None
            and changed[1] in self._created
            and (self._is_in_block or self._created.issuperset(_REFERRED.findall(statement)))
        )

    def _end_block(self) -> None:
        if self._is_in_block:
            self.lines.append("COMMIT;")
        self._is_in_block = False


@pytest.fixture
def recorded(old: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """An upgrade from the schema of the previous release."""
    recording = Recording()
    run = psycopg.Cursor.execute

    def execute(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(query, str | bytes):
            text = query.decode() if isinstance(query, bytes) else query
            recording.add(self.connection, text)
        return run(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute)
    migrations.upgrade(old)
    return recording


def lint(path: Path, lines: list[str]) -> list[str]:
    """What squawk finds, each with its statement."""
    path.write_text("\n".join(lines))
    done = subprocess.run(
        [
            SQUAWK,
            "--pg-version=15.0",
            "--reporter=json",
            f"--exclude={','.join(EXCLUDED)}",
            path,
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr == ""
    return [f"{found['rule_name']}: {lines[found['line']]}" for found in json.loads(done.stdout)]


def test_no_migration_blocks_requests(recorded: Recording, tmp_path: Path) -> None:
    assert len(recorded.lines) > 60
    assert lint(tmp_path / "upgrade.sql", recorded.lines) == []


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("require-concurrent-index-creation", "CREATE INDEX IF NOT EXISTS i ON tasks (title);"),
        ("require-lock-timeout", "ALTER TABLE tasks ADD COLUMN IF NOT EXISTS mood text;"),
        (
            "constraint-missing-not-valid",
            "ALTER TABLE tasks ADD CONSTRAINT c CHECK (title <> 'x');",
        ),
        ("adding-not-nullable-field", "ALTER TABLE tasks ALTER COLUMN due_date SET NOT NULL;"),
        ("ban-drop-column", "ALTER TABLE tasks DROP COLUMN IF EXISTS title;"),
        ("renaming-column", "ALTER TABLE tasks RENAME COLUMN title TO name;"),
    ],
)
def test_lint_finds_what_blocks_requests(rule: str, statement: str, tmp_path: Path) -> None:
    found = lint(tmp_path / "upgrade.sql", [statement])

    assert f"{rule}: {statement}" in found
