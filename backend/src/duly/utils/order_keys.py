"""Keys of a manual order: text that sorts by code point, with room between any two keys.

The keys are those of "Implementing Fractional Indexing" (David Greenspan, 2021): an integer whose
first character tells its length, then a fraction in base 62. `vectors/order_keys.json` has examples.
"""

from collections.abc import Sequence

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MAX_LENGTH = 64
"""A longer key is replaced, together with those of its neighbors."""

APPENDED_HEAD = "g"
APPENDED_DIGITS = 7
"""Keys of resources that come last: the head and as many digits, which hold the user's revision."""

_ZERO, _LAST = DIGITS[0], DIGITS[-1]
_SMALLEST = "A" + _ZERO * 26


def appended(revision: int) -> str:
    """Return the key of what comes last at a revision, after the keys of all revisions before."""
    digits = ""
    for _ in range(APPENDED_DIGITS):
        revision, digit = divmod(revision, len(DIGITS))
        digits = DIGITS[digit] + digits
    return APPENDED_HEAD + digits


def between(low: str | None, high: str | None) -> str:
    """Return a key between two keys; None is before all keys, or after all.

    Raises `ValueError` unless `low < high`.
    """
    if low is not None and high is not None and low >= high:
        raise ValueError("the lower key must be less than the higher one")
    if low is None:
        return _before(high)
    integer, fraction = _parts(low)
    if high is None:
        following = _incremented(integer)
        return following if following is not None else integer + _midpoint(fraction, None)
    high_integer, high_fraction = _parts(high)
    if integer == high_integer:
        return integer + _midpoint(fraction, high_fraction)
    following = _incremented(integer)
    if following is not None and following < high:
        return following
    return integer + _midpoint(fraction, None)


def spread(low: str | None, high: str | None, count: int) -> Sequence[str]:
    """Return `count` ascending keys between two keys, as evenly as halving makes them."""
    if count == 0:
        return []
    if count == 1:
        return [between(low, high)]
    middle = between(low, high)
    half = count // 2
    return [*spread(low, middle, half), middle, *spread(middle, high, count - half - 1)]


def _before(high: str | None) -> str:
    if high is None:
        return "a" + _ZERO
    integer, fraction = _parts(high)
    if integer == _SMALLEST:
        return integer + _midpoint("", fraction)
    if integer < high:
        return integer
    return _decremented(integer)


def _midpoint(low: str, high: str | None) -> str:
    """Return a fraction between two fractions, neither of which ends in a zero."""
    prefix = ""
    while True:
        if high is not None:
            shared = _shared_length(low, high)
            prefix, low, high = prefix + high[:shared], low[shared:], high[shared:]
        digit = DIGITS.index(low[0]) if low else 0
        high_digit = len(DIGITS) if high is None else DIGITS.index(high[0])
        if high_digit - digit > 1:
            return prefix + DIGITS[(digit + high_digit + 1) // 2]
        if high is not None and len(high) > 1:
            return prefix + high[0]
        # The digits are neighbors: any fraction after `low` that begins with its digit will do.
        prefix, low, high = prefix + DIGITS[digit], low[1:], None


def _shared_length(low: str, high: str) -> int:
    """Return how many digits are the same, `low` being continued by zeros."""
    shared = 0
    for low_digit, high_digit in zip(low.ljust(len(high), _ZERO), high, strict=False):
        if low_digit != high_digit:
            break
        shared += 1
    return shared


def _parts(key: str) -> tuple[str, str]:
    """Return the integer and the fraction of a key."""
    head = key[0]
    length = ord(head) - ord("a") + 2 if head >= "a" else ord("Z") - ord(head) + 2
    return key[:length], key[length:]


def _incremented(integer: str) -> str | None:
    """Return the next integer, or None after the largest."""
    head, digits = integer[0], integer[1:].rstrip(_LAST)
    carried = len(integer) - 1 - len(digits)
    if digits:
        return head + digits[:-1] + DIGITS[DIGITS.index(digits[-1]) + 1] + _ZERO * carried
    if head == "Z":
        return "a" + _ZERO
    if head == "z":
        return None
    following = chr(ord(head) + 1)
    return following + _ZERO * (carried + 1 if following > "a" else carried - 1)


def _decremented(integer: str) -> str:
    """Return the integer before one that is not the smallest."""
    head, digits = integer[0], integer[1:].rstrip(_ZERO)
    borrowed = len(integer) - 1 - len(digits)
    if digits:
        return head + digits[:-1] + DIGITS[DIGITS.index(digits[-1]) - 1] + _LAST * borrowed
    if head == "a":
        return "Z" + _LAST
    previous = chr(ord(head) - 1)
    return previous + _LAST * (borrowed + 1 if previous < "Z" else borrowed - 1)
