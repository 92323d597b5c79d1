"""The words of a text, and what PostgreSQL gets of them."""

# ruff: noqa: RUF001  # letters of many scripts

import re
import sys
import time
from unicodedata import category
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duly.utils.search import (
    description_vector,
    joined_query,
    search_query,
    title_vector,
)
from duly.utils.words import words

OWNER = UUID(int=1)
PREFIX = "AAAAAAAAAAAAAAAAAAAAAQ"

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Buy MILK, two litres.", "buy milk two litres"),
        ("snake_case e-mail don't 3.14", "snake case e mail don t 3 14"),
        ("Crème brûlée à la Ærø", "creme brulee a la æro"),
        ("Łódź, Đặng, smørrebrød", "lodz dang smorrebrod"),
        ("STRASSE Straße", "strasse strasse"),
        ("ISI ısı İSİ", "isi isi isi"),
        ("ΑΓΟΡΆ ἄγαλμα ᾳ λόγος", "αγορα αγαλμα α λογοσ"),
        ("Ёлка", "елка"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("ख़रीदो दूध", "खरीदो दूध"),
        ("우유를 사기", "우유를 사기"),
        ("買牛奶", "買 牛 奶"),
        ("ガラスの靴", "ガ ラ ス の 靴"),
        ("ซื้อนม", "ซ ื ้ อ น ม"),
        ("milk牛奶2", "milk 牛 奶 2"),
        ("ﬁle ② ｆｕｌｌ", "file 2 full"),
        ("co\u00adop \u200eleft a\u200bb", "coop left a b"),
        ("❤️ 1️⃣ 👨‍👩‍👧", "1"),
        ("", ""),
        ("'\"\\:*&|!()<->", ""),
    ],
    ids=ascii,
)
def test_words_of_a_text_have_no_case_and_no_accents(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@pytest.mark.slow
def test_words_of_every_character_are_letters_marks_or_digits() -> None:
    # Nothing that could end a quoted lexeme, whatever a character decomposes to.
    kinds = {
        category(part)[0]
        for code in range(sys.maxunicode + 1)
        for word in words(chr(code))
        for part in word
    }

    assert kinds == {"L", "M", "N"}


def test_words_longer_than_64_characters_are_cut() -> None:
    assert words("a" * 20_000 + " b") == ["a" * 64, "b"]


def test_text_whose_characters_expand_has_at_most_20000_words() -> None:
    found = words("\ufdfa" * 20_000)

    assert len(found) == 20_000
    assert found[:6] == words("\ufdfa" * 2)[:6]


HOSTILE = {
    "e-mail addresses": "a1@",
    "underscores": "a_1_",
    "paths": "/~/.",
    "combining marks": "\u0301\u0323",
    "one long word": "a",
    "ligatures": "\ufdfa",
    "squared words": "\u3300",
    "quotes": "'\\",
}


def cpu_time_of(text: str) -> float:
    """The least CPU time of three runs, in seconds."""
    taken = []
    for _ in range(3):
        started = time.thread_time()
        description_vector(OWNER, text)
        taken.append(time.thread_time() - started)
    return min(taken)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_words_of_hostile_text_take_linear_time(unit: str) -> None:
    text = (unit * 20_000)[:20_000]

    # 16 times the text takes about 16 times as long; in quadratic time, 256 times.
    assert cpu_time_of(text * 16) < 96 * cpu_time_of(text)


def test_title_vector_has_positions_and_a_lexeme_of_the_owner() -> None:
    assert title_vector(OWNER, "Buy milk, buy") == f"{PREFIX} {PREFIX}buy:1,3 {PREFIX}milk:2"


def test_description_vector_leaves_a_gap_after_the_title() -> None:
    assert description_vector(OWNER, "of oat") == f"{PREFIX} {PREFIX}of:2 {PREFIX}oat:3"


@pytest.mark.parametrize("description", [None, "", "..."])
def test_description_vector_without_words_has_the_lexeme_of_the_owner(
    description: str | None,
) -> None:
    assert description_vector(OWNER, description) == PREFIX


def test_vectors_of_a_task_hold_at_most_1000_lexemes() -> None:
    title = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    description = " ".join(f"w{number}" for number in range(1_001))

    stored = [title_vector(OWNER, title).split(), description_vector(OWNER, description).split()]

    assert [len(lexemes) - 1 for lexemes in stored] == [255, 744]
    assert stored[0][-1] == f"{PREFIX}{title[254]}:255"
    assert stored[1][-1] == f"{PREFIX}w743:745"


def test_vectors_stay_within_the_limits_of_postgresql() -> None:
    description = "a " * 300 + "b" * 100 + " " + "牛" * 20_000

    positions = {
        lexeme: [int(position) for position in at.split(",")]
        for lexeme, at in re.findall(r"(\S+):([\d,]+)", description_vector(OWNER, description))
    }

    assert set(positions) == {f"{PREFIX}a", f"{PREFIX}{'b' * 64}", f"{PREFIX}牛"}
    assert all(len(at) <= 256 for at in positions.values())
    assert positions[f"{PREFIX}牛"] == list(range(303, 303 + 256))
    far = description_vector(OWNER, "牛" * 15_990 + " end beyond " + "奶" * 20)
    assert f" {PREFIX}end:15992 {PREFIX}beyond:15993 " in far
    assert far.endswith(f" {PREFIX}奶:{','.join(map(str, range(15_994, 16_001)))}")


def test_vectors_hold_words_without_a_position_beyond_the_limit_of_postgresql() -> None:
    vector = description_vector(OWNER, "牛" * 15_999 + " end")

    assert vector.endswith(f" {PREFIX}end")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("mil", "(mil:*)"),
        ("oat mil", "(oat) & (mil:*)"),
        ("mil -oat", "(mil:*) & !(oat)"),
        ('mil "oat flakes"', "(mil:*) & (oat <-> flakes)"),
        ('"oat fla', "(oat <-> fla:*)"),
        ('-"oat fla', "!(oat <-> fla)"),
        ("-milk", "!(milk)"),
        ("--milk - oat", "(milk) & (oat:*)"),
        ("e-mail", "(e <-> mail:*)"),
        ("-e-mail", "!(e <-> mail)"),
        ("oat or milk", "(oat) & (or) & (milk:*)"),
        ('a"b c"-d', "(a) & (b <-> c) & (d:*)"),
        ("買牛奶", "(買 <-> 牛 <-> 奶:*)"),
        ("milk milk Milk", "(milk) & (milk:*)"),
        ("Crème:* !O'Brien\\", "(creme) & (o <-> brien:*)"),
    ],
    ids=ascii,
)
def test_search_query_of_a_text_has_its_operators_only(q: str, expected: str) -> None:
    query = search_query(OWNER, q)

    assert re.sub(rf"'{PREFIX}(\w+)'", r"\1", query) == f"'{PREFIX}' & {expected}"


