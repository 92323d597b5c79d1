"""The `duly` command as a program. A signal ends it without a traceback, also while it starts."""

import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn


def main() -> None:
    """Run the command line. SIGINT ends it with status 130, SIGTERM with 143.

    A command that has begun is unwound, so that it stops and removes what it has started.
    """
    try:
        _on_signals(_leave, _leave)
        from duly.cli import main as run  # takes a second or more

        _on_signals(signal.default_int_handler, _unwind)
        try:
            run()
        finally:
            _on_signals(_leave, _leave)
    except KeyboardInterrupt:
        raise SystemExit(_status(signal.SIGINT)) from None


def _on_signals(interrupt: Callable[..., Any], terminate: Callable[..., Any]) -> None:
    for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, terminate)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as it is below `nohup`
            signal.signal(number, handler)


def _leave(number: int, _: object) -> NoReturn:
    os._exit(_status(number))  # an exception would end in the middle of an import


def _unwind(number: int, _: object) -> NoReturn:
    raise SystemExit(_status(number))


def _status(number: int) -> int:
    return 128 + number


if __name__ == "__main__":
    main()
