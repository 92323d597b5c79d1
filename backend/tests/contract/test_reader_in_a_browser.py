"""The reader of docs/sync.md, in a real browser, on a page of another origin than the API's."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psycopg
import pytest

from tests.support.accounts import API
from tests.support.browsers import chromium
from tests.support.factories import RegistrationFactory
from tests.support.servers import Server, serving

DOCS = Path(__file__).parents[3] / "docs" / "sync.md"
PATIENCE = 30.0
TITLE = "Grüße, 世界, 🙂🙃"
START = """
    window.seen = []; window.resets = 0; window.hasEnded = false;
    window.stopping = new AbortController();
    const [api, bearer, lastId] = arguments;
    followEvents(`${api}/events`, {
        accessToken: async () => bearer,
        lastId,
        onChange: async (change, token) => seen.push([change.op, change.data?.title, token]),
        onReset: async () => {
            resets += 1;
            const headers = { Authorization: `Bearer ${bearer}` };
            return (await (await fetch(`${api}/sync?limit=500`, { headers })).json()).token;
        },
        signal: stopping.signal,
    }).then(() => { hasEnded = true; });
"""


def reader() -> str:
    """The one function in JavaScript that the document shows."""
    (code,) = re.findall(
        r"```js\n(async function followEvents.*?)```", DOCS.read_text(), re.DOTALL
    )
    return str(code)


def test_the_reader_is_short() -> None:
    assert len(reader().splitlines()) <= 27


class Page(BaseHTTPRequestHandler):
    """A page that holds the reader and nothing else."""

    def do_GET(self) -> None:
        body = f"<!doctype html><meta charset=utf-8><script>{reader()}</script>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()
        thread.join()


class Dribble:
    """Passes connections on to `target`, and what comes back in pieces of a few bytes.

    The address stays the same while servers come and go. The pieces end inside of characters.
    """

    PIECE: ClassVar = 7

    def __init__(self) -> None:
        self.target: int | None = None
        self.passed = b""
        self.open: set[socket.socket] = set()
        self.streams: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for client in tuple(self.open):
            client.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.open.add(client)
        with suppress(OSError), client, socket.create_connection(self._address()) as server:
            threading.Thread(target=self._request, args=(client, server), daemon=True).start()
            while data := server.recv(65_536):
                for start in range(0, len(data), self.PIECE):
                    client.sendall(data[start : start + self.PIECE])
                    time.sleep(0.001)
                self.passed += data
            client.shutdown(socket.SHUT_RDWR)  # also ends `_request`, which is reading from it
        self.open.discard(client)
        self.streams.discard(client)

    def pass_to(self, server: Server) -> None:
        """Pass new connections on to a server."""
        self.target = int(server.url.rsplit(":", 1)[1])

    def _address(self) -> tuple[str, int]:
        if self.target is None:
            raise ConnectionRefusedError
        return "127.0.0.1", self.target

    def _request(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if data.startswith(f"GET {API}/events".encode()):
                    self.streams.add(client)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def dribble() -> Iterator[Dribble]:
    dribble = Dribble()
    yield dribble
    dribble.close()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
    return result


@pytest.mark.slow
def test_the_documented_reader_follows_changes_through_a_restart_and_a_reset(
    dsn: str, origin: str, dribble: Dribble, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        browser = stack.enter_context(chromium(tmp_path / "profile"))
        server = stack.enter_context(serving(dsn, workers=1, DULY_CORS_ORIGINS=origin))
        dribble.pass_to(server)
        session = httpx.post(f"{server.url}{API}/auth/register", json=RegistrationFactory()).json()
        headers = {"Authorization": f"Bearer {session['access_token']}"}

        def create(title: str) -> None:
            url = f"{server.url}{API}/tasks"
            httpx.post(url, json={"title": title}, headers=headers).raise_for_status()

        def seen() -> list[str]:
            return [title for _, title, _ in browser.execute_script("return seen")]

        create("before the token")
        token = httpx.get(f"{server.url}{API}/sync", headers=headers).json()["token"]
        create("before the page")
        browser.get(origin)
        browser.execute_script(START, f"{dribble.url}{API}", session["access_token"], token)
        expected = ["before the page"]
        until(lambda: seen() == expected)

        # After a heartbeat, and with characters of several bytes that arrive in pieces.
        until(lambda: b"\n: ping" in dribble.passed)
        titles = [f"{number} {TITLE}" for number in range(7)]
        for title in titles:
            create(title)
        expected += titles
        until(lambda: seen() == expected)

        # The server is replaced, and a task is created before the reader is back.
        dribble.target = None
        server.stop()
        until(lambda: not dribble.open)
        server = stack.enter_context(serving(dsn, workers=1, DULY_CORS_ORIGINS=origin))
        create("while the reader was away")
        dribble.pass_to(server)
        expected.append("while the reader was away")
        until(lambda: seen() == expected)
        create("after the restart")
        expected.append("after the restart")
        until(lambda: seen() == expected)
        assert browser.execute_script("return resets") == 0

        # The history is lost: the reader starts over where a full sync ends.
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "UPDATE users SET revision = revision + 10, horizon = revision + 10 WHERE id = %s",
                [session["user"]["id"]],
            )
        create("makes the stream look")
        until(lambda: browser.execute_script("return resets") == 1)
        until(lambda: dribble.passed.count(b"event: ready") >= 3)
        assert b" 410 " not in dribble.passed  # the `reset` event was enough
        create("after the reset")
        expected.append("after the reset")
        until(lambda: seen() == expected)

        browser.execute_script("stopping.abort()")
        until(lambda: browser.execute_script("return hasEnded"))
        until(lambda: not dribble.streams)
        create("after the end")
        assert seen() == expected
