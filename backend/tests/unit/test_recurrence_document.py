"""The tables of docs/recurrence.md."""

import re
from datetime import date, time
from itertools import islice

import pytest

from duly.recurrence import occurrences
from duly.recurrence.dates import dates
from duly.recurrence.occurrences import Recurrence
from duly.recurrence.rules import parse_rule
from duly.recurrence.zones import instant
from tests.support.documents import ROOT

DOCUMENT = (ROOT / "docs" / "recurrence.md").read_text(encoding="utf-8")


def table(*columns: str) -> list[list[str]]:
    """Return the rows of the table that has these columns."""
    lines = DOCUMENT.splitlines()
    head = lines.index(f"| {' | '.join(columns)} |")
    rows = []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return rows


RULES = table("rule", "from", "dates")
STEPS = table("rule", "anchor", "occurrence", "due", "action", "day", "next")
TIMES = table("date and time", "zone", "instant")


def test_document_has_its_examples() -> None:
    assert (len(RULES), len(STEPS), len(TIMES)) == (12, 14, 4)


@pytest.mark.parametrize(("rule", "start", "expected"), RULES)
def test_rule_has_the_dates_shown(rule: str, start: str, expected: str) -> None:
    found = islice(dates(parse_rule(rule), date.fromisoformat(start)), 3)

    assert ", ".join(map(str, found)) == expected


@pytest.mark.parametrize(
    ("rule", "anchor", "occurrence", "due", "action", "on", "following"), STEPS
)
def test_action_moves_the_task_as_shown(  # noqa: PLR0917  # the columns of the table
    rule: str, anchor: str, occurrence: str, due: str, action: str, on: str, following: str
) -> None:
    day = date.fromisoformat(occurrence)
    assert anchor in {"due", "completion"}
    state = Recurrence(
        parse_rule(rule),
        "due" if anchor == "due" else "completion",
        counted_from=day,
        occurrence=day,
        remaining=None,
        due=date.fromisoformat(due),
    )

    if action == "complete":
        moved = occurrences.complete(state, completed_on=date.fromisoformat(on))
    else:
        moved = occurrences.skip(state, today=date.fromisoformat(on))

    assert (str(moved.due) if moved else "the rule ends") == following


@pytest.mark.parametrize(("local", "zone", "expected"), TIMES)
def test_local_time_is_the_instant_shown(local: str, zone: str, expected: str) -> None:
    day, at = local.split()

    found = instant(date.fromisoformat(day), time.fromisoformat(at), zone)

    assert found.isoformat() == expected.replace("Z", "+00:00")


def test_document_states_how_many_vectors_there_are() -> None:
    vectors = (ROOT / "vectors" / "recurrence.json").read_text(encoding="utf-8")

    assert "more than 300 cases" in DOCUMENT
    assert len(re.findall('"name"', vectors)) > 300
