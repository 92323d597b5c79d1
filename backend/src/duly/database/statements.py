"""Statements, each compiled to SQL once: those of one owner are checked, others say so by type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql.elements import ClauseElement

from duly.database.owner_conditions import USER_ID, UnscopedStatement
from duly.database.ownership import Dialect, compile_owned

__all__ = [
    "USER_ID",
    "CrossUserStatement",
    "OwnedStatement",
    "Statement",
    "UnscopedStatement",
    "across_users",
    "owned",
    "owned_change",
]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for psycopg, with the values of the parameters that callers do not supply.

    `is_change`: whether the statement advances its user's revision if it returns any row.
    """

    sql: bytes
    constants: Mapping[str, Any]
    is_change: bool = False


class OwnedStatement(Statement):
    """A statement that was shown to touch the rows of `USER_ID` only."""

    __slots__ = ()


class CrossUserStatement(Statement):
    """A statement that was not checked: it may touch rows of any user."""

    __slots__ = ()


def owned(statement: ClauseElement) -> OwnedStatement:
    """Compile a statement over the rows of one owner. Raise `UnscopedStatement` for any other."""
    return _owned(statement, is_change=False)


def owned_change(statement: ClauseElement) -> OwnedStatement:
    """Compile a statement as above that advances its user's revision if it returns a row."""
    return _owned(statement, is_change=True)


def across_users(statement: ClauseElement) -> CrossUserStatement:
    """Compile a statement that may cross users: sign-in by email, maintenance, the operator."""
    compiled: Any = statement.compile(dialect=Dialect())
    return CrossUserStatement(compiled.string.encode(), _constants(compiled))


def _owned(statement: ClauseElement, *, is_change: bool) -> OwnedStatement:
    compiled = compile_owned(statement)
    if compiled.advances_revision != is_change:
        raise TypeError(
            "use owned_change() for statements that advance a user's revision, and for no others"
        )
    return OwnedStatement(compiled.string.encode(), _constants(compiled), is_change)


def _constants(compiled: Any) -> Mapping[str, Any]:
    """Return the values of the parameters that callers do not supply."""
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise TypeError("a compiled statement has a fixed shape: use = ANY(:array), not IN")
    return {
        compiled.bind_names[bind]: bind.effective_value
        for bind in compiled.bind_names
        if not bind.required and bind.key != USER_ID.key
    }
