"""A server that is stopped behind a proxy, with `DULY_DRAIN_SECONDS`."""

import http.client
import json
import signal
import socket
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.accounts import API
from tests.support.programs import PATIENCE, until
from tests.support.servers import Server, serving


class Connection:
    """A connection that a proxy keeps open."""

    def __init__(self, server: Server) -> None:
        url = httpx.URL(server.url)
        self._http = http.client.HTTPConnection(url.host, url.port, timeout=PATIENCE)
        body = {"email": f"{uuid4().hex}@example.com", "password": "a long pass phrase"}
        status, _, session = self.request("POST", f"{API}/auth/register", body)
        assert status == 201
        self._token = session["access_token"]

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, str | None, Any]:
        """The status, the header Connection, and the body of the response."""
        headers = {"Content-Type": "application/json"} if body else {}
        if hasattr(self, "_token"):
            headers["Authorization"] = f"Bearer {self._token}"
        self._http.request(method, path, json.dumps(body) if body else None, headers)
        response = self._http.getresponse()
        return response.status, response.headers["Connection"], json.loads(response.read())

    def close(self) -> None:
        self._http.close()


def refuses(server: Server) -> bool:
    url = httpx.URL(server.url)
    try:
        socket.create_connection((url.host, url.port or 0), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_connections_that_exist_are_served_once_more_and_new_ones_refused(dsn: str) -> None:
    with serving(dsn, workers=2, DULY_DRAIN_SECONDS="30") as server:
        used, probed = Connection(server), Connection(server)
        assert used.request("GET", f"{API}/users/me")[:2] == (200, None)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server))
        time.sleep(1)

        assert probed.request("GET", "/health/ready")[:2] == (503, "close")
        assert server.process.poll() is None
        assert used.request("POST", f"{API}/tasks", {"title": "milk"})[:2] == (201, "close")
        began = time.monotonic()
        assert server.process.wait(PATIENCE) == 0

    assert time.monotonic() - began < 10  # and not 30 seconds: no connection is left


def test_drain_ends_in_time_although_a_connection_stays_open(dsn: str) -> None:
    with serving(dsn, workers=1, DULY_DRAIN_SECONDS="2") as server:
        idle = Connection(server)
        began = time.monotonic()
        assert server.stop() == 0
        idle.close()

    assert 2 < time.monotonic() - began < 20


def test_second_signal_ends_the_drain(dsn: str) -> None:
    with serving(dsn, workers=1, DULY_DRAIN_SECONDS="60") as server:
        idle = Connection(server)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server))
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop() == 0
        idle.close()

    assert time.monotonic() - began < 20


def test_without_the_setting_idle_connections_are_closed_at_once(dsn: str) -> None:
    with serving(dsn, workers=1) as server:
        idle = Connection(server)
        began = time.monotonic()
        assert server.stop() == 0
        with pytest.raises((http.client.HTTPException, OSError)):
            idle.request("GET", "/health/live")
        idle.close()

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("value", ["-1", "61", "soon"])
def test_invalid_seconds_are_refused(value: str) -> None:
    from duly.core.config import load_settings
    from duly.core.errors import StartupError

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DULY_DRAIN_SECONDS", value)
        with pytest.raises(
            StartupError, match="DULY_DRAIN_SECONDS: must be a number from 0 to 60"
        ):
            load_settings()
