"""The interface of a language: the words of its grammar, and phrases made of them.

A phrase is a regular expression in which `<name>` is a named group. The group's expression comes
from the vocabulary below. Its groups alone decide its meaning:

| groups | meaning |
| --- | --- |
| `relative` | a day counted from today |
| `n`, `unit` | a number of units from today |
| `next` with `unit` or `weekday` | the week after this one, or its weekday |
| `weekday` | the first such day after today |
| `day` with `month` or `month_number`, perhaps `year` or `short_year` | a date |
| `iso` | a date as in ISO 8601 |
| `hour`, perhaps `minute`, `am` or `pm` | a time |
| `noon` | 12:00 |
| `hours`, `minutes` | a duration |
| `interval`, `nth` or `other` with `unit` | every so many units; `other` is every second one |
| `weekdays`, `workdays`, `weekend` | those weekdays, Monday to Friday, or the other two |
| `cadence` | a word such as "daily" |
| `each_day` | every day, before a part of the day |
| `ordinals` with `weekday` | such weekdays of each month |
| `ordinals`, `monthdays`, `last_day` | those days of each month, or its last one |
| `monthdays` in a date, or `weekday` with `unit` | not a date: the phrase stays text |

`on` marks a preposition. With `any_weekday`, a date repeats its weekday. A `suffix` marks a day as
an ordinal, `of_month` one as a day of the month. `after` means: counted from the completion.
`trailing` marks numbers that belong to the phrase only at its end: not in "Montag 15. Geburtstag".
`unclear` marks those that may or may not belong to it before another word, as in "17 Uhr 20 Eier":
then the phrase stays text.

Phrases are matched in order, case-folded and with one space between words; the first match
decides. Each must bound its length, so that a text costs linear time.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cached_property

from duly.quick_add.line import CLOSING
from duly.utils.name_keys import name_key

# A phrase ends with a word, or before the punctuation after it.
_END = rf"(?=[{re.escape(CLOSING)}]{{0,3}}(?: |$))"
_END_OF_WORD = rf"[{re.escape(CLOSING)}]*(?!\S)"
_BRACKET = r"[(\[]"
_GROUP = re.compile(r"(?<!\?P)<(\w+)>")

# Phrases that several languages have; `WEEKDAY` is the expression for one.
NUMERIC_DAY = "<day>[./-](?:0?[1-9]|[12][0-9]|3[01])(?:[./-](?:[0-9]{2}|[0-9]{4})?)?"
JOINED_WEEKDAYS = "<weekday>(?:[/\u2013-](?:WEEKDAY)){1,6}"
ZONE_NAME = "[a-z_]{2,20}/[a-z_]{2,20}(?:/[a-z_]{2,20})?"

Phrases = tuple[str, ...]
Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class Language:
    """The grammar of one language. Weekdays are numbered from Monday, 0; months from 1."""

    relative_days: Mapping[str, int]
    weekdays: Mapping[str, int]

    short_weekdays: Mapping[str, int]
    """Abbreviations that are also words or names. They are dates only after a preposition, `next`
    or `every`, or before a time."""

    nouns: frozenset[str]
    """Those of them that must also be at the end of a phrase."""

    capitalized_nouns: frozenset[str]
    """Days that mean something else with a capital letter, except as the first word."""

    months: Mapping[str, int]

    clear_months: frozenset[str]
    """Month names that have no other meaning. `2 March` is a date only at the end of a phrase."""

    units: Mapping[str, str]
    """The values are those of FREQ."""

    cadences: Mapping[str, str]
    """The values are those of FREQ."""

    numbers: Mapping[str, int]
    ordinals: Mapping[str, int]
    """The last one is -1."""

    day_parts: Mapping[str, time]
    """They are recognized directly after a date."""

    has_compounds: bool
    """Whether a weekday and a part of the day can be one word, as in "Montagabend"."""

    vocabulary: Mapping[str, str]
    """The expressions of further groups."""

    dates: Phrases
    times: Phrases
    durations: Phrases
    recurrences: Phrases

    until: Phrases
    """Words before the last date of a recurrence."""

    starting: Phrases
    """Words before the date from which a recurrence begins."""

    not_after: frozenset[str]
    """Words after which a date, a time or a recurrence does not say when the task is due."""

    not_before: Phrases
    """Phrases that change the meaning of what is before them, which therefore stays text."""

    limits: Phrases
    """Phrases that change the meaning of a recurrence before them."""

    exceptions: Phrases
    """Phrases that change the meaning of a recurrence anywhere in the text."""

    periods: Phrases
    """Phrases that say how long a recurrence before them lasts."""

    undated: Phrases
    """Days that are not recognized, which leave a time before or after them in the text."""

    zones: Phrases
    """Time zones, which leave a time before them in the text."""

    bare_times: Phrases
    """Times that are recognized only directly after a part of the day, such as "at 8"."""

    late: frozenset[str]
    """Parts of the day after noon. Next to one that is not recognized, 8:00 is ambiguous."""

    conjunctions: frozenset[str]
    """Words between the members of a list."""

    ranges: frozenset[str]
    """Words between two dates or times that make them a range."""

    connecting: frozenset[str]
    """Words that end a phrase, such as prepositions and conjunctions."""

    @cached_property
    def linking(self) -> frozenset[str]:
        """The words of lists and of ranges."""
        return self.conjunctions | self.ranges

    @cached_property
    def first_parts(self) -> re.Pattern[str] | None:
        """The first parts of words that are compounds of a weekday and a part of the day."""
        if not self.has_compounds:
            return None
        # Not before "abends": "dienstagabends" is every Tuesday.
        parts = any_of(part for part in self.day_parts if not part.endswith("s"))
        days = any_of(self.weekdays)
        return re.compile(rf"(?:{days})(?=(?:{parts}){_END_OF_WORD})", re.IGNORECASE)

    @cached_property
    def patterns(self) -> "LanguagePatterns":
        """The phrases, compiled."""
        return LanguagePatterns(
            dates=self._compiled(self.dates),
            times=self._compiled(self.times),
            day_parts=self._compiled(("<day_part>",)),
            durations=self._compiled(self.durations),
            recurrences=self._compiled(self.recurrences),
            until=self._compiled(self.until),
            starting=self._compiled(self.starting),
            ordinals=self._compiled(("<nth>", "<ordinal>")),
            not_before=self._compiled(self.not_before),
            limits=self._compiled(self.limits),
            exceptions=self._compiled(
                [
                    *(f"{_BRACKET}?(?:{phrase})" for phrase in self.exceptions),
                    *(f"{_BRACKET}(?:{phrase})" for phrase in (*self.until, *self.starting)),
                ]
            ),
            periods=self._compiled(f"{_BRACKET}?(?:{phrase})" for phrase in self.periods),
            undated=self._compiled(self.undated),
            zones=self._compiled(self.zones),
            bare_times=self._compiled(self.bare_times),
        )

    def _compiled(self, phrases: Iterable[str]) -> Patterns:
        weekday = any_of([*self.weekdays, *self.short_weekdays])
        number = f"[1-9][0-9]{{0,2}}|{any_of(self.numbers)}"
        vocabulary = {
            "relative": any_of(self.relative_days),
            "weekday": weekday,
            "any_weekday": weekday,
            "month": any_of(self.months),
            "day_part": any_of(self.day_parts),
            "unit": any_of(self.units),
            "cadence": any_of(self.cadences),
            "n": number,
            "interval": number,
            "ordinal": any_of(self.ordinals),
            "day": "0?[1-9]|[12][0-9]|3[01]",
            "year": "[0-9]{4}",
            "iso": "[12][0-9]{3}-[01][0-9]-[0-3][0-9]",
            "hour": "[01]?[0-9]|2[0-3]",
            "minute": "[0-5][0-9]",
            "hours": "[0-9]{1,3}",
            "minutes": "[0-9]{1,5}",
            **self.vocabulary,
        }

        def group(found: re.Match[str]) -> str:
            return f"(?P<{found[1]}>{vocabulary[found[1]]})"

        def expanded(phrase: str) -> str:
            named = _GROUP.sub(group, phrase)
            return named.replace("WEEKDAY", weekday).replace("ORDINAL", vocabulary["ordinal"])

        return tuple(re.compile(f"(?:{expanded(phrase)}){_END}") for phrase in phrases)


@dataclass(frozen=True)
class LanguagePatterns:
    """The compiled phrases of a language."""

    dates: Patterns
    times: Patterns
    day_parts: Patterns
    durations: Patterns
    recurrences: Patterns
    until: Patterns
    starting: Patterns
    ordinals: Patterns
    not_before: Patterns
    limits: Patterns
    exceptions: Patterns
    periods: Patterns
    undated: Patterns
    zones: Patterns
    bare_times: Patterns

    @cached_property
    def all(self) -> Patterns:
        """Those with which a token may begin."""
        return (
            *self.recurrences,
            *self.dates,
            *self.times,
            *self.durations,
            *self.until,
            *self.starting,
        )


def words(text: str) -> frozenset[str]:
    """Return the words of a text as they are compared."""
    return frozenset(name_key(text).split())


def any_of(words: Iterable[str]) -> str:
    """Return an expression for one of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
