"""The parser of filters, by recursive descent.

filter = all, {"|", all}
all = one, {"&", one}
one = "!", one | "(", filter, ")" | term
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import get_args

from duly.filter_language.costs import check_cost
from duly.filter_language.cursor import Cursor
from duly.filter_language.errors import FilterError
from duly.filter_language.expressions import (
    WEEKDAYS,
    And,
    Compared,
    DateField,
    Day,
    EmptyField,
    Expression,
    Is,
    Named,
    Not,
    Operator,
    Or,
    Priority,
    Reference,
    RelativeDay,
    Search,
    State,
    Without,
)

MAX_LENGTH = 500
"""Code points of a filter."""
MAX_TERMS = 50
MAX_DEPTH = 10
"""How many `(` and `!` may surround a term, counted together."""
MAX_NUMBER = 9_999
"""Days or weeks that a date is moved by."""

_SIGNS: dict[str, Reference] = {"#": "list", "/": "section", "@": "label"}
_DATE_FIELDS: dict[str, DateField] = {field: field for field in get_args(DateField)}
_EMPTY_FIELDS: dict[str, EmptyField] = {field: field for field in get_args(EmptyField)}
_OPERATORS: tuple[Operator, ...] = ("<=", ">=", "<", "=", ">")  # the longest first
_DAYS_IN_UNIT = {"day": 1, "days": 1, "week": 7, "weeks": 7}

_TODAY = RelativeDay("today")
_DAYS: dict[str, RelativeDay] = {
    "yesterday": RelativeDay("today", -1),
    "today": _TODAY,
    "tomorrow": RelativeDay("today", 1),
    **{weekday: RelativeDay(weekday) for weekday in WEEKDAYS},
}
_WORDS: dict[str, Expression] = {
    **{f"p{value}": Priority(value) for value in range(1, 5)},
    **{state: Is(state) for state in get_args(State)},
    "today": Compared("due", "=", _TODAY),
}

_TERM = (
    "a term: #list, /section, @label, p1 to p4, no priority, no due, no start, no label, no list, "
    "a comparison such as due <= today, today, overdue, recurring, subtask, open, completed, "
    'or search: "text"'
)
_DAY = "a date: today, tomorrow, yesterday, monday to sunday, or YYYY-MM-DD"


def parse(text: str) -> Expression:
    """Return the filter that a text means. Raise `FilterError` if it is not one."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"Expected at most {MAX_LENGTH} characters", MAX_LENGTH)
    expression = _Parser(text).whole()
    check_cost(expression)
    return expression


class _Parser:
    def __init__(self, text: str) -> None:
        self._cursor = Cursor(text)
        self._depth = 0
        self._terms = 0

    def whole(self) -> Expression:
        expression = self._any()
        self._cursor.next()
        if not self._cursor.is_at_end:
            raise self._cursor.expected("& or | or the end; names with spaces need quotes")
        return expression

    def _any(self) -> Expression:
        items = self._separated("|", self._all)
        return items[0] if len(items) == 1 else Or(items)

    def _all(self) -> Expression:
        items = self._separated("&", self._one)
        return items[0] if len(items) == 1 else And(items)

    def _separated(self, sign: str, item: Callable[[], Expression]) -> tuple[Expression, ...]:
        items = [item()]
        while self._cursor.take(sign):
            items.append(item())
        return tuple(items)

    def _one(self) -> Expression:
        if self._cursor.take("!"):
            with self._deeper():
                return Not(self._one())
        if not self._cursor.take("("):
            return self._term()
        with self._deeper():
            expression = self._any()
        if not self._cursor.take(")"):
            raise self._cursor.expected("& or | or ); names with spaces need quotes")
        return expression

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        if self._depth == MAX_DEPTH:
            sign = self._cursor.position - 1  # it has been read
            raise self._cursor.expected(f"at most {MAX_DEPTH} levels of ( and !", sign)
        self._depth += 1
        yield
        self._depth -= 1

    def _term(self) -> Expression:
        start = self._cursor.next()
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self._cursor.expected(f"at most {MAX_TERMS} terms")
        for sign, reference in _SIGNS.items():
            if self._cursor.take(sign):
                return self._name(reference)
        word = self._cursor.word()
        if word in _DATE_FIELDS and (operator := self._operator()):
            return Compared(_DATE_FIELDS[word], operator, self._day())
        if word in _WORDS:
            return _WORDS[word]
        if word in _DATE_FIELDS:
            raise self._cursor.expected("<, <=, =, >= or >")
        if word == "no":
            return self._without()
        if word == "search":
            return self._search(start)
        raise self._cursor.expected(_TERM, start)

    def _name(self, reference: Reference) -> Expression:
        start = self._cursor.position
        name, is_quoted = self._cursor.string()
        if not name:
            what = f"the name of a {reference}, without a space before it"
            raise self._cursor.expected(what, start)
        if is_quoted:
            return Named(reference, name, position=start - 1)
        if reference == "list" and name.isascii() and name.lower() == "inbox":
            return Without("list")
        begins = name.endswith("*")
        return Named(reference, name.removesuffix("*"), is_prefix=begins, position=start - 1)

    def _without(self) -> Expression:
        start = self._cursor.next()
        word = self._cursor.word()
        if word not in _EMPTY_FIELDS:
            raise self._cursor.expected("priority, due, start, label or list after no", start)
        return Without(_EMPTY_FIELDS[word])

    def _search(self, position: int) -> Expression:
        if not self._cursor.take(":"):
            raise self._cursor.expected(": after search")
        start = self._cursor.next()
        text, _ = self._cursor.string()
        if not text.strip():
            raise self._cursor.expected("a text to search for", start)
        return Search(text, position)

    def _operator(self) -> Operator | None:
        return next((sign for sign in _OPERATORS if self._cursor.take(sign)), None)

    def _day(self) -> Day:
        start = self._cursor.next()
        if text := self._cursor.iso_date():
            return self._fixed_day(text, start)
        word = self._cursor.word()
        if word not in _DAYS:
            raise self._cursor.expected(_DAY, start)
        day = _DAYS[word]
        return replace(day, days=day.days + self._offset())

    def _fixed_day(self, text: str, start: int) -> date:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise self._cursor.expected("a date that exists", start) from None
        offset = self._offset()
        try:
            return day + timedelta(days=offset)
        except OverflowError:
            what = "a date from 0001-01-01 to 9999-12-31"
            raise self._cursor.expected(what, start) from None

    def _offset(self) -> int:
        """Read `+ 3 days` or `- 2 weeks`, if there is one, and return the number of days."""
        sign = 1 if self._cursor.take("+") else -1 if self._cursor.take("-") else 0
        return sign * self._number_of_days() if sign else 0

    def _number_of_days(self) -> int:
        start = self._cursor.next()
        digits = self._cursor.digits()
        if not digits or int(digits) > MAX_NUMBER:
            raise self._cursor.expected(f"a number from 0 to {MAX_NUMBER}", start)
        start = self._cursor.next()
        unit = self._cursor.word()
        if unit not in _DAYS_IN_UNIT:
            raise self._cursor.expected("days or weeks", start)
        return int(digits) * _DAYS_IN_UNIT[unit]
