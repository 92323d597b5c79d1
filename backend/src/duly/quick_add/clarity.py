"""Whether a text describes one recurrence, or could mean something else."""

from collections.abc import Iterator

from duly.quick_add.dates import is_certain, weekday_of
from duly.quick_add.languages.language import Language
from duly.quick_add.line import Line, Match
from duly.quick_add.matcher import Matcher
from duly.recurrence.rules import parse_rule


def is_clear(language: Language, line: Line, matcher: Matcher, match: Match, rule: str) -> bool:
    """Return whether nothing else in a text contradicts its recurrence.

    An exception does, and so does a period, an end that is not a date, a weekday that the rule
    lacks, another date after a conjunction, or a first date with which a range begins.
    """
    patterns = language.patterns
    if any(True for _ in matcher.matches(patterns.exceptions)):
        return False
    if any(period.first >= match.after for period in matcher.matches(patterns.periods)):
        return False
    ends = list(matcher.matches(patterns.until))
    starts = list(matcher.matches(patterns.starting))
    first_dates = (matcher.match_at(start.after, patterns.dates) for start in starts)
    if not all(_is_end(language, line, matcher, match, end) for end in ends) or any(
        first is not None and matcher.begins_range(first) for first in first_dates
    ):
        return False
    led = {index for lead in (*ends, *starts) for index in range(lead.first, lead.after + 1)}
    parsed = parse_rule(rule)
    days = {day.weekday for day in parsed.by_day}
    for other in _other_dates(language, line, matcher, match):
        if other.first in led:
            continue
        weekday = _weekday(language, other)
        if weekday is not None and weekday not in days and (days or parsed.frequency != "WEEKLY"):
            return False
        if other.first > match.after and matcher.is_after_conjunction(other.first):
            return False
    return True


def _is_end(
    language: Language, line: Line, matcher: Matcher, recurrence: Match, end: Match
) -> bool:
    """Return whether a word such as "until" begins an end of the recurrence, or none at all.

    An end is a date after the recurrence. Before it, or with a part of the day, it is another date.
    """
    if end.is_closed or line.is_taken(end.after):
        return False
    patterns = language.patterns
    if matcher.match_at(end.after, patterns.times) is not None:
        return True
    found = matcher.match_at(end.after, patterns.dates)
    if found is None:
        return line.keys[end.after][0].isdecimal()
    is_after = end.first >= recurrence.after
    return is_after and matcher.match_after(found, patterns.day_parts) is None


def _other_dates(
    language: Language, line: Line, matcher: Matcher, recurrence: Match
) -> Iterator[Match]:
    for match in matcher.matches(language.patterns.dates):
        is_part = recurrence.first <= match.first < recurrence.after
        if (
            not is_part
            and is_certain(language, line, match)
            and not matcher.is_after_other_word(match)
        ):
            yield match


def _weekday(language: Language, match: Match) -> int | None:
    """Return the weekday that a date names, unless it has a day of the month or is of next week."""
    word = match.groups.get("weekday")
    return None if word is None or "next" in match.groups else weekday_of(language, word)
