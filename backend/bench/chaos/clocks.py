"""A wall clock that jumps, for the processes that a library is preloaded into.

libfaketime 0.9.10 cannot be used: if it leaves monotonic clocks alone, each sleep fails with EINVAL.
"""

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")


@dataclass
class Clock:
    """The clock that the processes of the server read."""

    library: Path
    file: Path

    def set(self, seconds: int) -> None:
        """Set it to so many seconds from the true time."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that preload the library."""
        return {"LD_PRELOAD": str(self.library), "CHAOS_CLOCK": str(self.file)}


def compiler() -> str | None:
    """The path of a C compiler, if there is one."""
    return shutil.which("cc")


def build(directory: Path) -> Clock:
    """Compile the library into a directory, with a clock that is right."""
    program = compiler()
    assert program
    clock = Clock(directory / "clock.so", directory / "clock")
    options = ["-shared", "-fPIC", "-O2", "-o", str(clock.library), str(_SOURCE), "-ldl"]
    subprocess.run([program, *options], check=True)
    clock.file.write_bytes(struct.pack("q", 0))
    for file in (clock.library, clock.file):
        file.chmod(0o644)
    return clock
