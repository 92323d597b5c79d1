"""The parser of filters, and what filters find by a plain evaluation in Python."""

import random
import re
from typing import Any

import pytest

from duly.filter_language import (
    MAX_COST,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    FilterError,
    cost,
    is_relative,
    parse,
)
from tests.support.filter_json import as_json
from tests.support.filter_oracle import finds
from tests.support.filter_vectors import PARSED, REFUSED, SAMPLES, Sample

_PIECES = [
    *'#/@"\\*&|!()<>=:+- \t\n\0\x7f\u00a0\u200b\ud800🛒é',
    *("p1", "p5", "no", "due", "start", "completed", "today", "overdue", "search", "monday"),
    *("2026-12-01", "0000-00-00", "9999-12-31", "days", "weeks", "99999", "3", "inbox", "Work"),
]


@pytest.mark.parametrize(("text", "expected"), PARSED, ids=lambda value: ascii(value)[:60])
def test_valid_filter_has_the_tree_of_the_vectors(text: str, expected: Any) -> None:
    assert as_json(parse(text)) == expected


@pytest.mark.parametrize(("text", "position"), REFUSED, ids=lambda value: ascii(value)[:60])
def test_invalid_filter_is_refused_at_the_position_of_the_vectors(
    text: str, position: int
) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize("text", [text for text, _ in REFUSED], ids=lambda text: ascii(text)[:60])
def test_error_says_what_was_expected_and_does_not_repeat_the_text(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert re.fullmatch(r"Expected [^.].*[^.]", caught.value.message)
    assert caught.value.message.isascii()
    assert "🛒" not in caught.value.message
    assert "foo" not in caught.value.message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_filter_finds_the_tasks_of_the_vectors(sample: Sample) -> None:
    for text, ids in sample.queries:
        expression = parse(text)
        found = [task["id"] for task in sample.tasks if finds(expression, task, sample.view)]
        assert found == ids, text


def test_random_text_raises_no_other_error() -> None:
    drawn = random.Random(11)
    parsed = 0
    for _ in range(1000):
        parsed += _is_parsed("".join(drawn.choices(_PIECES, k=drawn.randrange(1, 40))))
        parsed += _is_parsed(
            "".join(chr(drawn.randrange(0x3000)) for _ in range(drawn.randrange(20)))
        )
    assert parsed  # some are filters


@pytest.mark.long
def test_ten_thousand_random_texts_raise_no_other_error(run_seed: int) -> None:
    drawn = random.Random(run_seed)
    for _ in range(10_000):
        _is_parsed("".join(drawn.choices(_PIECES, k=drawn.randrange(1, 80))))


@pytest.mark.parametrize("sign", ["!", "(", "!(", "(!"])
def test_deep_nesting_is_refused_at_the_first_sign_too_deep(sign: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse((sign * MAX_LENGTH)[:MAX_LENGTH])
    assert caught.value.position == MAX_DEPTH


def test_terms_are_counted_over_all_levels() -> None:
    half = "|".join(["p1"] * (MAX_TERMS // 2))
    assert cost(parse(f"({half}) & !({half})")) == MAX_TERMS
    with pytest.raises(FilterError):
        parse(f"({half}) & !({half}) & p1")


def test_length_is_counted_in_code_points() -> None:
    parse('#"' + "🛒" * (MAX_LENGTH - 3) + '"')
    with pytest.raises(FilterError) as caught:
        parse('#"' + "🛒" * (MAX_LENGTH - 2) + '"')
    assert caught.value.position == MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p1", 1),
        ("p1 & !(p2 | p3)", 3),
        ("overdue", 1),
        ("@a | @b* | no label | @*", 6),
        ("search: a", 36),
        ("search: a & search: b", 37),
        ("(search: a | !search: b) & p1", 38),
        ("search: a & p1 & !search: b", 38),
    ],
)
def test_joined_searches_cost_as_much_as_one_and_names_of_labels_twice_as_much(
    text: str, expected: int
) -> None:
    assert cost(parse(text)) == expected
    assert expected <= MAX_COST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", True),
        ("overdue", True),
        ("due < monday", True),
        ("p1 & !(created > yesterday - 1 week)", True),
        ("due < 2026-12-01", False),
        ("completed", False),
        ("#today | @monday", False),
        ("search: today", False),
    ],
)
def test_filter_is_relative_if_it_depends_on_the_day(text: str, expected: bool) -> None:
    assert is_relative(parse(text)) is expected


def _is_parsed(text: str) -> bool:
    try:
        expression = parse(text)
    except FilterError as error:
        is_inside = 0 <= error.position <= len(text)
    else:
        return bool(as_json(expression))
    assert is_inside
    return False
