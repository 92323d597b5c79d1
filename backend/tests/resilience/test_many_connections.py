"""Thousands of open connections leave room for others."""

import socket
from contextlib import ExitStack

import httpx
import pytest

from duly.utils.open_files import raise_limit
from tests.support.raw_http import head
from tests.support.servers import serving

CONNECTIONS = 2_500
"""More than Granian serves by default, and more than many systems let a process open at first."""


@pytest.fixture
def file_limit() -> None:
    """Let this process open as many sockets as the test needs."""
    if raise_limit(CONNECTIONS + 500) < CONNECTIONS + 500:
        pytest.skip("the system does not allow a process as many open files")


@pytest.mark.slow
@pytest.mark.usefixtures("file_limit")
def test_thousands_of_open_connections_do_not_hold_up_another(dsn: str) -> None:
    with serving(dsn, workers=1) as server, ExitStack() as stack:
        address = "127.0.0.1", int(server.url.rpartition(":")[2])
        for _ in range(CONNECTIONS):
            # A request that is not complete: the connection counts until its time is over.
            connection = stack.enter_context(socket.create_connection(address, timeout=10))
            connection.sendall(head("GET", "/health/live")[:-2])

        assert httpx.get(f"{server.url}/health/live", timeout=3).status_code == 200
