"""The examples of docs/filters.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from duly.filter_language import (
    MAX_COST,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    FilterError,
    cost,
    parse,
)
from tests.support.filter_vectors import PARSED, REFUSED, SAMPLES

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "filters.md").read_text()


def rows_of(heading: str) -> Iterator[list[str]]:
    """The cells of the tables whose first column has this heading; its code without the marks."""
    is_inside = False
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        cells = [cell.replace(r"\|", "|") for cell in cells]
        if not cells or cells[0].startswith("---"):
            is_inside = is_inside and bool(cells)
        elif is_inside:
            yield [cells[0].strip("`"), *cells[1:]]
        else:
            is_inside = cells[0] == heading


EXAMPLES = [cells for cells in rows_of("filter") if len(cells) == 2]
ERRORS = [cells for cells in rows_of("filter") if len(cells) == 3]
DATES = [cells[0] for cells in rows_of("date")]


@pytest.mark.parametrize("text", [text for text, _ in EXAMPLES])
def test_filter_of_the_document_is_valid(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("text", DATES)
def test_date_of_the_document_is_valid(text: str) -> None:
    parse(f"due < {text}")


@pytest.mark.parametrize(("text", "position", "message"), ERRORS)
def test_error_of_the_document_is_raised(text: str, position: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert (caught.value.position, caught.value.message) == (int(position), message)


def test_document_has_examples_of_each_kind() -> None:
    assert len(EXAMPLES) > 40
    assert len(DATES) == 8
    assert len(ERRORS) > 10


def test_document_has_the_limits() -> None:
    text = (
        f"at most {MAX_LENGTH} characters (code points), {MAX_TERMS} terms, and {MAX_DEPTH} levels"
    )
    assert text in DOCUMENT
    assert f"costs at most {MAX_COST}:" in DOCUMENT
    assert cost(parse("search: milk | search: bread")) == 37
    assert "`search: milk | search: bread` costs 37" in DOCUMENT
    with pytest.raises(FilterError):
        parse("(search: milk & p1) | (search: bread & p2)")


def test_document_counts_the_vectors() -> None:
    assert len(PARSED) + len(REFUSED) > 300
    assert sum(len(sample.queries) for sample in SAMPLES) > 550


def test_first_example_is_in_the_vectors() -> None:
    [example] = re.findall(r"```text\n(.*)\n```", DOCUMENT)
    assert example in dict(PARSED)
