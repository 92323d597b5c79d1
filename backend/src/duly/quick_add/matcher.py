"""Matches of phrases in a text, and the words around them that change their meaning."""

from collections.abc import Iterator

from duly.quick_add.dates import ends_phrase
from duly.quick_add.languages.language import Language, Patterns
from duly.quick_add.line import CLOSING, Line, Match

# Groups that name a weekday, or the month of a date.
_WEEKDAYS = {"weekday", "weekdays"}
_MONTHS = {"month", "month_number"}


class Matcher:
    """Finds the phrases of one text, and remembers which of them stay text."""

    def __init__(self, language: Language, line: Line) -> None:
        self._language = language
        self._line = line
        # Words of phrases that stay text, and so does a date or a time directly after them.
        self._left: set[int] = set()

    def matches(self, patterns: Patterns) -> Iterator[Match]:
        """Yield each match."""
        index = 0
        while index < len(self._line.words):
            match = self.match_at(index, patterns)
            if match is not None:
                yield match
            index = index + 1 if match is None else match.after

    def unbroken(self, patterns: Patterns) -> Iterator[Match]:
        """Yield the matches that are not part of a list or range, and not changed by a word before."""
        index = 0
        while index < len(self._line.words):
            match = self.match_at(index, patterns)
            if match is None:
                index += 1
                continue
            index = self._end_of_range(match, patterns)
            if index > match.after or self.is_after_other_word(match):
                self._left.update(range(match.first, index))
            else:
                yield match

    def match_at(self, index: int, patterns: Patterns) -> Match | None:
        """Return the first match. Its trailing numbers, if any, are at the end of the phrase."""
        for match in self._line.matches(patterns, index):
            if "trailing" not in match.groups or ends_phrase(self._language, self._line, match):
                return match
        return None

    def match_after(self, match: Match, patterns: Patterns) -> Match | None:
        """Return the match directly after another one."""
        return None if match.is_closed else self._line.match(patterns, match.after)

    def leave(self, *matches: Match | None) -> None:
        """Remember that phrases stay text."""
        for match in filter(None, matches):
            self._left.update(range(match.first, match.after))

    def leave_all(self) -> None:
        """Remember that no word is part of a date or a time."""
        self._left.update(range(len(self._line.words)))

    def is_left(self, index: int) -> bool:
        """Return whether a word is part of a phrase that stays text."""
        return index in self._left

    def is_in_list(self, match: Match) -> bool:
        """Return whether a recurrence is part of a list or a range."""
        return self._continues_list(match.first) or self._begins_list(match)

    def is_after_conjunction(self, index: int) -> bool:
        """Return whether the word before is a conjunction."""
        return index > 0 and self._line.keys[index - 1] in self._language.conjunctions

    def begins_range(self, match: Match) -> bool:
        """Return whether another date follows as the end of a range."""
        patterns = self._language.patterns
        return (
            self._is_before(match, self._language.ranges)
            and self.match_after(match, patterns.until) is None
            and self.match_at(match.after + 1, patterns.dates) is not None
        )

    def is_before_weekday(self, match: Match) -> bool:
        """Return whether a weekday follows."""
        return not match.is_closed and self._is_weekday(match.after)

    def is_after_other_word(self, match: Match) -> bool:
        """Return whether a word or a bracket before a match changes its meaning."""
        index, language = match.first, self._language
        if index in self._line.bracketed:
            return True
        if index == 0:
            return index in self._left
        # With punctuation after it, a key is not such a word.
        key = self._line.keys[index - 1]
        return (
            index - 1 in self._left
            or key in language.not_after
            or self._is_ordinal(index - 1)
            or (key in language.linking and self._is_linked(index - 2, index))
            or (self._line.keys[index] in language.ranges and self._is_number(index - 1))
        )

    def _is_linked(self, first: int, last: int) -> bool:
        """Return whether a list or a range begins with a phrase that stays text or a number."""
        if first in self._left:
            return True
        is_range = self._line.keys[first + 1] in self._language.ranges
        is_number = self._is_number(first) and (is_range or self._line.keys[last][0].isdecimal())
        return is_number or self._is_ordinal(first)

    def _end_of_range(self, match: Match, patterns: Patterns) -> int:
        """Return the end of a range or a list that a match begins, or that of the match."""
        index = match.after
        if self._is_before_comma(match):
            last = self.match_at(index, patterns)
            return last.after if last is not None and _are_alike(match, last) else index
        if not self._is_before(match, self._language.linking):
            return index
        last = self.match_at(index + 1, patterns)
        if last is not None:
            return last.after
        if self._is_number(index - 1) and self._is_number(index + 1):
            return index + 2
        is_range = self._is_before(match, self._language.ranges)
        return index + 1 if not is_range and index + 1 in self._left else index

    def _begins_list(self, match: Match) -> bool:
        """Return whether a date follows "and", or another weekday a word such as "to"."""
        after, patterns = match.after + 1, self._language.patterns
        if self._is_before(match, self._language.linking) and self._is_plural(after):
            return True
        if self._is_before(match, self._language.conjunctions):
            return self.match_at(after, patterns.dates) is not None
        if "weekdays" in match.groups and self._is_before(match, self._language.ranges):
            # "Every Monday until Friday" is a range too; "until 1 Dec" is an end.
            last = self.match_at(after, (*patterns.recurrences, *patterns.dates))
            return last is not None and not last.groups.keys().isdisjoint(_WEEKDAYS)
        return self._begins_list_of_dates(match)

    def _begins_list_of_dates(self, match: Match) -> bool:
        """Return whether a comma joins two days of the year, as in "every 1 Jan, 1 Jul"."""
        if not self._is_before_comma(match):
            return False
        last = self.match_at(match.after, self._language.patterns.dates)
        return last is not None and not any(
            _MONTHS.isdisjoint(each.groups) for each in (match, last)
        )

    def _continues_list(self, index: int) -> bool:
        """Return whether a weekday belongs to what follows, as in "Monday and every 15th"."""
        if self.is_after_conjunction(index):
            return self._is_weekday(index - 2)
        return self._is_weekday(index - 1) and self._is_ordinal(index - 2)

    def _is_before_comma(self, match: Match) -> bool:
        return self._line.words[match.after - 1].text.endswith(",")

    def _is_before(self, match: Match, keys: frozenset[str]) -> bool:
        index = match.after
        if match.is_closed or self._line.is_taken(index):
            return False
        return self._line.keys[index] in keys

    def _is_ordinal(self, index: int) -> bool:
        match = self._line.match(self._language.patterns.ordinals, index) if index >= 0 else None
        return match is not None and not match.is_closed

    def _is_number(self, index: int) -> bool:
        if not 0 <= index < len(self._line.keys):
            return False
        key = self._line.keys[index].rstrip(".")
        return key[:1].isdecimal() and (key[-1:].isdecimal() or self._is_ordinal(index))

    def _is_weekday(self, index: int) -> bool:
        if index < 0 or self._line.is_taken(index):
            return False
        key, language = self._line.keys[index], self._language
        return key in language.weekdays or key in language.short_weekdays

    def _is_plural(self, index: int) -> bool:
        """Whether a word is several weekdays, such as "Fridays"."""
        if self._line.is_taken(index):
            return False
        key = self._line.keys[index].rstrip(CLOSING)
        return key.endswith("s") and key.removesuffix("s") in self._language.weekdays


def _are_alike(first: Match, second: Match) -> bool:
    """Whether two dates are both weekdays, or both days of the year."""
    for names in (_WEEKDAYS, _MONTHS):
        if not any(names.isdisjoint(match.groups) for match in (first, second)):
            return True
    return False
