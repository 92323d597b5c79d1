"""Entity tags as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.utils.etags import etag, is_named, versions


def test_a_tag_is_quoted() -> None:
    assert (etag(7), etag("a-b")) == ('"7"', '"a-b"')


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"7"', [7]),
        (' "7" ', [7]),
        ('"7","8"', [7, 8]),
        ('"7" , "8"', [7, 8]),
        ('"7", , "8"', [7, 8]),
        (',"7",', [7]),
        ('W/"7"', []),
        ('W/"7", "8"', [8]),
        ('"abc", "8"', [8]),
        ('"a,b", "8"', [8]),
        ("*", None),
        (" * ", None),
        ('"*"', []),
        ('*, "7"', []),
        ("", []),
        ("7", []),
        ('"7', []),
        ('7"', []),
        ("'7'", []),
        ('"7" "8"', []),
        ('"7", 8, "9"', [7]),
        ('w/"7"', []),
        ('"07"', []),
        ('"0"', []),
        ('"-7"', []),
        ('"7.0"', []),
        ('"\u0667"', []),
        (f'"{"9" * 18}"', [10**18 - 1]),
        (f'"{"9" * 19}"', []),
    ],
)
def test_the_versions_that_if_match_names(header: str, expected: list[int] | None) -> None:
    assert versions(header) == expected


@pytest.mark.parametrize(
    ("header", "is_expected"),
    [
        ('"7"', True),
        ('W/"7"', True),
        ('"6", W/"7"', True),
        ("*", True),
        ('"8"', False),
        ('"77"', False),
        ("7", False),
        ("", False),
    ],
)
def test_whether_if_none_match_names_it(header: str, *, is_expected: bool) -> None:
    assert is_named(7, header) is is_expected


@given(st.lists(st.integers(1, 10**18 - 1), min_size=1), st.sampled_from([",", ", ", " ,\t"]))
def test_any_list_of_tags_is_read_whole(numbers: list[int], separator: str) -> None:
    header = separator.join(map(etag, numbers))

    assert versions(header) == numbers
    assert all(is_named(number, header) for number in numbers)


@given(st.text())
def test_no_header_is_too_strange(header: str) -> None:
    assert versions(header) is None or header.strip() != "*"
    is_named(1, header)


@pytest.mark.parametrize("piece", [" ", ",", '"', '"1",', 'W/"1" ', "\t,"])
def test_a_long_header_is_read_once(piece: str) -> None:
    # Were it read again from each of its places, it would take minutes.
    versions(piece * 100_000 + "x")
