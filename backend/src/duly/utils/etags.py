"""Entity tags (RFC 9110): a task's is its version."""

import re
from collections.abc import Sequence

_TAGS = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$))')


def etag(value: object) -> str:
    """A strong entity tag."""
    return f'"{value}"'


def opaque_tags(header: str) -> list[str]:
    """The strong tags that a header lists. Weak and malformed ones are as if not there."""
    tags, position = [], 0
    while match := _TAGS.match(header, position):
        weak, tag = match.groups()
        if weak is None:
            tags.append(tag)
        position = match.end()
    return tags


def versions(header: str) -> Sequence[int] | None:
    """The versions that `If-Match` names; None for `*`, which any version is."""
    if header.strip() == "*":
        return None
    return [int(tag) for tag in opaque_tags(header) if re.fullmatch(r"[0-9]{1,18}", tag)]
