"""Small file systems, which are full soon."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a size, such as `160m`, at a new directory for the block.

    Raises `OSError` if that is not permitted.
    """
    place.mkdir()
    options = f"size={size},mode=0711"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        raise OSError(f"cannot mount a file system: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def small_disk_or_skip(place: Path, size: str) -> Iterator[Path]:
    """Do the same in a test, which is skipped if it is not permitted."""
    with ExitStack() as stack:
        try:
            stack.enter_context(small_disk(place, size))
        except OSError as error:
            pytest.skip(str(error))
        yield place
