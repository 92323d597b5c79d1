"""How processes end."""

import signal
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
def stop_signals_held() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back in this thread, and in processes that it starts, which inherit it.

    A signal that raises between the start of a process and its return would leave the process behind.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
