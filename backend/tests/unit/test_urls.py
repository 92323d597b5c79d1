"""Which URLs users may return to after signing in elsewhere."""

import pytest

from duly.core.urls import is_allowed, origin_of

ORIGINS = {"https://app.example.org", "http://localhost:5173", "http://[::1]:8000"}
EXACT = {"com.example.app:/signed-in"}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example:443/x", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example?x", "https://a.example"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://a@b.example", None),
        ("https://a.example\\b", None),
        ("https://a.example/\\b", None),
        ("https://a.example/#b", None),
        ("https://a.example/\n", None),
        ("https://A.example", None),
        ("ftp://a.example", None),
        ("https://", None),
        ("", None),
    ],
    ids=ascii,
)
def test_origin_is_read_as_browsers_read_it_or_not_at_all(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.org/after?a=b",
        "http://localhost:5173",
        "http://[::1]:8000/",
        "com.example.app:/signed-in",
    ],
)
def test_url_of_an_origin_or_of_the_list_is_allowed(url: str) -> None:
    assert is_allowed(url, ORIGINS, EXACT)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.org.evil.example",
        "http://localhost:5174",
        "https://localhost:5173",
        "com.example.app:/signed-in/",
        "com.example.app:/signed-in?a",
        "com.example.app:/SIGNED-IN",
    ],
)
def test_other_url_is_not_allowed(url: str) -> None:
    assert not is_allowed(url, ORIGINS, EXACT)
