"""How many files and sockets a process may have open."""

import contextlib
import sys

if sys.platform != "win32":
    import resource


def raise_limit(wanted: int) -> int:
    """Raise the limit of this process and of those it starts to `wanted`; return the new limit.

    Many systems begin with 1,024, and allow a process to raise that itself.
    """
    if sys.platform == "win32":
        return wanted  # sockets are not limited
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has a further limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
