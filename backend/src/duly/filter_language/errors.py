"""The error of an invalid filter."""


class FilterError(ValueError):
    """A text is not a filter.

    `message` says what was expected, without repeating the text. `position` is where, in code
    points from 0; at the end of the text, it is the length of the text.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
