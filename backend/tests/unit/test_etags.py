"""Entity tags as RFC 9110 has them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duly.utils.etags import etag, is_named, is_well_formed, versions


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
        ("", []),
        (" , ,", []),
        ('"07"', []),
        ('"0"', []),
        ('"-7"', []),
        ('"7.0"', []),
        ('"\xe9", "8"', [8]),
        (f'"{"9" * 18}"', [10**18 - 1]),
        (f'"{"9" * 19}"', []),
    ],
)
def test_if_match_names_its_strong_tags(header: str, expected: list[int] | None) -> None:
    assert is_well_formed(header)
    assert versions(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "7",
        '"7',
        '7"',
        "'7'",
        '"7" "8"',
        '"7", 8, "9"',
        '"7";"8"',
        '*, "7"',
        '"7", *',
        "*, *",
        "**",
        'w/"7"',
        'W "7"',
        "W/7",
        'W/ "7"',
        "W/",
        '"7 "',
        '"a b"',
        '"a\tb"',
        '"7"\n',
        '"\x7f"',
        '"\u0667"',
        '"""',
        "null",
    ],
    ids=repr,
)
def test_header_outside_the_grammar_is_malformed(header: str) -> None:
    assert not is_well_formed(header)


@pytest.mark.parametrize(
    ("header", "is_expected"),
    [
        ('"7"', True),
        ('W/"7"', True),
        ('"6", W/"7"', True),
        ("*", True),
        ('"8"', False),
        ('"77"', False),
        ("", False),
    ],
)
def test_if_none_match_names_strong_and_weak_tags(header: str, *, is_expected: bool) -> None:
    assert is_named(7, header) is is_expected


@given(st.lists(st.integers(1, 10**18 - 1), min_size=1), st.sampled_from([",", ", ", " ,\t"]))
def test_any_list_of_tags_is_read_whole(numbers: list[int], separator: str) -> None:
    header = separator.join(map(etag, numbers))

    assert is_well_formed(header)
    assert versions(header) == numbers
    assert all(is_named(number, header) for number in numbers)


@pytest.mark.slow
@given(st.text())
@example("*")
def test_any_text_is_read_without_an_error(header: str) -> None:
    is_well_formed(header)
    assert versions(header) is None or header.strip() != "*"
    is_named(1, header)


@pytest.mark.parametrize("piece", [" ", ",", '"', '"1",', 'W/"1" ', "\t,", '"1", ', '"1" "'])
def test_long_header_is_read_in_linear_time(piece: str) -> None:
    # Read again from each of its characters, it would take minutes.
    header = piece * 100_000 + "x"
    assert not is_well_formed(header)
    versions(header)
