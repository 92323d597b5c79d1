"""Full-text search: the `tsvector` of a text and the `tsquery` of a user's search.

Every lexeme begins with its owner, so a look-up in the index meets nothing of another user. Both
are built here because `to_tsvector` is quadratic on some texts. All functions take linear time.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from uuid import UUID

from duly.utils.words import words

# At most 1,000 lexemes per task: those of a title of 255 characters, the owner, and the rest.
_MAX_TITLE_WORDS = 255
_MAX_DESCRIPTION_WORDS = 744
# PostgreSQL stores positions up to 16,383, and adds those of the description to the title's. Words
# beyond are found, but in no phrase.
_MAX_POSITION = 16_000
_MAX_POSITIONS_OF_A_WORD = 256

# No lexeme is this one: each begins with its owner, which is longer.
_FINDS_NOTHING = "'-'"

_TERM = re.compile(
    r'(?P<minus>(?<!\S)-(?!-))?(?:"(?P<phrase>[^"]*)(?P<end>"?)|(?P<plain>[^\s"]+))'
)


def title_vector(owner: UUID, title: str) -> str:
    """Return the words of a title with their positions, as a `tsvector` is written."""
    return _vector(owner, enumerate(words(title)[:_MAX_TITLE_WORDS], 1), _MAX_TITLE_WORDS)


def description_vector(owner: UUID, description: str | None) -> str:
    """Return the words of a description with their positions, as a `tsvector` is written.

    Positions begin at 2, so that no phrase reaches from the title into the description.
    """
    return _vector(owner, enumerate(words(description or ""), 2), _MAX_DESCRIPTION_WORDS)


def search_query(owner: UUID, text: str) -> str:
    """Return what a user searches for, as a `tsquery` is written. Any text is valid.

    All words must occur. Those between quotes, or not separated by a space, must follow each other.
    A minus before either excludes it. The last word also matches by its beginning, unless it is
    quoted or excluded; so does the last word after a quote that is still open. A text without
    words finds nothing.
    """
    prefix = _prefix(owner)
    terms = [term for term in _TERM.finditer(text) if words(term[0])]
    plain = [term for term in terms if term["plain"] and not term["minus"]]
    conditions = [
        _condition(prefix, term, is_begun=term in plain[-1:] or term["end"] == "")
        for term in terms
    ]
    # The owner's own lexeme keeps a search for exclusions alone within the owner's tasks.
    return " & ".join(dict.fromkeys([_quoted(prefix), *conditions])) if terms else _FINDS_NOTHING


def joined_query(owner: UUID, query: str) -> str:
    """Return a combination of results of `search_query`, with the same meaning, for one look-up.

    The owner's own lexeme keeps exclusions within the owner's tasks.
    """
    return f"{_quoted(_prefix(owner))} & ({query})"


def _condition(prefix: str, term: re.Match[str], *, is_begun: bool) -> str:
    phrase = " <-> ".join(_quoted(prefix + word) for word in words(term[0]))
    if term["minus"]:
        return f"!({phrase})"
    return f"({phrase}:*)" if is_begun else f"({phrase})"


def _vector(owner: UUID, positioned: Iterable[tuple[int, str]], max_words: int) -> str:
    # At most 20,000 words: a loop of little more than look-ups takes about a millisecond.
    positions: dict[str, list[int]] = {}
    for position, word in positioned:
        known = positions.get(word)
        if known is None:
            if len(positions) < max_words:
                positions[word] = [position]
        elif len(known) < _MAX_POSITIONS_OF_A_WORD:
            known.append(position)
    # Not quoted: words consist of letters, marks and digits.
    prefix = _prefix(owner)
    return " ".join([prefix, *[f"{prefix}{word}{_places(at)}" for word, at in positions.items()]])


def _places(positions: list[int]) -> str:
    if len(positions) == 1 and positions[0] <= _MAX_POSITION:
        return f":{positions[0]}"  # nearly all words
    stored = ",".join([str(position) for position in positions if position <= _MAX_POSITION])
    return stored and f":{stored}"


def _prefix(owner: UUID) -> str:
    return urlsafe_b64encode(owner.bytes).rstrip(b"=").decode()


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
