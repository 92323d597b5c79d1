"""The common passwords that zxcvbn knows."""

import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def common_passwords(min_length: int) -> frozenset[str]:
    """Return those of at least `min_length` characters, in lower case."""
    found = find_spec("zxcvbn")
    assert found is not None
    assert found.origin is not None
    # To import it would keep all of its lists of words, which take 12 MB.
    lists = runpy.run_path(str(Path(found.origin).with_name("frequency_lists.py")))
    return frozenset(
        word for word in lists["FREQUENCY_LISTS"]["passwords"] if len(word) >= min_length
    )
