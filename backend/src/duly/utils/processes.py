"""How processes end."""

import signal


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
