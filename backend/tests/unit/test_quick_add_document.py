"""The examples of docs/quick-add.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from duly.quick_add import Context, Draft, parse
from tests.support.quick_add import context_of

_DOCUMENT = Path(__file__).parents[3] / "docs" / "quick-add.md"
_ROW = re.compile(r"\| `(.+)` \| (.+) \|")


def _examples() -> Iterator[tuple[str, str, str]]:
    """The language, the text and the result of each example."""
    language = "en"
    for line in _DOCUMENT.read_text().splitlines():
        if line == "## German":
            language = "de"
        if row := _ROW.fullmatch(line):
            yield language, row[1], row[2]


def _described(draft: Draft, context: Context) -> Iterator[str]:
    """What the document says of a draft, in order."""
    yield f"title {draft.title}"
    yield from (f"list {each.name}" for each in context.lists if each.id == draft.list_id)
    yield from (f"section {each.name}" for each in context.sections if each.id == draft.section_id)
    yield from (f"label {each.name}" for each in draft.labels)
    if draft.priority:
        yield f"priority {draft.priority}"
    if draft.due:
        at = f" {draft.due.time:%H:%M}" if draft.due.time else ""
        yield f"due {draft.due.date}{at}"
    if draft.duration_minutes:
        yield f"{draft.duration_minutes} minutes"
    if draft.recurrence:
        after = " after completion" if draft.recurrence.anchor == "completion" else ""
        yield f"rule {draft.recurrence.rule}{after}"


@pytest.mark.parametrize(
    ("language", "text", "result"), list(_examples()), ids=lambda value: ascii(value)[:40]
)
def test_example_of_the_document_has_the_result_it_shows(
    language: str, text: str, result: str
) -> None:
    context = context_of({"language": language})

    found = list(_described(parse(text, context), context))

    # A title is shown if it is the point of the example.
    assert ", ".join(found[not result.startswith("title") :]) == result


def test_document_has_examples_in_each_language() -> None:
    assert {language for language, _, _ in _examples()} == {"en", "de"}
