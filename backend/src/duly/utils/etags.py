"""Entity tags (RFC 9110, 8.8.3): a task's is its version."""

import re
from collections.abc import Iterator, Sequence

_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'

PATTERN = rf"^[ \t]*(?:\*[ \t]*|(?:(?:{_TAG}[ \t]*)?,[ \t]*)*(?:{_TAG}[ \t]*)?)$"
"""The grammar of `If-Match` and `If-None-Match`: `*`, or a list of tags with optional gaps.

Adjacent parts never match the same character, so a long header is read in linear time.
"""

_HEADER = re.compile(PATTERN)
_TAGS = re.compile(r'(W/)?"([^"]*)"')


def is_well_formed(header: str) -> bool:
    """Return whether `If-Match` or `If-None-Match` may have this value."""
    return _HEADER.fullmatch(header) is not None


def etag(value: object) -> str:
    """Return a strong entity tag."""
    return f'"{value}"'


def is_named(value: object, header: str) -> bool:
    """Return whether a well-formed `If-None-Match` names this value: `*` names every one.

    Weak tags count, since proxies that compress weaken tags.
    """
    return header.strip() == "*" or any(tag == str(value) for tag, _ in _tags(header))


def versions(header: str) -> Sequence[int] | None:
    """Return the versions that a well-formed `If-Match` names, or None for `*`: every version.

    Weak tags never match, so they name no version.
    """
    if header.strip() == "*":
        return None
    strong = (tag for tag, is_strong in _tags(header) if is_strong)
    return [int(tag) for tag in strong if re.fullmatch(r"[1-9][0-9]{0,17}", tag)]


def _tags(header: str) -> Iterator[tuple[str, bool]]:
    """Yield each tag of a header, and whether it is strong."""
    for match in _TAGS.finditer(header):
        yield match[2], match[1] is None
