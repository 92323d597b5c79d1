"""A socket that stops listening loses no connection that its clients believe to have."""

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from duly.utils.listeners import identify, refuse_connections

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing happens")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_connection_that_waits_is_accepted_and_answered(listener: socket.socket) -> None:
    accepted: list[bytes] = []

    def accept() -> None:
        time.sleep(0.05)  # as a busy worker
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            accepted.append(connection.recv(100))
            connection.sendall(b"response")

    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"request")
        worker = threading.Thread(target=accept)
        worker.start()
        refuse_connections(identify(listener.fileno()))
        client.settimeout(5)
        assert client.recv(100) == b"response"
        worker.join()

    assert accepted == [b"request"]


def test_connection_that_is_begun_meanwhile_is_refused_a_second_later(
    listener: socket.socket,
) -> None:
    address = listener.getsockname()
    closing = threading.Timer(0, refuse_connections, [identify(listener.fileno())])
    closing.start()
    time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)

    assert 0.5 < time.monotonic() - began < 5
    closing.join()


def test_later_connections_are_refused_at_once_also_with_copies(listener: socket.socket) -> None:
    address = listener.getsockname()
    copy = os.dup(listener.fileno())
    try:
        refuse_connections(identify(listener.fileno()))

        began = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=10)
        assert time.monotonic() - began < 0.5
    finally:
        os.close(copy)


def test_server_that_waits_for_connections_goes_on_to_wait(listener: socket.socket) -> None:
    """One that were woken each time would use a whole core until its end."""
    with select.epoll() as poll:
        poll.register(listener.fileno(), select.EPOLLIN)
        refuse_connections(identify(listener.fileno()))

        assert poll.poll(timeout=0.2) == []
