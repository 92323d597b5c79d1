"""Typed access to what SQLModel hides from the type checker."""

from typing import Any

from sqlalchemy import Table


def table_of(model: Any) -> Table:
    """The table that a model declares."""
    table: Table = model.__table__
    return table
