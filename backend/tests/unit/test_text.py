"""Text as it is cleaned before it is stored, and numbers and booleans in a URL."""

import re
from typing import Annotated
from unicodedata import category, is_normalized, normalize

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from duly.schemas.base import Text, is_visible
from duly.schemas.tasks import TaskQuery

# However busy the machine is.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Line(BaseModel):
    value: Annotated[str, Text(1, 20)]


class Paragraphs(BaseModel):
    value: Annotated[str, Text(0, 20, has_lines=True)]


def clean(value: object) -> str:
    return Line(value=value).value


def clean_paragraphs(value: object) -> str:
    return Paragraphs(value=value).value


# All characters, but those that are refused.
allowed = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
texts = st.text(allowed, max_size=30)
spaces = st.text(st.sampled_from(" \u00a0\u1680\u2003\u202f\u3000"), max_size=30)
refused = st.characters(categories=["Cc", "Cs"])


def fits(text: str, minimum: int = 1) -> bool:
    stored = normalize("NFC", text).strip()
    return minimum <= len(stored) <= 20 and (not minimum or is_visible(stored))


@patient
@given(texts)
@example("e\u0301")
@example("\u1e9b\u0323")
@example("\u0958")
@example("\U0001d15e")
@example(" \u0301")
@example("\u2126")
def test_stored_text_is_trimmed_and_in_nfc(text: str) -> None:
    assume(fits(text))

    stored = clean(text)

    assert stored == normalize("NFC", text).strip()
    assert is_normalized("NFC", stored)
    assert stored == stored.strip()


@patient
@given(texts)
def test_stored_text_is_unchanged_when_stored_again(text: str) -> None:
    assume(fits(text))

    stored = clean(text)

    assert clean(stored) == stored


@patient
@given(texts)
def test_two_spellings_of_one_text_are_stored_alike(text: str) -> None:
    assume(fits(text))

    assert clean(normalize("NFD", text)) == clean(normalize("NFC", text)) == clean(text)


@patient
@given(spaces, st.text(allowed.filter(lambda char: not char.isspace()), max_size=25), spaces)
def test_length_is_counted_once_the_text_is_clean(before: str, text: str, after: str) -> None:
    if fits(text):
        assert clean(before + text + after) == normalize("NFC", text)
    else:
        with pytest.raises(ValidationError, match=r"1 to 20 characters|visible"):
            clean(before + text + after)


def test_a_character_that_nfc_takes_apart_counts_as_what_it_becomes() -> None:
    # U+0958 is two characters in NFC, and e with an acute accent one.
    assert len(clean("\u0958" * 10)) == 20
    with pytest.raises(ValidationError):
        clean("\u0958" * 11)
    assert len(clean("e\u0301" * 20)) == 20


@patient
@given(texts, refused, texts)
@example("a", "\x00", "b")
@example("a", "\x1b", "[31m")
@example("a", "\x7f", "")
@example("a", "\x85", "b")
@example("a", "\ud800", "")
@example("", "\udfff", "b")
def test_control_characters_and_lone_surrogates_are_refused_wherever_they_stand(
    before: str, char: str, after: str
) -> None:
    for take in (clean,) if char in "\n\r\t" else (clean, clean_paragraphs):
        with pytest.raises(ValidationError):
            take(before[:9] + "x" + char + "x" + after[:9])


def test_every_control_character_is_rejected() -> None:
    controls = [chr(code) for code in range(0x110000) if category(chr(code)) == "Cc"]
    assert len(controls) == 65

    for char in controls:
        with pytest.raises(ValidationError):
            clean(f"a{char}b")
        if char in "\n\r\t":
            assert clean_paragraphs(f"a{char}b") == f"a{char}b"
        else:
            with pytest.raises(ValidationError):
                clean_paragraphs(f"a{char}b")


@pytest.mark.parametrize("char", ["\u2028", "\u2029"], ids=ascii)
def test_line_and_paragraph_separators_are_treated_as_line_breaks(char: str) -> None:
    with pytest.raises(ValidationError, match="line breaks"):
        clean(f"a{char}b")
    assert clean(f"{char} a\n{char}") == "a"
    assert clean_paragraphs(f"a{char}b") == f"a{char}b"


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b>",
        "a &amp; b < c > d",
        "<script>1</script>",
        "'; DROP TABLE x",
        "%s {0} $1 \\n",
        "=1+1",
        "\u202eabc",
        "a\u200bb",
        "👨‍👩‍👧 🇮🇹",
    ],
    ids=ascii,
)
def test_text_is_stored_as_given(text: str) -> None:
    assert clean(text) == text


