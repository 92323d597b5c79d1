"""Adapt the output of `pg_restore` to servers of other releases of PostgreSQL."""

import re

# pg_restore 17 sets it on servers of all versions.
_NEW_SETTING = b"\nSET transaction_timeout = 0;\n"
_FIRST_WITH_NEW_SETTING = 17
# The releases of November 2026 (15.20 and its siblings) keep a version of each column among its
# options. Only pg_dump of the same releases leaves it out, and older servers reject it.
_OPTIONS_WITH_VERSION = re.compile(
    rb"^(ALTER TABLE .* ALTER COLUMN .* SET \()(.*\bpg_attver=.*)(\);\n)", re.MULTILINE
)
_VERSION = re.compile(rb"^pg_attver=\d+(, )?|, pg_attver=\d+")


def accepted_settings(statements: bytes, major: int) -> bytes:
    """Return the statements without settings that a server of this major version does not know."""
    if major >= _FIRST_WITH_NEW_SETTING:
        return statements
    return statements.replace(_NEW_SETTING, b"\n", 1)


def without_column_versions(statements: bytes) -> bytes:
    """Return the statements that create tables without the versions of their columns."""

    def changed(found: re.Match[bytes]) -> bytes:
        others = _VERSION.sub(b"", found[2])
        return found[1] + others + found[3] if others else b""

    return _OPTIONS_WITH_VERSION.sub(changed, statements)
