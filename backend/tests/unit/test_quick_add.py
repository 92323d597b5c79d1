"""Quick add, by its vectors and by its properties."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from duly.quick_add import (
    Context,
    Draft,
    LabelName,
    LanguageCode,
    ListName,
    NothingLeft,
    SectionName,
    SpanKind,
    parse,
)
from duly.quick_add.languages import LANGUAGES
from duly.recurrence.dates import first_date
from duly.recurrence.rules import parse_rule
from tests.support.quick_add import CASES, context_of, written

NOW = datetime.fromisoformat("2026-11-26T10:00")

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Tokens, parts of tokens, and what may be around them.
FRAGMENTS = [
    *(
        " ".join(words[first : first + length])
        for words in (case["text"].split() for case in CASES)
        for length in (1, 2, 4)
        for first in range(len(words))
    ),
    *",.;:!?)(\\#/@-\"'\0\u0301\u200bßİ",
    "\\tomorrow",
    "\\\\",
    "every",
    "p1.",
    "\ud800",
]
texts = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(max_size=4), min_size=1, max_size=12
).flatmap(lambda parts: st.sampled_from([" ", "", "  ", "\n"]).map(lambda gap: gap.join(parts)))
languages: st.SearchStrategy[LanguageCode] = st.sampled_from(["en", "de"])


def context(language: LanguageCode = "en", now: str = "2026-11-26T10:00") -> Context:
    return context_of({"language": language, "now": now})


def parsed(text: str, language: LanguageCode) -> Draft | None:
    try:
        return parse(text, context(language))
    except NothingLeft:
        return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"]))
def test_vector_has_the_expected_draft_and_spans(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(NothingLeft):
            parse(case["text"], context_of(case))
    else:
        expected = {"draft": case["draft"], "spans": case["spans"]}
        assert written(parse(case["text"], context_of(case))) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_vectors_hold_at_least_150_different_cases_of_each_language(language: str) -> None:
    assert len({case["text"] for case in CASES if case["language"] == language}) >= 150


@patient
@given(texts, languages)
@example("x #Work /Waiting for 45m", "en")
@example("every day until friday x", "en")
def test_spans_of_any_text_lie_in_it_in_order_without_overlapping(
    text: str, language: LanguageCode
) -> None:
    draft = parsed(text, language)

    positions = [at for span in draft.spans for at in (span.start, span.end)] if draft else []
    assert positions == sorted(positions)
    assert all(0 <= at <= len(text) for at in positions)
    assert all(span.start < span.end for span in draft.spans) if draft else True


@patient
@given(texts, languages)
def test_title_of_any_text_is_what_its_spans_leave(text: str, language: LanguageCode) -> None:
    draft = parsed(text, language)
    if draft is None:
        return
    rest = list(text)
    for span in reversed(draft.spans):
        rest[span.start : span.end] = []

    # Only punctuation and white space next to a token can differ.
    assert _without_closing(draft.title) == _without_closing("".join(rest))
    assert draft.title == draft.title.strip()
    if not draft.spans:
        assert draft.title == text.strip()


def _without_closing(text: str) -> str:
    return re.sub(r"[\s,.;:!?)]", "", text)


@patient
@given(texts, languages)
def test_draft_of_any_text_is_what_its_spans_say(text: str, language: LanguageCode) -> None:
    draft = parsed(text, language)
    if draft is None:
        return
    values = {span.kind: span.value for span in draft.spans}

    assert values.get(SpanKind.LIST) in {None, str(draft.list_id)}
    assert values.get(SpanKind.PRIORITY) == draft.priority
    assert values.get(SpanKind.DURATION) == draft.duration_minutes
    assert values.get(SpanKind.RECURRENCE) == (draft.recurrence and draft.recurrence.rule)
    assert values.get(SpanKind.TIME) == (
        f"{draft.due.time:%H:%M}" if draft.due and draft.due.time else None
    )
    names = {span.value for span in draft.spans if span.kind is SpanKind.LABEL}
    assert names == {label.name for label in draft.labels}


@patient
@given(texts, languages)
@example("x tomorrow every 100 years on 29 Feb", "en")
def test_recurrence_of_any_text_has_a_date_from_the_due_date_on(
    text: str, language: LanguageCode
) -> None:
    draft = parsed(text, language)

    if draft and draft.recurrence:
        assert draft.due is not None
        assert first_date(parse_rule(draft.recurrence.rule), draft.due.date) is not None


@patient
@given(texts, languages, st.dates(max_value=date(9998, 12, 31)), st.times())
def test_text_at_any_time_raises_only_the_declared_error(
    text: str, language: LanguageCode, day: date, hour: time
) -> None:
    with suppress(NothingLeft):
        parse(text, Context(language, datetime.combine(day, hour)))


def test_first_of_equally_named_lists_counts() -> None:
    lists = [ListName(UUID(int=1), "Home"), ListName(UUID(int=2), "HOME")]

    draft = parse("Sweep #home", Context("en", NOW, lists))

    assert draft.list_id == UUID(int=1)


def test_backslash_in_the_name_of_a_list_is_not_an_escape() -> None:
    lists = [ListName(UUID(int=1), "Big \\#house")]

    draft = parse("Sweep #Big \\#house", Context("en", NOW, lists))

    assert [span.kind for span in draft.spans] == [SpanKind.LIST]


def test_ambiguous_section_name_stays_text_even_if_a_shorter_one_exists() -> None:
    first, second = UUID(int=1), UUID(int=2)
    sections = [
        SectionName(UUID(int=3), first, "To do"),
        SectionName(UUID(int=4), second, "To do"),
        SectionName(UUID(int=5), first, "To"),
    ]

    draft = parse("Sweep /To do", Context("en", NOW, sections=sections))

    assert (draft.title, draft.section_id) == ("Sweep /To do", None)


def test_labels_beyond_fifty_stay_text() -> None:
    draft = parse("x " + " ".join(f"@l{number}" for number in range(52)), context())

    assert len(draft.labels) == 50
    assert draft.title == "x @l50 @l51"


def test_label_longer_than_120_characters_stays_text() -> None:
    assert parse(f"x @{'a' * 120}", context()).labels == (LabelName(None, "a" * 120),)
    assert parse(f"x @{'a' * 121}", context()).labels == ()


def test_names_match_whatever_their_case_and_normalization() -> None:
    assert parse("Fegen #wu\u0308rfel u\u0308bermorgen", context("de")).title == "Fegen"


def _all_patterns() -> Iterator[re.Pattern[str]]:
    for language in LANGUAGES.values():
        for field in fields(language.patterns):
            yield from getattr(language.patterns, field.name)


def test_patterns_match_a_bounded_number_of_characters() -> None:
    # Repetitions without a bound would make the cost of a text quadratic.
    for pattern in _all_patterns():
        outside_classes = re.sub(r"\[[^]]+\]", "", pattern.pattern)
        assert not re.search(r"(?<!\\)[*+]", outside_classes), pattern.pattern
        assert "," + "}" not in pattern.pattern, pattern.pattern


HOSTILE = [
    "every ",
    "every day until 1 dec ",
    "every mon, tue and wed, ",
    "every 1st and 2nd, ",
    "@a ",
    "@a a a b ",
    "# ",
    "#big ",
    "/ ",
    "\\tomorrow ",
    "\\# ",
    "monday to ",
    "2 march ",
    "9:00 - ",
    "sun ",
    "for 1h ",
    "p1 ",
    ",.;:!?) ",
    "a",
    "\u0301",
    "jeden 1. und 2. und ",
    "am freitag, den 1.1. ",
    "montagabend und ",
    "am freitag, den 1. ",
    "17 uhr 30 ",
    "every day and every ",
    "the first and third of every ",
    "at 8:30 in the evening ",
]


def steps_of(text: str, language: LanguageCode) -> int:
    """The calls of functions, built-in ones included, that parsing takes."""
    labels = [LabelName(UUID(int=number), f"a a a {number}") for number in range(9)]
    named = Context(language, NOW, labels=labels)
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        parse(text, named)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_hostile_text_takes_steps_linear_in_its_length(unit: str, language: LanguageCode) -> None:
    short, long = ((unit * size)[:size] + " x" for size in (1_000, 4_000))
    steps_of("x", language)  # compiles the patterns

    assert steps_of(long, language) <= 4.1 * steps_of(short, language) + 200
