"""The cost of quick add by the length of the text: `make bench-quick-add`.

Each unit is repeated to texts of 10,000 and of 40,000 characters, with 1,000 labels and 100 lists
whose names are hostile too. If the cost is linear, the second text costs four times the first.
"""

import time
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from duly.quick_add import Context, LabelName, LanguageCode, ListName, NothingLeft, parse

SIZES = (10_000, 40_000)
UNITS = (
    "Call Ann ",
    "every day until 1 dec ",
    "every mon, tue and wed, ",
    "@a a a b ",
    "# ",
    "\\tomorrow ",
    "monday to ",
    "jeden 1. und 2. und ",
    "am freitag, den 1.1. ",
    "montagabend und ",
    "a",
    "\u0301",
)


def seconds_of(text: str, context: Context) -> float:
    """The least CPU time of three runs."""
    taken = []
    for _ in range(3):
        started = time.thread_time()
        with suppress(NothingLeft):
            parse(text, context)
        taken.append(time.thread_time() - started)
    return min(taken)


def hostile_context(language: LanguageCode) -> Context:
    """Names that share long beginnings with each other and with the texts."""
    labels = [LabelName(UUID(int=number), f"a a a {number}") for number in range(1_000)]
    lists = [ListName(UUID(int=number), f"{'# ' * 50}{number}") for number in range(100)]
    return Context(language, datetime.fromisoformat("2026-11-26T10:00"), lists, labels=labels)


def main() -> None:
    """Print a line for each language and unit."""
    print(f"{'language':10}{'unit':30}{'10,000':>12}{'40,000':>12}{'ratio':>8}")
    for language in ("en", "de"):
        context = hostile_context(language)
        parse("x", context)  # compiles the patterns
        for unit in UNITS:
            texts = [(unit * size)[:size] for size in SIZES]
            short, long = (seconds_of(text, context) for text in texts)
            print(
                f"{language:10}{unit!a:30}{short * 1e3:9.1f} ms{long * 1e3:9.1f} ms"
                f"{long / short:8.1f}"
            )


if __name__ == "__main__":
    main()
