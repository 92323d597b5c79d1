"""The title of a task: the text without its tokens."""

from collections.abc import Iterable, Iterator

from duly.quick_add.drafts import Span, SpanKind
from duly.quick_add.line import CLOSING

_SEPARATORS = ",;:"


def title_of(text: str, spans: Iterable[Span]) -> str:
    """Return a text without its spans, which are in order.

    A token is removed with the white space before it. Punctuation after it stays, except before
    the first word. Separators are also removed between tokens and after the last word.
    """
    pieces = list(_pieces(text, spans))
    kept: list[str] = []
    for number, piece in enumerate(pieces):
        words = piece.strip()
        if number and not kept:
            words = piece.lstrip(CLOSING).strip()
        elif number < len(pieces) - 1 and not words.strip(_SEPARATORS):
            words = ""
        if words:
            kept.append(f" {words}" if kept and piece[0].isspace() else words)
    title = "".join(kept)
    return title if pieces[-1].strip() else title.rstrip(f"{_SEPARATORS} ")


def _pieces(text: str, spans: Iterable[Span]) -> Iterator[str]:
    """Yield the text before, between and after the tokens, without the backslashes of escapes."""
    parts: list[str] = []
    position = 0
    for span in spans:
        parts.append(text[position : span.start])
        position = span.end
        if span.kind is not SpanKind.ESCAPE:
            yield "".join(parts)
            parts.clear()
    yield "".join([*parts, text[position:]])
