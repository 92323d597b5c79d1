"""Times as SQL returns them."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, DateTime, bindparam, func

_UTC: BindParameter[str] = bindparam("utc", "UTC")


def utc(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A `timestamptz` as UTC without a zone, whatever zone the server's session has."""
    return func.timezone(_UTC, column, type_=DateTime()).label(getattr(column, "name", None))
