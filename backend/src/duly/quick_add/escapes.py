"""Backslashes that keep words from being tokens."""

from duly.quick_add import signs
from duly.quick_add.drafts import Span, SpanKind
from duly.quick_add.languages.language import Language
from duly.quick_add.line import ESCAPE, SIGNS, Line


def escapes(text: str, language: Language, read: Line) -> list[Span]:
    """Return the backslashes before a sign, and before words that could be part of a token.

    Others are part of their word, as in a path. `read` is the text with its tokens taken.
    """
    line = Line(text, language.first_parts, is_unescaped=True)
    escaped = [
        index
        for index, word in enumerate(line.words)
        if word.text[0] == ESCAPE and not read.is_taken(index)
    ]
    if not escaped:
        return []
    covered = {token.first for token in signs.priorities(line)}
    for index in range(len(line.words)):
        for match in line.matches(language.patterns.all, index):
            covered.update(range(match.first, match.after))
    starts = [
        line.words[index].start
        for index in escaped
        if index in covered or line.words[index].text[1:2] in SIGNS
    ]
    return [Span(start, start + 1, SpanKind.ESCAPE, ESCAPE) for start in starts]
