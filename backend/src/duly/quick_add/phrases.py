"""Tokens that are phrases of a language: recurrences, dates, times and durations."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from duly.quick_add.dates import date_of, ends_phrase, is_certain
from duly.quick_add.drafts import Anchor, SpanKind
from duly.quick_add.languages.language import Language, Patterns
from duly.quick_add.line import Line, Match, Token
from duly.quick_add.recurrences import rule_of
from duly.quick_add.times import minutes_of, time_in_part, time_of
from duly.recurrence.dates import first_date
from duly.recurrence.rules import parse_rule


class Phrases:
    """Reads the phrases of one text, on one day."""

    def __init__(self, language: Language, line: Line, today: date) -> None:
        self._language = language
        self._line = line
        self._today = today
        # Words of dates and times that stay text, and so does a time directly after them.
        self._passed: set[int] = set()

    def recurrences(self) -> Iterator[tuple[Token, Anchor]]:
        """Yield each recurrence with its rule, and what the rule is counted from."""
        for match in self._matches(self._language.patterns.recurrences):
            rule = rule_of(self._language, match.groups)
            if rule is not None and self._has_date(rule) and self._is_recurrence(match):
                anchor: Anchor = "completion" if "after" in match.groups else "due"
                yield _token(SpanKind.RECURRENCE, match, rule), anchor

    def ends(self, first: int) -> Iterator[Token]:
        """Yield each last date of a recurrence, with its preposition, from a word on."""
        for token in self._led(self._language.patterns.until, SpanKind.RECURRENCE):
            if token.first >= first:
                yield token

    def starts(self) -> Iterator[Token]:
        """Yield each first date of a recurrence, with its preposition."""
        return self._led(self._language.patterns.starting, SpanKind.DATE)

    def dates(self) -> Iterator[Token]:
        """Yield each date, as `YYYY-MM-DD`."""
        patterns = self._language.patterns.dates
        for match in self._unbroken(patterns):
            found = date_of(self._language, match.groups, self._today)
            if found is not None and self._is_date(match):
                yield _token(SpanKind.DATE, match, found.isoformat())
            else:
                self._passed.update(range(match.first, match.after))

    def times(self, *after: Token) -> Iterator[Token]:
        """Yield each time, as `HH:MM`. Directly after the given tokens, a part of the day is one."""
        parts = [token for before in after for token in self._day_part(before)]
        yield from parts
        taken = {index for token in parts for index in range(token.first, token.after)}
        for match in self._unbroken(self._language.patterns.times):
            if match.first not in taken:
                found = time_of(match.groups)
                yield _token(SpanKind.TIME, match, f"{found:%H:%M}")

    def durations(self) -> Iterator[Token]:
        """Yield each duration in minutes."""
        for match in self._matches(self._language.patterns.durations):
            minutes = minutes_of(match.groups)
            if minutes is not None and ends_phrase(self._language, self._line, match):
                yield _token(SpanKind.DURATION, match, minutes)

    def _matches(self, patterns: Patterns) -> Iterator[Match]:
        index = 0
        while index < len(self._line.words):
            match = self._line.match(patterns, index)
            if match is not None:
                yield match
            index = index + 1 if match is None else match.after

    def _unbroken(self, patterns: Patterns) -> Iterator[Match]:
        """Yield the matches that are not part of a range and whose meaning no word before changes."""
        index = 0
        while index < len(self._line.words):
            match = self._line.match(patterns, index)
            if match is None:
                index += 1
                continue
            index = self._end_of_range(patterns, match)
            if index > match.after or self._is_after_other_word(match.first):
                self._passed.update(range(match.first, index))
            else:
                yield match

    def _end_of_range(self, patterns: Patterns, match: Match) -> int:
        index = match.after
        if not self._is_before_range(match):
            return index
        last = self._line.match(patterns, index + 1)
        if last is not None:
            return last.after
        is_number = self._is_number(index - 1) and self._is_number(index + 1)
        return index + 2 if is_number else index

    def _is_before_range(self, match: Match) -> bool:
        index = match.after
        if match.is_closed or self._line.is_taken(index):
            return False
        return self._line.keys[index] in self._language.ranges

    def _is_after_other_word(self, index: int) -> bool:
        # With punctuation after it, a key is not such a word.
        if index == 0:
            return False
        key, ranges = self._line.keys[index - 1], self._language.ranges
        return (
            index - 1 in self._passed
            or key in self._language.not_after
            or key in self._language.ordinals
            or (key in ranges and self._is_number(index - 2))
            or (self._line.keys[index] in ranges and self._is_number(index - 1))
        )

    def _is_number(self, index: int) -> bool:
        if not 0 <= index < len(self._line.keys):
            return False
        key = self._line.keys[index].rstrip(".")
        return key[:1].isdecimal() and key[-1:].isdecimal()

    def _led(self, patterns: Patterns, kind: SpanKind) -> Iterator[Token]:
        for lead in self._matches(patterns):
            match = self._line.match(self._language.patterns.dates, lead.after)
            if match is None or lead.is_closed:
                continue
            found = date_of(self._language, match.groups, self._today)
            if found is not None and is_certain(
                self._language, self._line, match, is_leading=True
            ):
                yield Token(
                    kind, lead.first, match.after, lead.start, match.end, found.isoformat()
                )

    def _is_date(self, match: Match) -> bool:
        last, language = match.after - 1, self._language
        if last > 0 and match.groups.get("relative") in language.capitalized_nouns:
            # After another day, "morgen" is the morning.
            before = self._line.keys[last - 1]
            is_day = before in language.weekdays or before in language.relative_days
            return self._line.words[last].text[0].islower() and not is_day
        return is_certain(self._language, self._line, match)

    def _has_date(self, rule: str) -> bool:
        # From which date the interval is counted is not known yet.
        return first_date(replace(parse_rule(rule), interval=1), self._today) is not None

    def _is_recurrence(self, match: Match) -> bool:
        groups, language = match.groups, self._language
        if "weekdays" in groups and self._is_before_range(match):
            # "Every Monday until Friday" is a range too; "until 1 Dec" is an end.
            last = self._line.match(language.patterns.dates, match.after + 1)
            if last is not None and "weekday" in last.groups:
                return False
        if "unit" in groups or "of_month" in groups:
            return True
        if "monthdays" in groups and self._is_before_weekday(match):
            return False
        if "month" in groups:
            return is_certain(language, self._line, match)
        has_noun = groups.get("weekdays", "").split(" ")[-1] in language.nouns
        if has_noun or "monthdays" in groups:
            return ends_phrase(language, self._line, match)
        return True

    def _is_before_weekday(self, match: Match) -> bool:
        if match.is_closed or self._line.is_taken(match.after):
            return False
        key, language = self._line.keys[match.after], self._language
        return key in language.weekdays or key in language.short_weekdays

    def _day_part(self, token: Token) -> Iterator[Token]:
        index = token.after
        if self._line.is_taken(index) or self._line.words[index - 1].end != token.end:
            return
        match = self._line.match(self._language.patterns.day_parts, index)
        if match is None:
            return
        found = self._language.day_parts[match.groups["day_part"]]
        exact = self._line.match(self._language.patterns.times, match.after)
        if exact is not None and not match.is_closed:
            found = time_in_part(exact.groups, found)
            match = replace(exact, first=match.first, start=match.start)
        yield _token(SpanKind.TIME, match, f"{found:%H:%M}")


def _token(kind: SpanKind, match: Match, value: str | int) -> Token:
    return Token(kind, match.first, match.after, match.start, match.end, value)
