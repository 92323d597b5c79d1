"""Rules that only one resource type has. A type without such rules needs no entry here."""

from typing import Any

ACTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("task", "complete"): {"is_completed": True},
    ("task", "reopen"): {"is_completed": False},
}
"""Actions that set fields, unless these are set already. Actions not listed here are not played;
`restore` is the same for every type with a trash."""

TIMES: dict[tuple[str, str], str] = {("task", "completed_at"): "is_completed"}
"""Times that are set exactly if a field is true, and change only if the field does."""
