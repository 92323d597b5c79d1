"""Times as SQL returns them."""

from typing import Any

from sqlalchemy import ColumnElement, DateTime, func


def utc(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A `timestamptz` as UTC without a zone, whatever zone the server's session has."""
    return func.timezone("UTC", column, type_=DateTime()).label(getattr(column, "name", None))
