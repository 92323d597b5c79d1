"""The test vectors at the top of the repository."""

import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[3] / "vectors"


def vectors(name: str) -> Any:
    """Return the content of a file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def name_of(case: dict[str, Any]) -> str:
    """Return the name of a case, as pytest shows it."""
    name: str = case["name"]
    return name
