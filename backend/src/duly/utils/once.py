"""Act only on the first use of a key that clients choose."""

import time

_CAPACITY = 100
_FORGET_AFTER = 3600.0


class FirstTimes:
    """The keys seen so far, in bounded memory.

    Once `_CAPACITY` keys are known, further ones do not count as new; all are removed
    `_FORGET_AFTER` seconds after the first of them. So a flood of invented keys grows neither the
    memory nor the log, and hides other keys for at most an hour.
    """

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._began_at = 0.0

    def is_new(self, key: str) -> bool:
        """Record a key, and return whether it is new."""
        if key in self._keys:
            return False
        if len(self._keys) >= _CAPACITY:
            if time.monotonic() - self._began_at < _FORGET_AFTER:
                return False
            self._keys.clear()
        if not self._keys:
            self._began_at = time.monotonic()
        self._keys.add(key)
        return True
