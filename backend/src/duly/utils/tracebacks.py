"""Tracebacks of exceptions, which keep alive what the functions in them have used."""

import traceback


def clear_tracebacks(error: BaseException) -> None:
    """Drop the local variables of all functions in which an exception, or one before it, occurred.

    A task that failed refers to its exception, and the exception to the frame that waited for
    the task: a cycle, which would live until the next garbage collection.
    """
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            left += [one.__cause__, one.__context__]
