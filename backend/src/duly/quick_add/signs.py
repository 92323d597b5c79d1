"""Tokens that begin with a sign: lists, sections and labels by name; and priorities."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from unicodedata import category
from uuid import UUID

from duly.quick_add.drafts import Context, SpanKind
from duly.quick_add.line import CLOSING, Line, Token
from duly.utils.name_keys import name_key
from duly.utils.normalization import nfc

MAX_LABELS = 50
"""As many as a task can have. Further labels stay text."""

_MAX_NAME = 120
_PRIORITIES = {"p1": 1, "p2": 2, "p3": 3, "p4": 4}

_Words = tuple[str, ...]
"""The words of a name, as they are compared."""


@dataclass(slots=True)
class _Names:
    """Names as a tree of words, so that the longest is found in one walk along the text."""

    value: str | None = None
    following: "dict[str, _Names]" = field(default_factory=dict)

    @classmethod
    def of(cls, named: Iterable[tuple[_Words, str]]) -> "_Names":
        """Build the tree of pairs of a name and a value. Of equal names, the first one is used."""
        root = cls()
        for words, value in named:
            node = root
            for word in words:
                node = node.following.setdefault(word, cls())
            if node.value is None:
                node.value = value
        return root


def lists(line: Line, context: Context) -> Iterator[Token]:
    """Yield each `#list` with its id."""
    if not _has(line, "#"):
        return
    names = _Names.of((_words(known.name), str(known.id)) for known in context.lists)
    yield from _named(line, "#", SpanKind.LIST, names)


def sections(line: Line, context: Context, list_id: UUID | None) -> Iterator[Token]:
    """Yield each `/section` with its id.

    With a list, only its sections are found. Without one, a name must be in one list only.
    """
    if not _has(line, "/"):
        return
    in_list = [
        (_words(known.name), known)
        for known in context.sections
        if list_id in {None, known.list_id}
    ]
    lists_of: dict[_Words, set[UUID]] = {}
    for words, known in in_list:
        lists_of.setdefault(words, set()).add(known.list_id)
    # An ambiguous name is in the tree too, so that no shorter name is found in its place.
    named = (
        (words, str(known.id) if len(lists_of[words]) == 1 else "") for words, known in in_list
    )
    for token in _named(line, "/", SpanKind.SECTION, _Names.of(named)):
        if token.value:
            yield token


def labels(line: Line, context: Context) -> Iterator[Token]:
    """Yield each `@label` with its name: an existing one, or the word after the sign."""
    if not _has(line, "@"):
        return
    spellings = {name_key(known.name): known.name for known in reversed(context.labels)}
    names = _Names.of((_words(known.name), known.name) for known in context.labels)
    found: set[str] = set()
    after = 0
    for index in _signed(line, "@"):
        if index < after:
            continue
        token = _longest(line, index, SpanKind.LABEL, names) or _new_label(line, index, spellings)
        if token is None:
            continue
        key = name_key(str(token.value))
        if key in found or len(found) < MAX_LABELS:
            found.add(key)
            after = token.after
            yield token


def priorities(line: Line) -> Iterator[Token]:
    """Yield each `p1` to `p4` with its number."""
    for index, key in enumerate(line.keys):
        number = _PRIORITIES.get(key[:2])
        bare = key.rstrip(CLOSING)
        if number is not None and len(bare) == len("p1"):
            end = line.words[index].end - (len(key) - len(bare))
            start = line.words[index].start
            yield Token(SpanKind.PRIORITY, index, index + 1, start, end, number)


def _words(name: str) -> _Words:
    return tuple(name_key(name).split())


def _has(line: Line, sign: str) -> bool:
    # Without the sign, as in most texts, the names are not needed.
    return any(word.text[0] == sign for word in line.words)


def _signed(line: Line, sign: str) -> Iterator[int]:
    """Yield the words that begin with a sign and are not part of a token yet."""
    for index, word in enumerate(line.words):
        if word.text[0] == sign and line.keys[index][0] == sign:
            yield index


def _named(line: Line, sign: str, kind: SpanKind, names: _Names) -> Iterator[Token]:
    after = 0
    for index in _signed(line, sign):
        token = _longest(line, index, kind, names) if index >= after else None
        if token is not None:
            after = token.after
            yield token


def _longest(line: Line, first: int, kind: SpanKind, names: _Names) -> Token | None:
    """Return the longest name after a sign. It ends with a word, or before punctuation."""
    found: Token | None = None
    node = names
    for index in range(first, len(line.words)):
        key = line.keys[index][1:] if index == first else line.keys[index]
        bare = key.rstrip(CLOSING)
        for word in (key, bare):
            end = node.following.get(word)
            if end is not None and end.value is not None:
                position = line.words[index].end - (len(key) - len(word))
                start = line.words[first].start
                found = Token(kind, first, index + 1, start, position, end.value)
                break
        if key not in node.following:
            break
        node = node.following[key]
    return found


def _new_label(line: Line, index: int, spellings: dict[str, str]) -> Token | None:
    word = line.words[index]
    name = word.text[1:].rstrip(CLOSING)
    if not _is_name(name):
        return None
    end = word.start + 1 + len(name)
    # If a new label occurs twice, the first spelling is used.
    name = spellings.setdefault(name_key(name), nfc(name))
    return Token(SpanKind.LABEL, index, index + 1, word.start, end, name)


def _is_name(text: str) -> bool:
    """Whether a word can be a label: with a letter, a digit or a symbol such as an emoji."""
    kinds = {category(character) for character in text} if len(text) <= _MAX_NAME else set()
    return not kinds & {"Cc", "Cs"} and any(kind[0] in "LN" or kind == "So" for kind in kinds)
