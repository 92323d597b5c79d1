"""`FirstTimes`: a key is new once, in bounded memory."""

import pytest

from duly.utils import once
from duly.utils.once import FirstTimes


def test_key_is_new_once() -> None:
    times = FirstTimes()

    assert [times.is_new(key) for key in ("a", "b", "a", "b", "c")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_flood_of_keys_is_bounded_and_forgotten_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = FirstTimes()

    assert sum(times.is_new(str(number)) for number in range(10_000)) == 100
    assert len(times._keys) == 100
    assert not times.is_new("another")

    monkeypatch.setattr(once, "_FORGET_AFTER", 0.0)
    assert times.is_new("another")
    assert len(times._keys) == 1
