"""The example client used wrongly, by two people, and with servers that fail."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.resilience.test_offline_client import Device
from tests.support.accounts import API
from tests.support.servers import Server

PASSWORD = "a password of no one else"


def email() -> str:
    return f"{uuid4()}@example.com"


def the_line(device: Device, *arguments: str) -> str:
    """The one line with which a command fails."""
    done = device.attempt(*arguments)
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def titles_on(server: Server, address: str) -> list[str]:
    body = {"email": address, "password": PASSWORD}
    session = httpx.post(f"{server.url}{API}/auth/login", json=body).raise_for_status().json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    page = httpx.get(f"{server.url}{API}/tasks", headers=headers).raise_for_status().json()
    return [task["title"] for task in page["items"]]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "phone")


# Two people


@pytest.mark.slow
def test_signing_in_as_another_user_is_refused_and_moves_no_task(
    server: Server, device: Device, tmp_path: Path
) -> None:
    ada, bob = email(), email()
    Device(tmp_path / "bob").run("login", bob, "--server", server.url, "--register")
    device.run("login", ada, "--server", server.url, "--register")
    device.run("add", "Ada's own")

    assert ada in the_line(device, "login", bob, "--server", server.url)

    device.run("sync")
    assert titles_on(server, bob) == []
    assert titles_on(server, ada) == ["Ada's own"]
    # The first user can sign in again.
    device.run("login", ada, "--server", server.url)
    assert device.tasks == {"Ada's own": "open"}


def test_registering_another_user_with_the_same_file_creates_no_account(
    server: Server, device: Device
) -> None:
    device.run("login", email(), "--server", server.url, "--register")
    other = email()

    the_line(device, "login", other, "--server", server.url, "--register")

    body = {"email": other, "password": PASSWORD}
    assert httpx.post(f"{server.url}{API}/auth/login", json=body).status_code == 401


def test_tasks_added_before_the_first_sign_in_go_to_its_account(
    server: Server, device: Device
) -> None:
    ada = email()
    device.run("add", "early")
    device.run("login", ada, "--server", server.url, "--register")
    device.run("sync")

    assert titles_on(server, ada) == ["early"]


def test_registering_a_registered_email_says_to_log_in(
    server: Server, device: Device, tmp_path: Path
) -> None:
    ada = email()
    Device(tmp_path / "laptop").run("login", ada, "--server", server.url, "--register")

    line = the_line(device, "login", ada, "--server", server.url, "--register")

    assert "already registered. Log in without --register" in line


# The ids that it shows and accepts


@pytest.mark.slow
def test_ids_of_tasks_created_in_the_same_minute_are_distinguishable(
    server: Server, device: Device
) -> None:
    ada = email()
    device.run("login", ada, "--server", server.url, "--register")
    body = {"email": ada, "password": PASSWORD}
    session = httpx.post(f"{server.url}{API}/auth/login", json=body).json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    # Alike in the part that is the time.
    one, other = (str(uuid4()) for _ in range(2))
    ids = [one, one[:8] + other[8:]]
    for title, task_id in zip(("one", "two"), ids, strict=True):
        body = {"title": title, "id": task_id}
        made = httpx.post(f"{server.url}{API}/tasks", headers=headers, json=body)
        assert made.status_code == 201
    device.run("sync")
    assert ids[0][:8] == ids[1][:8]

    assert device.id_of("one") == ids[0][-8:]
    device.run("done", device.id_of("one"))
    device.run("edit", ids[1][-8:].upper(), "second")

    assert device.tasks == {"one": "done", "second": "open"}
    line = the_line(device, "rm", ids[0][:8])
    assert line == f"Ambiguous: choose one of these ids: {ids[0]}, {ids[1]}"
    assert "begins or ends with 'feedbeef'" in the_line(device, "rm", "feedbeef")
    device.run("rm", ids[0])
    assert device.tasks == {"second": "open"}


# The address


@pytest.mark.slow
@pytest.mark.parametrize("reaches_a_server", [True, False])
def test_an_address_that_did_not_work_is_not_kept(
    server: Server, device: Device, other: str, *, reaches_a_server: bool
) -> None:
    ada = email()
    device.run("login", ada, "--server", server.url, "--register")
    device.run("add", "kept")

    the_line(device, "login", ada, "--server", other if reaches_a_server else "http://127.0.0.1:9")

    device.run("sync")
    assert titles_on(server, ada) == ["kept"]


def test_a_sign_in_that_failed_leaves_nothing_behind(server: Server, device: Device) -> None:
    assert "(401)" in the_line(device, "login", email(), "--server", server.url)
    assert "Log in first" in the_line(device, "sync")


# Wrong use and failing servers


class Other(BaseHTTPRequestHandler):
    """A server that is not Duly: it responds with what the first part of the path says."""

    BODIES = {  # noqa: RUF012  # never changed
        "html": (200, "<html>"),
        "list": (200, "[]"),
        "null": (200, "null"),
        "empty": (200, "{}"),
        "odd": (200, '{"user": 1, "access_token": 2, "refresh_token": 3}'),
        "moved": (302, ""),
        "missing": (404, "<html>"),
        "busy": (503, '{"error": {"code": "C", "message": "Busy.", "details": {}}}'),
        "strange": (500, '{"error": "no envelope"}'),
    }

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.path.split("/")[1]
        if kind == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
            return
        if kind == "noise":
            self.wfile.write(b"\x00\xff\r\n")
            return
        if kind == "quota":
            self.quota()
            return
        self.reply(*self.BODIES.get(kind, (404, "")))

    def quota(self) -> None:
        """Sign in, and reject each task."""
        if self.path.endswith("/auth/login"):
            user = {"id": str(uuid4()), "email": "ada@example.com"}
            session = {"access_token": "a", "refresh_token": "r", "user": user}
            self.reply(200, json.dumps(session))
            return
        error = {"code": "QUOTA_EXCEEDED", "message": "Too many tasks.", "details": {}}
        results = [{"status": 403, "type": "task", "data": None, "error": error}]
        self.reply(200, json.dumps({"applied": False, "results": results}))

    def reply(self, status: int, text: str) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*Other.BODIES, "cut", "noise"])
def test_a_server_that_is_not_duly_or_fails_is_one_line(
    device: Device, other: str, kind: str
) -> None:
    line = the_line(device, "login", "ada@example.com", "--server", f"{other}/{kind}")
    assert "othing is lost" in line


@pytest.mark.slow
def test_an_error_response_during_sync_is_one_line_and_loses_nothing(
    server: Server, device: Device, other: str
) -> None:
    ada = email()
    device.run("login", ada, "--server", server.url, "--register")
    device.run("add", "waits")
    for kind in ("busy", "html", "list", "strange", "cut"):
        device.execute(f"UPDATE meta SET value = '{other}/{kind}' WHERE name = 'server'")
        the_line(device, "sync")
        assert device.tasks == {"waits": "open"}

    device.execute(f"UPDATE meta SET value = '{server.url}' WHERE name = 'server'")
    device.run("sync")
    assert titles_on(server, ada) == ["waits"]


def test_a_task_over_the_quota_stays_in_the_outbox(device: Device, other: str) -> None:
    device.run("login", "ada@example.com", "--server", f"{other}/quota")
    device.run("add", "too many")

    assert "Too many tasks" in the_line(device, "sync")
    assert device.tasks == {"too many": "open"}
    device.run("edit", device.id_of("too many"), "still too many")
    assert "Too many tasks" in the_line(device, "sync")
    assert device.tasks == {"still too many": "open"}


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "http://", "http://[", "ftp://x", "http://127.0.0.1:99999", "http://é:x"],
)
def test_an_invalid_address_is_one_line(device: Device, url: str) -> None:
    the_line(device, "login", "ada@example.com", "--server", url)


@pytest.mark.parametrize("name", ["directory", "missing/file", "text"])
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("not a database, but long enough to be read as one" * 99)
    file = tmp_path / name

    assert str(file) in the_line(Device(file), "list")


@pytest.mark.slow
def test_wrong_arguments_and_unknown_tasks_are_one_line(device: Device, server: Server) -> None:
    for title in ("", "  ", "two\nlines", "x" * 256, "\udcff"):
        the_line(device, "add", title)
    the_line(device, "done", "no such task")
    the_line(device, "login", "no email", "--server", server.url)
    the_line(device, "login", "a\udcff@example.com", "--server", server.url)


def test_empty_id_or_name_is_rejected(device: Device) -> None:
    device.run("add", "only task")
    device.run("new-list", "only list")
    task_id = device.id_of("only task")
    before = device.run("list")

    for command in (("rm", ""), ("done", ""), ("move", task_id, ""), ("add", "task", "--to", "")):
        assert "must not be empty" in the_line(device, *command)

    assert device.run("list") == before
