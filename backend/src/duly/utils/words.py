"""The words of a text, without case and accents, in time linear in the text.

Scripts that write words without spaces between them (Chinese, Japanese, Thai, Lao, Khmer, Burmese)
have no word boundaries that a program could find without a dictionary: there, each character is a
word, and a search for several in a row is a search for a phrase.
"""

from unicodedata import category, combining, lookup, name, normalize

MAX_WORD_LENGTH = 64
MAX_WORDS = 20_000
"""As many as the longest text has characters. One character can fold into four words."""

_WITHOUT_SPACES = (
    "CJK ",
    "IDEOGRAPHIC ",
    "HIRAGANA ",
    "KATAKANA",
    "THAI ",
    "LAO ",
    "KHMER ",
    "MYANMAR ",
)
# Combining classes: none, the voicing marks of kana, and the marks that spell conjuncts, vowels and
# tones in the scripts of South and South-East Asia.
_NOT_ACCENTS = frozenset((0, 8, 9, *range(84, 133)))
_LATIN = "LATIN SMALL LETTER "
_ZERO_WIDTH_SPACE = "\u200b"
_DOTLESS_I = "\u0131"  # what Turkish capital I is the capital of

# Enough for all scripts in use; without a limit, texts of rare characters could fill the memory.
_MAX_REMEMBERED = 65_536


def words(text: str) -> list[str]:
    """Return the first `MAX_WORDS` words of `text`, each cut to `MAX_WORD_LENGTH` characters."""
    found = text.translate(_FOLDED).split(maxsplit=MAX_WORDS)
    if len(found) > MAX_WORDS:
        found.pop()  # the rest of the text
    return [word[:MAX_WORD_LENGTH] for word in found]


class _Folding(dict[int, str]):
    """Maps each code point to its part of a word, or to spaces. Filled as characters occur.

    Characters are folded one by one: `normalize()` on a whole text is quadratic in the length of
    a run of combining marks.
    """

    def __missing__(self, code: int) -> str:
        if len(self) >= _MAX_REMEMBERED:
            self.clear()
        folded = self[code] = _fold(chr(code))
        return folded


_FOLDED = _Folding()


def _fold(character: str) -> str:
    letters = "".join(part for part in normalize("NFKD", character) if not _is_accent(part))
    # Composed again where no accent was removed: Hangul syllables and voiced kana.
    return "".join(map(_part_of_word, normalize("NFC", letters.casefold())))


def _is_accent(character: str) -> bool:
    return combining(character) not in _NOT_ACCENTS


def _part_of_word(character: str) -> str:
    kind = category(character)
    named = name(character, "")
    if kind == "Cf" and character != _ZERO_WIDTH_SPACE:
        return ""  # soft hyphens, joiners, directions: inside of words
    if kind[0] not in "LMN":
        return " "
    if kind == "Me" or "VARIATION SELECTOR" in named or "GRAPHEME JOINER" in named:
        return ""
    if named.startswith(_WITHOUT_SPACES):
        return f" {character} "
    return _without_stroke(character, named)


def _without_stroke(character: str, named: str) -> str:
    """Return `o` for `ø`, `l` for `ł`: Unicode does not decompose these."""
    if character == _DOTLESS_I:
        return "i"
    base, _, addition = named.partition(" WITH ")
    if not addition or not base.startswith(_LATIN):
        return character
    try:
        return lookup(base)
    except KeyError:
        return character
