"""Which conditions and values restrict a part of a statement to one owner."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Alias, Column, Insert, Select, Table, Uuid, bindparam
from sqlalchemy.sql import elements, operators
from sqlalchemy.sql.elements import BindParameter, ColumnElement, Grouping
from sqlalchemy.sql.selectable import Join
from sqlmodel import SQLModel

from duly.models.base import owner_column, shared_access

USER_ID: BindParameter[Any] = bindparam("user_id", type_=Uuid())
"""The owner of every row that a statement touches. Only `UserScope` sets its value."""

Occurrence = Table | Alias


class UnscopedStatement(Exception):
    """The statement could touch rows of more than one owner, or cannot be shown not to."""


def owner_of(table: Any) -> Column[Any] | None:
    """Return the owner column of a table of the models, or None.

    Raises `UnscopedStatement` for other tables.
    """
    if SQLModel.metadata.tables.get(getattr(table, "key", "")) is not plain(table):
        raise UnscopedStatement(f"{table} is not a table of the models")
    return owner_column(plain(table))


def require_access(table: Any, access: str) -> None:
    """Raise `UnscopedStatement` for a table without an owner whose model does not allow an access."""
    if shared_access(plain(table)) != access:
        raise UnscopedStatement(f"{table} has no owner, and its model does not allow {access}")


def plain(table: Any) -> Any:
    """Return a table without SQLAlchemy's annotations, so that it can be compared."""
    return table._deannotate()


def where_of(statement: Any) -> list[ColumnElement[Any]]:
    """Return the conditions of a WHERE that must all hold."""
    return [
        conjunct for condition in statement._where_criteria for conjunct in conjuncts(condition)
    ]


def conjuncts(condition: Any) -> Iterator[ColumnElement[Any]]:
    """Yield the conditions that must all hold for `condition` to hold."""
    if isinstance(condition, Grouping):
        yield from conjuncts(condition.element)
    elif (
        isinstance(condition, elements.BooleanClauseList) and condition.operator is operators.and_
    ):
        for clause in condition.clauses:
            yield from conjuncts(clause)
    elif condition is not None:
        yield condition


def restricts_to_user(condition: ColumnElement[Any], occurrence: Occurrence) -> bool:
    """Return whether a condition is `owner = :user_id` for a table, in whatever order."""
    if not (
        isinstance(condition, elements.BinaryExpression) and condition.operator is operators.eq
    ):
        return False
    left, right = condition.left, condition.right
    return (_is_owner(left, occurrence) and is_user_id(right)) or (
        _is_owner(right, occurrence) and is_user_id(left)
    )


def _is_owner(column: Any, occurrence: Occurrence) -> bool:
    if not isinstance(column, elements.ColumnClause) or column.table is None:
        return False
    table = plain(column.table)
    if table is not plain(occurrence):
        return False
    source = table if isinstance(table, Table) else table.element
    owner = owner_of(source)
    return owner is not None and column.name == owner.name


def is_user_id(value: Any) -> bool:
    """Return whether a value is the parameter of the owner."""
    if isinstance(value, (elements.Label, Grouping)):
        value = value.element
    return (
        isinstance(value, BindParameter)
        and value.key == USER_ID.key
        and not value.type._has_bind_expression
    )


def column_names(key: Any) -> tuple[str, ...]:
    """Return the names of the column that a key of VALUES or SET, or a conflict target, refers to."""
    if isinstance(key, str):
        return (key,)
    if isinstance(key, elements.ColumnClause):
        return (key.key, key.name)
    raise UnscopedStatement(f"{key} is neither a column nor the name of a column")


def values_given(insert: Insert, owner: Column[Any]) -> Iterator[Any]:
    """Yield the owner values of the rows that `insert` creates, or None for a row without one."""
    if isinstance(insert.select, Select):
        names, columns = insert._select_names or (), insert.select.selected_columns
        pairs: Any = zip(names, columns, strict=False)
        yield from [column for name, column in pairs if name == owner.name] or [None]
        return
    for row in [row for group in insert._multi_values for row in group] or [insert._values or {}]:
        pairs = row.items() if isinstance(row, Mapping) else ()
        yield from [value for key, value in pairs if owner.name in column_names(key)] or [None]


def tables_in(clause: Any) -> frozenset[Any]:
    """Return the tables that a join consists of, or the only one."""
    if isinstance(clause, Join):
        return tables_in(clause.left) | tables_in(clause.right)
    return frozenset([clause])
