"""Routes that are not operations of the API, such as pages."""

from starlette.routing import Match, Route
from starlette.types import Scope


class PlainRoute(Route):
    """A route whose path is in the line of its requests in the log."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether it matches, and what the request then contains."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}
