"""How a request ended, for the metrics."""

from collections.abc import Mapping
from typing import NamedTuple

from duly.core.errors import DulyError


class Outcome(NamedTuple):
    """How a request ended. `route` is the template of its path; None if no route was found."""

    method: str
    route: str | None
    status: int
    """0 if the client disconnected before the response began."""

    seconds: float
    error: DulyError | None
    query: Mapping[str, str]
