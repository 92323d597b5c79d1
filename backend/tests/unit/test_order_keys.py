"""Keys of manual orders."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from duly.utils.order_keys import appended, between, spread

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "order_keys.json").read_text()
)


def test_keys_between_are_those_of_the_vectors() -> None:
    found = [between(one["after"], one["before"]) for one in VECTORS["between"]]

    assert found == [one["key"] for one in VECTORS["between"]]


def test_appended_keys_are_those_of_the_vectors() -> None:
    found = [appended(one["revision"]) for one in VECTORS["appended"]]

    assert found == [one["key"] for one in VECTORS["appended"]]


def test_appended_keys_ascend_with_the_revision() -> None:
    revisions = [1, 2, 61, 62, 3_843, 3_844, 10**9, 62**7 - 1]

    keys = [appended(revision) for revision in revisions]

    assert keys == sorted(set(keys))


@pytest.mark.parametrize(("low", "high"), [("a1", "a0"), ("a0", "a0"), ("a0V", "a0")])
def test_keys_in_the_wrong_order_are_rejected(low: str, high: str) -> None:
    with pytest.raises(ValueError, match="less than"):
        between(low, high)


@pytest.mark.parametrize(("low", "high"), [(None, None), (None, "a0"), ("a0", None), ("a0", "a1")])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_spread_keys_ascend_and_are_short(low: str | None, high: str | None, count: int) -> None:
    keys = list(spread(low, high, count))

    assert len(keys) == count
    everything = [*([low] if low else []), *keys, *([high] if high else [])]
    assert everything == sorted(set(everything))
    assert all(len(key) <= 5 for key in keys)


def test_keys_stay_in_order_wherever_they_are_inserted(run_seed: int) -> None:
    draw = random.Random(run_seed)
    keys = [between(None, None)]

    for _ in range(3_000):
        place = draw.choice([0, len(keys), draw.randint(0, len(keys)), len(keys) // 2])
        low = keys[place - 1] if place else None
        high = keys[place] if place < len(keys) else None
        keys.insert(place, between(low, high))

    assert keys == sorted(set(keys))


def test_no_key_ends_in_a_zero_after_its_integer(run_seed: int) -> None:
    # Nothing could be inserted between such a key and the same one without the zero.
    draw = random.Random(run_seed)
    low, high = "a0", "a1"

    for _ in range(300):
        key = between(low, high)
        assert not key[2:].endswith("0")
        low, high = (key, high) if draw.random() < 0.5 else (low, key)
