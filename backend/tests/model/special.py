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

STAYING = {"task": ("is_completed", "list_id", "section_id", "parent_id")}
"""Fields that PUT leaves as they are if they are absent. If nothing else is sent, and they are what
they were, nothing changes."""

PARTS = {"list": ("section", "list_id")}
"""Types whose resources go to the trash, come back, and end together with those of another type;
and the field that names it."""
