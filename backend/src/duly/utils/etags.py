"""Entity tags (RFC 9110): a task's is its version."""

import re
from collections.abc import Iterator, Sequence

_TAGS = re.compile(r'[\s,]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def etag(value: object) -> str:
    """A strong entity tag."""
    return f'"{value}"'


def is_named(value: object, header: str) -> bool:
    """Whether `If-None-Match` names it: `*` names all, and a weak tag will do.

    Proxies that compress make tags weak.
    """
    return header.strip() == "*" or any(tag == str(value) for tag, _ in _tags(header))


def versions(header: str) -> Sequence[int] | None:
    """The versions that `If-Match` names; None for `*`, which any version is.

    Weak and malformed tags name none, and neither does what stands behind a malformed one.
    """
    if header.strip() == "*":
        return None
    strong = (tag for tag, is_strong in _tags(header) if is_strong)
    return [int(tag) for tag in strong if re.fullmatch(r"[1-9][0-9]{0,17}", tag)]


def _tags(header: str) -> Iterator[tuple[str, bool]]:
    """The tags that a header lists, each with whether it is strong."""
    position = 0
    while match := _TAGS.match(header, position):
        weak, tag = match.groups()
        yield tag, weak is None
        position = match.end()
