"""Reading a filter token by token."""

import re

from duly.filter_language.errors import FilterError

# Unicode's property White_Space, so that every implementation can have the same.
_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_SPACE}]*")
_BARE = re.compile(rf'[^{_SPACE}&|!()<>="]*')
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_DIGITS = re.compile(r"[0-9]+")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Unicode's categories Cc and Cs, and line separators, as in names and titles: no name has any.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Cursor:
    """A position in a text. A method that does not find its token only skips white space."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def expected(self, what: str, at: int | None = None) -> FilterError:
        """Return the error that something else was expected here, or at another position."""
        return FilterError(f"Expected {what}", self.position if at is None else at)

    def next(self) -> int:
        """Move to the next token, or to the end, and return the position."""
        match = _SPACES.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.position

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position == len(self.text)

    def take(self, sign: str) -> bool:
        """Read a sign, and return whether it is there."""
        self.next()
        is_there = self.text.startswith(sign, self.position)
        if is_there:
            self.position += len(sign)
        return is_there

    def word(self) -> str | None:
        """Read a keyword, in any case, and return it in lower case."""
        word = self._take(_WORD)
        return word and word.lower()

    def digits(self) -> str | None:
        """Read a number."""
        return self._take(_DIGITS)

    def iso_date(self) -> str | None:
        """Read what has the form of a date."""
        return self._take(_ISO_DATE)

    def string(self) -> tuple[str, bool]:
        """Read a text in quotes, or a bare one, which may be empty.

        Return it and whether it was quoted. It begins here: white space is not skipped.
        """
        start = self.position
        is_quoted = self.text.startswith('"', start)
        text = self._quoted() if is_quoted else self._matched(_BARE)
        if control := _CONTROL.search(self.text, start, self.position):
            raise self.expected("text without control characters", control.start())
        return text, is_quoted

    def _quoted(self) -> str:
        characters = []
        self.position += 1
        while not self.text.startswith('"', self.position):
            if self.text.startswith("\\", self.position):
                self.position += 1
                if not self.text.startswith(('"', "\\"), self.position):
                    raise self.expected('" or \\ after \\')
            elif self.is_at_end:
                raise self.expected('" at the end of the text in quotes')
            characters.append(self.text[self.position])
            self.position += 1
        self.position += 1
        return "".join(characters)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        self.next()
        return self._matched(pattern) or None

    def _matched(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]
