"""Text of clients, for a line that people read."""

_LENGTH = 200


def printable(text: str) -> str:
    """Return `text` cut to 200 characters, with all that is not printable escaped."""
    cut = text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )
