"""Quick add: a line of text becomes the draft of a task, by a small grammar for each language."""

from duly.quick_add.drafts import (
    Anchor,
    Context,
    Draft,
    DraftRecurrence,
    Due,
    LabelName,
    LanguageCode,
    ListName,
    NothingLeft,
    SectionName,
    Span,
    SpanKind,
)
from duly.quick_add.parser import parse

__all__ = [
    "Anchor",
    "Context",
    "Draft",
    "DraftRecurrence",
    "Due",
    "LabelName",
    "LanguageCode",
    "ListName",
    "NothingLeft",
    "SectionName",
    "Span",
    "SpanKind",
    "parse",
]