@pytest.mark.parametrize("q", ["🦆", "-", '"', '""', "!&|", "\u200b", "-🦆"], ids=ascii)
def test_search_query_without_words_finds_nothing(q: str) -> None:
    assert search_query(OWNER, q) == "'-'"


@patient
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("-\"' a")))
def test_lexemes_of_any_text_begin_with_the_owner(text: str) -> None:
    # A quote, a backslash or a colon would have a meaning in a `tsvector`.
    lexeme = rf"{PREFIX}[^'\\\s:]*"
    position = r"(?::\d+(?:,\d+)*)?"

    for vector in (title_vector(OWNER, text), description_vector(OWNER, text)):
        assert re.fullmatch(rf"{PREFIX}(?: {lexeme}{position})*", vector)
    phrase = rf"!?\('{lexeme}'(?: <-> '{lexeme}')*(?::\*)?\)"
    assert re.fullmatch(rf"'-'|'{PREFIX}'(?: & {phrase})+", search_query(OWNER, text))


def test_joined_searches_stay_within_the_words_of_their_owner() -> None:
    excluded = f"!({search_query(OWNER, 'milk')})"
    query = joined_query(OWNER, f"{excluded} | {excluded}")
    assert query == f"'{PREFIX}' & ({excluded} | {excluded})"
