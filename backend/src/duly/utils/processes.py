"""How processes end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def describe_exit(code: int | None) -> str:
    """Describe the exit code of a `subprocess` or `multiprocessing` child for a log line."""
    if code is None:
        return "unknown exit status"
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"killed by signal {-code}"


@contextmanager
def stop_signals_deferred() -> Iterator[None]:
    """Defer SIGINT and SIGTERM until the block has ended, if this is the main thread.

    A signal that raises between the start of a process and its return would leave the process behind.
    Python runs handlers in the main thread only, whichever thread the system interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deferred: list[int] = []
    former = {
        number: signal.signal(number, lambda given, _: deferred.append(given))
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not None  # as it is if Python did not set it
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        for given in deferred:
            signal.raise_signal(given)