# White space, Unicode's default-ignorable characters, and what else shows nothing.
INVISIBLE = [
    *map(chr, (0xA0, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x1680, 0x17B4, 0x17B5, 0x180B, 0x180E)),
    *map(chr, (0x2003, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x202A, 0x202E, 0x2060)),
    *map(chr, (0x2066, 0x2069, 0x206F, 0x2800, 0x3000, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0)),
    *map(chr, (0xFFF9, 0x13430, 0x1BCA0, 0x1D173, 0xE0001, 0xE0020, 0xE007F, 0xE0100)),
    # Private use, noncharacters and a filler.
    *map(chr, (0xE000, 0xF8FF, 0xF0000, 0x10FFFD, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x16FE4)),
]


@pytest.mark.parametrize("char", INVISIBLE, ids=ascii)
def test_text_of_invisible_characters_only_is_rejected(char: str) -> None:
    for text in (char, char * 20, f"{char}\u200b{char}", f"\t {char} {char} \n"):
        with pytest.raises(ValidationError, match=r"visible|1 to 20"):
            clean(text)
    assert clean(f"{char}a{char}").strip(char) == "a"
    assert clean_paragraphs(f"a{char}") in {"a", f"a{char}"}


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "\u0301",
        "\u00b7",
        "\u0600",
        "-",
        "\U0001f600",
        "\ufffd",
        "\u3007",
        "_",
        "\U0001fae8",
        "\ue000a",
    ],
    ids=ascii,
)
def test_text_of_one_visible_character_is_accepted(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "text", [*INVISIBLE, "a", "\u0301", "\U0001f600", "\t", "\u0600"], ids=ascii
)
def test_pattern_in_openapi_agrees_with_the_check(text: str) -> None:
    pattern = Line.model_json_schema()["properties"]["value"]["pattern"]

    # Beyond U+FFFF the pattern is more lenient: not every dialect can write those characters.
    if ord(text) < 0x10000 or is_visible(text):
        assert (re.search(pattern, text) is not None) == is_visible(text)


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2029b", "a\nb", "\u2028a\n", "a\x85"], ids=ascii)
def test_pattern_in_openapi_agrees_on_line_breaks(text: str) -> None:
    pattern = Line.model_json_schema()["properties"]["value"]["pattern"]
    try:
        clean(text)
    except ValidationError:
        assert re.search(pattern, text) is None
    else:
        assert re.search(pattern, text) is not None


@pytest.mark.parametrize("value", [None, 1, 1.5, True, ["text"], {"text": 1}], ids=repr)
def test_value_other_than_text_is_rejected(value: object) -> None:
    with pytest.raises(ValidationError):
        clean(value)


def test_limits_are_in_openapi() -> None:
    schema = Line.model_json_schema()["properties"]["value"]

    assert (schema["type"], schema["minLength"], schema["maxLength"]) == ("string", 1, 20)


# In a URL


@patient
@given(st.integers(1, 100), st.integers(0, 10_000))
def test_numbers_are_taken_in_digits(limit: int, offset: int) -> None:
    query = TaskQuery.model_validate({"limit": str(limit), "offset": str(offset)})

    assert (query.limit, query.offset) == (limit, offset)


@patient
@given(st.text(max_size=6))
@example("1_0")
@example("1.0")
@example("1e1")
@example("+1")
@example(" 1")
@example("1\n")
@example("٣")
@example("１")  # noqa: RUF001  # a digit of full width
@example("0x1")
@example("true")
def test_other_spellings_of_a_number_are_rejected(text: str) -> None:
    assume(not (text.isascii() and text.isdigit()))

    with pytest.raises(ValidationError):
        TaskQuery.model_validate({"limit": text})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_booleans_are_taken_as_json_spells_them(text: str, *, value: bool) -> None:
    query = TaskQuery.model_validate({"is_completed": text, "include_total": text})

    assert query.is_completed is value
    assert query.include_total is value


@patient
@given(st.text(max_size=6))
@example("True")
@example("1")
@example("0")
@example("yes")
@example("on")
@example("t")
@example("false ")
@example("null")
@example("")
def test_other_spellings_of_a_boolean_are_rejected(text: str) -> None:
    assume(text not in {"true", "false"})

    with pytest.raises(ValidationError):
        TaskQuery.model_validate({"is_completed": text})
