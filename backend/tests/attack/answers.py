"""What an answer is, apart from what no two environments make alike."""

import re
from typing import Any

from tests.attack.wire import Answer

# What is made anew by each environment: times, ids, sealed tokens, and what is derived from them.
_MADE = re.compile(
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    rb"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    rb"|[0-9a-f]{32}"
    rb"|[A-Z2-7]{32}"
    rb'|(?<="id":")[\w-]{22}(?=")'
    rb"|[0-9a-z]{4}(?:-[0-9a-z]{4}){3}"
    rb"|[\w-]{40,}(?:\.[\w-]+)*"
)
_WORD = re.compile(rb"[\w.@-]{12,}")


class Difference(Exception):
    """A victim was seen, touched, or made a difference."""


def plain(answer: Answer) -> tuple[Any, ...]:
    """A response without the values that each environment generates; an error is kept whole."""
    if answer.status >= 400:
        return answer.status, answer.headers, answer.body
    headers = [
        (name, _MADE.sub(b"*", value))
        for name, value in answer.headers
        if name != b"content-length"
    ]
    return answer.status, headers, _MADE.sub(b"*", answer.body)


def words_of(answer: Answer) -> set[str]:
    """All that could be an id, a token or an address."""
    return words_in(answer.body + repr(answer.headers).encode())


def words_in(text: bytes) -> set[str]:
    """The same of any text."""
    return {word.decode() for word in _WORD.findall(text)}
