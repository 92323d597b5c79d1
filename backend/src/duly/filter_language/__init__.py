"""The language of filters: `parse` turns a text into an `Expression`. See docs/filters.md."""

from duly.filter_language.costs import MAX_COST, cost, is_search, too_costly
from duly.filter_language.errors import FilterError
from duly.filter_language.expressions import (
    OVERDUE,
    And,
    Compared,
    Day,
    Expression,
    Is,
    Named,
    Not,
    Or,
    Priority,
    RelativeDay,
    Search,
    Without,
    is_relative,
    on_date,
)
from duly.filter_language.parser import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    parse,
)

__all__ = [
    "MAX_COST",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TERMS",
    "OVERDUE",
    "And",
    "Compared",
    "Day",
    "Expression",
    "FilterError",
    "Is",
    "Named",
    "Not",
    "Or",
    "Priority",
    "RelativeDay",
    "Search",
    "Without",
    "cost",
    "is_relative",
    "is_search",
    "on_date",
    "parse",
    "too_costly",
]
