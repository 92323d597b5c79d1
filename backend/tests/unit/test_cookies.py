"""The value of a cookie, read in linear time."""

import pytest

from duly.utils.cookies import cookie_value


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("", ""),
        ("a=1", "1"),
        ("b=2; a=1", "1"),
        ("b=a=3;a=1", "1"),
        ("xa=1", ""),
        ("a", ""),
        ("a=1=2", "1=2"),
        ('a="\\1"', '"\\1"'),
    ],
)
def test_a_cookie_is_found_by_its_name(header: str, value: str) -> None:
    assert cookie_value(header, "a") == value
