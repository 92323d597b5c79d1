"""Closing a socket that listens, without cutting a connection off."""

import contextlib
import ctypes
import os
import socket
import stat
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


def identify(listener: int) -> int:
    """Return what identifies a socket in this process, without keeping it open."""
    return os.fstat(listener).st_ino


def refuse_connections(identity: int) -> None:
    """Let a listening socket of this process refuse all new connections; those that exist remain.

    Closing it alone would reset the connections that nobody has accepted yet, with their requests.
    So new ones are ignored first. Their clients try again a second later, and are refused then.
    Only on Linux; elsewhere, nothing happens.
    """
    if sys.platform != "linux":
        return
    for file in _files_of(identity)[:1]:
        _ignore_new(file)
    time.sleep(_SETTLE_SECONDS)
    # A server that waits for connections in the socket goes on to wait in another one, which does not
    # listen. If the socket were shut down, it would get an error each time it asks for the next
    # connection.
    with socket.socket() as idle:
        for file in _files_of(identity):
            os.dup2(idle.fileno(), file, inheritable=False)


def _ignore_new(listener: int) -> None:
    with socket.socket(fileno=os.dup(listener)) as own:
        program = ctypes.create_string_buffer(_DROP_SYN)
        length = len(_DROP_SYN) // struct.calcsize("HBBI")
        own.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HP", length, ctypes.addressof(program)),
        )


def _files_of(identity: int) -> list[int]:
    found = []
    for file in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):  # that of the directory itself
            status = os.fstat(file)
            if stat.S_ISSOCK(status.st_mode) and status.st_ino == identity:
                found.append(file)
    return found
