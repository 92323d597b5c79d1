"""The vectors of quick add, and drafts in the form that the vectors have."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from duly.quick_add import Context, Draft, LabelName, ListName, SectionName
from tests.support.vectors import vectors

CASES: list[dict[str, Any]] = vectors("quick_add")["cases"]
_CONTEXT: dict[str, Any] = vectors("quick_add")["context"]


def context_of(case: dict[str, Any]) -> Context:
    """The context of a case, which is that of all unless the case says otherwise."""
    lists, sections, labels = (_CONTEXT[name] for name in ("lists", "sections", "labels"))
    return Context(
        language=case["language"],
        now=datetime.fromisoformat(case.get("now", _CONTEXT["now"])),
        lists=[ListName(UUID(each["id"]), each["name"]) for each in lists],
        sections=[
            SectionName(UUID(each["id"]), UUID(each["list_id"]), each["name"]) for each in sections
        ],
        labels=[LabelName(UUID(each["id"]), each["name"]) for each in labels],
    )


def written(draft: Draft) -> dict[str, Any]:
    """A draft and its spans as JSON has them."""
    fields = asdict(draft)
    if draft.due is not None:
        at = draft.due.time and f"{draft.due.time:%H:%M}"
        fields["due"] = {"date": draft.due.date.isoformat(), "time": at}
    spans = fields.pop("spans")
    found: dict[str, Any] = json.loads(json.dumps({"draft": fields, "spans": spans}, default=str))
    return found
