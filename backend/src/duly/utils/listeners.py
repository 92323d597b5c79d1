"""Closing a socket that listens, without cutting a connection off."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
import time
from pathlib import Path

_SO_ATTACH_FILTER = 26
_SETTLE_SECONDS = 0.1
"""Longer than a worker takes to accept the connections that wait."""

# As tcpdump would write it: ldb [13]; jset #0x02, 0, 1; ret #0; ret #-1. Byte 13 of a TCP header has
# the flags; SYN opens a connection.
_DROP_SYN = b"".join(
    struct.pack("HBBI", *line)
    for line in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)


def refuse_connections(listener: int) -> None:
    """Let a listening socket of this process refuse all new connections; those that exist remain.

    Closing it alone would reset the connections that nobody has accepted yet, with their requests.
    So new ones are ignored first. Their clients try again a second later, and are refused then.
    Only on Linux; elsewhere, nothing happens.
    """
    if sys.platform != "linux":
        return
    with socket.socket(fileno=os.dup(listener)) as own:
        program = ctypes.create_string_buffer(_DROP_SYN)
        length = len(_DROP_SYN) // struct.calcsize("HBBI")
        own.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HP", length, ctypes.addressof(program)),
        )
    time.sleep(_SETTLE_SECONDS)
    _replace(listener)


def _replace(listener: int) -> None:
    """Put a socket that does not listen in the place of one, which is closed by that.

    A server that waits for connections in it goes on to wait. One whose socket was shut down would
    get an error each time it asks for the next connection.
    """
    inode = os.fstat(listener).st_ino
    with socket.socket() as idle:
        for file in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            with contextlib.suppress(OSError):  # that of the directory itself
                if os.fstat(file).st_ino == inode:
                    os.dup2(idle.fileno(), file, inheritable=False)
