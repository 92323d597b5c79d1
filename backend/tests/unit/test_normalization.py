"""NFC as Unicode defines it, in linear time."""

import time
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duly.utils.normalization import nfc

# Marks of several combining classes, some of which decompose, and what may be around them.
MARKS = "\u0301\u0323\u0327\u0345\u0338\u3099\u093c\u0344\u0f73\u0f75\u0f81\u0e38\u0e48"
OTHERS = "aé\u1ead-\n \u0e01\uac00\u1100\u1161\u0928\U0001d15e\u304b"

runs = st.text(MARKS, min_size=20, max_size=70)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(runs | st.text(OTHERS, max_size=3)).map("".join))
def test_nfc_of_any_text_equals_unicodedata(text: str) -> None:
    assert nfc(text) == normalize("NFC", text)


@pytest.mark.parametrize(
    "marks",
    ["\u0301\u0323" * 75_000, "\u0301" * 75_000 + "\u0323" * 75_000, "\u0f73" * 75_000],
    ids=["alternating", "descending", "decomposing"],
)
def test_nfc_of_many_combining_marks_takes_linear_time(marks: str) -> None:
    started = time.perf_counter()
    normalized = nfc(f"a{marks}b")

    # About 0.1 s. The insertion sort of `unicodedata.normalize()` takes 20 s and more.
    assert time.perf_counter() - started < 5
    assert normalized == normalize("NFC", normalized)
