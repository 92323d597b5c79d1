"""The cases of `vectors/filters.json`."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.support.filter_oracle import Viewpoint

_VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "filters.json").read_text()
)

PARSED: list[tuple[str, Any]] = [
    (case["text"], case["expression"]) for case in _VECTORS["parse"] if "expression" in case
]
REFUSED: list[tuple[str, int]] = [
    (case["text"], case["position"]) for case in _VECTORS["parse"] if "position" in case
]


@dataclass(frozen=True)
class Sample:
    """Tasks of one user at one time, and what queries find among them."""

    name: str
    view: Viewpoint
    lists: list[dict[str, Any]]
    sections: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    queries: list[tuple[str, list[str]]]


def _sample(case: dict[str, Any]) -> Sample:
    names = [
        {one["id"]: one["name"] for one in case[kind]} for kind in ("lists", "sections", "labels")
    ]
    return Sample(
        case["name"],
        Viewpoint(case["timezone"], date.fromisoformat(case["today"]), *names),
        case["lists"],
        case["sections"],
        case["labels"],
        case["tasks"],
        [(query["text"], query["ids"]) for query in case["queries"]],
    )


SAMPLES = [_sample(case) for case in _VECTORS["evaluate"]]
