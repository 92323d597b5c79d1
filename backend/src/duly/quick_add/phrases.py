"""Tokens that are phrases of a language: recurrences, dates, times and durations."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time

from duly.quick_add.clarity import is_clear
from duly.quick_add.dates import date_of, ends_phrase, is_certain
from duly.quick_add.drafts import Anchor, SpanKind
from duly.quick_add.languages.language import Language, Patterns
from duly.quick_add.line import CLOSING, Line, Match, Token
from duly.quick_add.matcher import Matcher
from duly.quick_add.recurrences import rule_of
from duly.quick_add.times import is_ambiguous, minutes_of, time_in_part, time_of
from duly.recurrence.dates import first_date
from duly.recurrence.rules import parse_rule
from duly.utils.name_keys import name_key

# As many words after a time can name its part of the day: "in the evening".
_NEAR = 3

# What may be around the name of a day.
_AROUND = f"{CLOSING}([\"'\u201c\u201d\u201e"

# As many words can name a day that is not recognized: "on the 5th".
_LONGEST_DAY = 3

# The words of a time such as "at 5 p.m."
_LONGEST_TIME = 3

# The words of a time such as "at 8".
_BARE = 2


class Phrases:
    """Reads the phrases of one text, on one day."""

    def __init__(self, language: Language, line: Line, today: date) -> None:
        self._language = language
        self._line = line
        self._today = today
        self._patterns = language.patterns
        self._matcher = Matcher(language, line)
        # Where the part of the day begins that belongs to "every morning".
        self._part_of_each_day = -1

    def recurrence(self) -> tuple[Token, Anchor] | None:
        """Return the recurrence with its rule, and what the rule is counted from.

        If the text has several, or if it is not clear, they stay text, with all dates and times.
        """
        found = list(self._recurrences())
        if not found:
            return None
        match, rule = found[0]
        if len(found) > 1 or rule is None or not self._is_clear(match, rule):
            self._matcher.leave_all()
            return None
        if "each_day" in match.groups:
            self._part_of_each_day = match.after
        anchor: Anchor = "completion" if "after" in match.groups else "due"
        return _token(SpanKind.RECURRENCE, match, rule), anchor

    def ends(self, first: int) -> Iterator[Token]:
        """Yield each last date of a recurrence, with its preposition, from a word on."""
        for token in self._led(self._patterns.until, SpanKind.RECURRENCE):
            if token.first >= first:
                yield token

    def starts(self) -> Iterator[Token]:
        """Yield each first date of a recurrence, with its preposition."""
        return self._led(self._patterns.starting, SpanKind.DATE)

    def dates(self) -> list[Token]:
        """Return each date, as `YYYY-MM-DD`.

        If one follows a conjunction, as in "Monday at 9:00 and Friday", all stay text.
        """
        found = list(self._dates())
        if any(self._continues_list(token) for token in found[1:]):
            self._matcher.leave_all()
            return []
        return found

    def times(self, *after: Token) -> list[Token]:
        """Return the last time, as `HH:MM`, and the parts of the day directly after given tokens.

        The last part and a time that directly follows are one token. All have the same value.
        """
        parts = [(token, part) for token in after if (part := self._day_part(token)) is not None]
        times = [
            match
            for match in self._matcher.unbroken(self._patterns.times)
            if self._is_time(match, is_certain=bool(parts))
        ]
        if any(self._matcher.is_after_conjunction(match.first) for match in times[1:]):
            times = []  # as in "at 5pm today and at 6pm"
        if not parts:
            return [_time_token(match, time_of(match.groups)) for match in times[-1:]]
        token, part = max(parts, key=lambda pair: pair[1].first)
        found = self._language.day_parts[part.groups["day_part"]]
        words = [match for _, match in parts]
        last = times[-1] if times else self._bare_time(token, part)
        if last is not None:
            found = time_in_part(last.groups, found)
            if last.first == part.after and not part.is_closed:
                words.remove(part)
                last = replace(last, first=part.first, start=part.start)
            words.append(last)
        return [_time_token(match, found) for match in words]

    def durations(self) -> Iterator[Token]:
        """Yield each duration in minutes."""
        for match in self._matcher.matches(self._patterns.durations):
            change = self._matcher.match_after(match, self._patterns.not_before)
            minutes = minutes_of(match.groups)
            if change is not None or minutes is None or match.first in self._line.bracketed:
                continue
            if ends_phrase(self._language, self._line, match):
                yield _token(SpanKind.DURATION, match, minutes)

    def _recurrences(self) -> Iterator[tuple[Match, str | None]]:
        """Yield each recurrence with its rule, or None if words around it change the rule."""
        changes = (*self._patterns.not_before, *self._patterns.limits)
        for match in self._matcher.matches(self._patterns.recurrences):
            rule = rule_of(self._language, match.groups) if self._is_recurrence(match) else None
            if rule is None or not self._has_date(rule):
                self._matcher.leave(match)
            elif self._matcher.is_in_list(match) or self._matcher.match_after(match, changes):
                yield match, None
            else:
                yield match, rule

    def _is_clear(self, match: Match, rule: str) -> bool:
        return is_clear(self._language, self._line, self._matcher, match, rule)

    def _dates(self) -> Iterator[Token]:
        for match in self._matcher.unbroken(self._patterns.dates):
            if self._is_morning(match):
                continue
            change = self._matcher.match_after(match, self._patterns.not_before)
            found = date_of(self._language, match.groups, self._today)
            if change is not None or found is None or not self._is_date(match):
                self._matcher.leave(match, change)
            else:
                yield _token(SpanKind.DATE, match, found.isoformat())

    def _continues_list(self, token: Token) -> bool:
        """Return whether a conjunction is before a date, or before the time in front of it."""
        firsts = [token.first]
        for index in range(max(token.first - _LONGEST_TIME, 0), token.first):
            match = self._line.match(self._patterns.times, index)
            if match is not None and match.after == token.first:
                firsts.append(match.first)
        return any(self._matcher.is_after_conjunction(first) for first in firsts)

    def _led(self, patterns: Patterns, kind: SpanKind) -> Iterator[Token]:
        for lead in self._matcher.matches(patterns):
            match = self._matcher.match_at(lead.after, self._patterns.dates)
            if match is None or lead.is_closed:
                continue
            change = self._matcher.match_after(match, self._patterns.not_before)
            found = date_of(self._language, match.groups, self._today)
            if change is not None or found is None:
                continue
            if is_certain(self._language, self._line, match, is_leading=True):
                yield Token(
                    kind, lead.first, match.after, lead.start, match.end, found.isoformat()
                )

    def _is_morning(self, match: Match) -> bool:
        """Whether "morgen" is the morning, as it is after another day or after "jeden"."""
        last, language = match.after - 1, self._language
        if match.first == self._part_of_each_day:
            return True
        if last == 0 or match.groups.get("relative") not in language.capitalized_nouns:
            return False
        # The day before may be part of a token.
        before = name_key(self._line.words[last - 1].text)
        return before in language.weekdays or before in language.relative_days

    def _is_date(self, match: Match) -> bool:
        last, language = match.after - 1, self._language
        if last > 0 and match.groups.get("relative") in language.capitalized_nouns:
            return self._line.words[last].text[0].islower()
        return is_certain(language, self._line, match)

    def _is_time(self, match: Match, *, is_certain: bool) -> bool:
        """Whether a time is one, before or after noon. `is_certain`: which of them is known."""
        changes = (*self._patterns.not_before, *self._patterns.zones)
        if self._matcher.match_after(match, changes) is not None:
            return False
        if not is_certain and self._is_beside_day(match):
            return False
        if "unclear" in match.groups and not ends_phrase(self._language, self._line, match):
            return False
        if is_certain or not is_ambiguous(match.groups):
            return True
        keys, first, after = self._line.keys, match.first, match.after
        near = (*keys[max(first - 1, 0) : first], *keys[after : after + _NEAR])
        late = tuple(self._language.late)
        return not any(key.rstrip(CLOSING).endswith(late) for key in near)

    def _is_beside_day(self, match: Match) -> bool:
        """Return whether a day that is not recognized is directly before or after a time."""
        undated = self._patterns.undated
        if self._matcher.is_left(match.after) or self._line.match(undated, match.after):
            return True
        before = range(max(match.first - _LONGEST_DAY, 0), match.first)
        days = (self._line.match(undated, index) for index in before)
        is_after_day = any(day is not None and day.after == match.first for day in days)
        return is_after_day or self._is_after_marked_day(match)

    def _is_after_marked_day(self, match: Match) -> bool:
        """Return whether a day that a bracket, a quotation mark or "'s" hides is directly before."""
        index, language = match.first - 1, self._language
        if index < 0 or self._line.is_taken(index):
            return False
        word = self._line.keys[index].strip(_AROUND).replace("\u2019", "'").removesuffix("'s")
        return word in language.weekdays or word in language.relative_days

    def _bare_time(self, token: Token, part: Match) -> Match | None:
        """Return a time such as "at 8" directly after a part of the day, or before its date."""
        match = self._matcher.match_after(part, self._patterns.bare_times)
        if match is not None and ends_phrase(self._language, self._line, match):
            return match
        match = self._line.match(self._patterns.bare_times, max(token.first - _BARE, 0))
        return match if match is not None and match.after == token.first else None

    def _has_date(self, rule: str) -> bool:
        # From which date the interval is counted is not known yet.
        return first_date(replace(parse_rule(rule), interval=1), self._today) is not None

    def _is_recurrence(self, match: Match) -> bool:
        groups, language = match.groups, self._language
        if self._matcher.is_after_other_word(match):
            return False
        if "unit" in groups or "of_month" in groups:
            return True
        if "monthdays" in groups and self._matcher.is_before_weekday(match):
            return False
        if "month" in groups:
            return is_certain(language, self._line, match)
        has_noun = groups.get("weekdays", "").split(" ")[-1] in language.nouns
        if has_noun or "monthdays" in groups:
            return ends_phrase(language, self._line, match)
        return True

    def _day_part(self, token: Token) -> Match | None:
        """Return the part of the day directly after a token."""
        index = token.after
        if self._line.is_taken(index) or self._line.words[index - 1].end != token.end:
            return None
        return self._line.match(self._patterns.day_parts, index)


def _token(kind: SpanKind, match: Match, value: str | int) -> Token:
    return Token(kind, match.first, match.after, match.start, match.end, value)


def _time_token(match: Match, at: time) -> Token:
    return _token(SpanKind.TIME, match, f"{at:%H:%M}")
