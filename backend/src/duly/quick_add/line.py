"""A text as words, on which patterns are matched."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from duly.quick_add.drafts import SpanKind
from duly.utils.name_keys import name_key

SIGNS = ("#", "/", "@")
ESCAPE = "\\"
CLOSING = ",.;:!?)"
"""Punctuation that may follow a token and is not part of it."""

_TAKEN = "\0"
_TOO_LONG = "\1"

_WORD = re.compile(r"\S+")
_BRACKETS = re.compile(r"(?<!\S)[(\[][^()\[\]]*[)\]]")
# No name and no phrase has longer words.
_MAX_KEY = 480


@dataclass(frozen=True, slots=True)
class Word:
    """Characters between white space, or a part of them: `text[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """The words `first` to `after`, exclusive, as a pattern matches them.

    `end` is the position in the text; punctuation may follow before the next word, which
    `is_closed` says. `groups` holds the groups of the pattern that matched.
    """

    first: int
    after: int
    start: int
    end: int
    is_closed: bool
    groups: dict[str, str]


@dataclass(frozen=True, slots=True)
class Token:
    """The words `first` to `after`, exclusive, and `text[start:end]`, with what they set."""

    kind: SpanKind
    first: int
    after: int
    start: int
    end: int
    value: str | int


def _words(text: str, first_parts: re.Pattern[str] | None) -> Iterator[Word]:
    for found in _WORD.finditer(text):
        start, end = found.span()
        if first_parts is not None:
            first = first_parts.match(text, start + (text[start] == ESCAPE), end)
            if first is not None:
                yield Word(start, first.end(), text[start : first.end()])
                start = first.end()
        yield Word(start, end, text[start:end])


def _key_of_word(text: str, is_unescaped: bool) -> str:
    if is_unescaped and text[0] == ESCAPE:
        text = text[1:] or ESCAPE
    return name_key(text) if len(text) <= _MAX_KEY else _TOO_LONG


class Line:
    """The words of a text. Each has a key; patterns match the keys, with a space between them.

    Words of tokens are taken: no pattern matches into them. A compound is two words if
    `first_parts` matches the first of them.
    """

    def __init__(
        self, text: str, first_parts: re.Pattern[str] | None, *, is_unescaped: bool = False
    ) -> None:
        self._text = text
        self.words = list(_words(text, first_parts))
        self.keys = [_key_of_word(word.text, is_unescaped) for word in self.words]

    @cached_property
    def bracketed(self) -> frozenset[int]:
        """The words in brackets, except for the first ones, which begin with the bracket."""
        starts = [word.start for word in self.words]
        found = (bracket.span() for bracket in _BRACKETS.finditer(self._text))
        return frozenset(
            index
            for start, end in found
            for index in range(bisect_right(starts, start), bisect_left(starts, end))
        )

    def take_last(self, tokens: Iterable[Token]) -> Token | None:
        """Take the words of tokens of one kind, and return the last of them."""
        return max(self.take_all(tokens), key=lambda token: token.first, default=None)

    def take_all(self, tokens: Iterable[Token]) -> list[Token]:
        """Take the words of tokens, and return the tokens."""
        found = list(tokens)
        for token in found:
            for index in range(token.first, token.after):
                self.keys[index] = _TAKEN
        self.__dict__.pop("_joined", None)
        return found

    @cached_property
    def _joined(self) -> tuple[str, list[int]]:
        starts = list(accumulate((len(key) + 1 for key in self.keys), initial=0))
        return " ".join(self.keys), starts

    def is_taken(self, index: int) -> bool:
        """Whether a word is part of a token, or the text ends before it."""
        return index >= len(self.keys) or self.keys[index] == _TAKEN

    def match(self, patterns: Iterable[re.Pattern[str]], index: int) -> Match | None:
        """Return the first match that begins with a word, in the order of the patterns."""
        return next(self.matches(patterns, index), None)

    def matches(self, patterns: Iterable[re.Pattern[str]], index: int) -> Iterator[Match]:
        """Yield the match of each pattern that begins with a word.

        Patterns end at the end of a word, or before its closing punctuation.
        """
        joined, starts = self._joined
        if index >= len(self.keys) or self.keys[index] == _TAKEN:
            return
        first = starts[index]
        for pattern in patterns:
            found = pattern.match(joined, first)
            if found is not None:
                last = bisect_right(starts, found.end() - 1) - 1
                rest = starts[last + 1] - 1 - found.end()
                end = self.words[last].end - rest
                groups = {name: value for name, value in found.groupdict().items() if value}
                start = self.words[index].start
                yield Match(index, last + 1, start, end, rest > 0, groups)
