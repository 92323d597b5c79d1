"""Code of former releases, from the history of the repository, and requests that all of them serve."""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import httpx

from duly.database import migrations
from duly.utils.identifiers import new_id
from tests.support.programs import PATIENCE, environment
from tests.support.servers import SECRET, Server, end, free_port, wait_until_ready

COMMIT = "747f508"
"""The previous release. `previous_release.PREVIOUS` is its schema."""

_ROOT = Path(__file__).parents[3]
_VERSIONS = "backend/src/duly/database/migrations/versions"
_SERVE = "from duly.cli import main; main()"


@dataclass(frozen=True)
class Release:
    """The directory to import a release from, and the revision of its schema."""

    sources: Path
    revision: str


class NoHistory(Exception):
    """The checkout is shallow, or was exported without its history."""


def unpack(commit: str, directory: Path) -> Release:
    """Write the sources of a commit to a directory. Raises `NoHistory`."""
    archive = _git("archive", commit, "backend/src")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    found = (directory / _VERSIONS).glob("[0-9]*.py")
    revision = max(file.stem.partition("_")[0] for file in found)
    return Release(directory / "backend" / "src", revision)


def before_newest_migration() -> str:
    """The last commit without the newest migration. Raises `NoHistory`."""
    [newest] = (_ROOT / _VERSIONS).glob(f"{migrations.newest_revision()}_*.py")
    path = f"{_VERSIONS}/{newest.name}"
    added = _git("log", "--diff-filter=A", "--format=%H", "--", path).split()
    # One that is not committed yet has no commit.
    return f"{added[-1].decode()}^" if added else "HEAD"


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", _ROOT, *arguments], capture_output=True, check=False)
    except OSError as error:
        raise NoHistory(f"git cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise NoHistory(done.stderr.decode().strip())
    return done.stdout


@contextmanager
def serving(release: Release, dsn: str, log: Path) -> Iterator[str]:
    """Run a release with one worker, and yield its URL.

    It is a process of its own, not forked from one that has imported this release.
    """
    port = str(free_port())
    settings = {
        "PYTHONPATH": str(release.sources),
        "DATABASE_URL": dsn,
        "DULY_SECRET_KEY": SECRET,
        "DULY_PORT": port,
        "DULY_WORKERS": "1",
        "DULY_RATE_LIMIT": "off",
        "DULY_LOG_LEVEL": "warning",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, "serve"],
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until_ready(server, limit=PATIENCE)
        yield server.url
    finally:
        if process.poll() is None:
            end(server)


class Device:
    """A user's device, which sends what apps of every release send.

    Each request must succeed.
    """

    password = "a long pass phrase"

    def __init__(self, url: str) -> None:
        self.email = f"{new_id()}@example.com"
        self.task = ""
        self._client = httpx.Client(timeout=PATIENCE)
        self._token: str | None = None
        self._at(url)
        self._sign_in("register")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _at(self, url: str) -> None:
        self._client.base_url = f"{url}/api/v1"

    def _sign_in(self, way: str) -> dict[str, Any]:
        self._client.headers.pop("Authorization", None)
        session: dict[str, Any] = self.ask(
            "POST", f"/auth/{way}", email=self.email, password=self.password
        )
        self._client.headers["Authorization"] = f"Bearer {session['access_token']}"
        return session

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Send a request, and return the body of the response, which must be a success."""
        response = self._client.request(method, path, json=body or None)
        assert response.is_success, (method, path, response.status_code, response.text)
        return response.json() if response.content else None

    def use(self, url: str) -> None:
        """Use all that the oldest release has, on a server of any release."""
        self._at(url)
        session = self._sign_in("login")
        self.ask("POST", "/auth/refresh", refresh_token=session["refresh_token"])
        self.ask("GET", "/users/me")
        self.ask("PATCH", "/users/me", name="Ada", timezone="Europe/Berlin")
        self.ask("GET", "/auth/sessions")
        self._use_tasks()
        self._use_labels()
        self._sync()
        self.ask("GET", "/users/me/export")
        self.ask(
            "PUT", "/users/me/password", current_password=self.password, new_password="x" * 15
        )
        self.ask(
            "PUT", "/users/me/password", current_password="x" * 15, new_password=self.password
        )
        session = self._sign_in("login")
        self.ask("POST", "/auth/logout", refresh_token=session["refresh_token"])
        self._sign_in("login")

    def _use_tasks(self) -> None:
        if self.task:  # what another release has written
            assert self.ask("GET", f"/tasks/{self.task}")["title"] == "Buy milk"
        self.task = self.ask("POST", "/tasks", id=str(new_id()), title="Buy bread")["id"]
        for action in ("complete", "reopen"):
            self.ask("POST", f"/tasks/{self.task}/{action}")
        self.ask("DELETE", f"/tasks/{self.task}")
        self.ask("POST", f"/tasks/{self.task}/restore")
        self.ask("PUT", f"/tasks/{self.task}", title="Buy", description="two litres")
        self.ask("PATCH", f"/tasks/{self.task}", title="Buy milk")
        for query in ("", "?q=milk", "?sort=title", "?sort=updated_at", "?limit=1&offset=1"):
            assert self.ask("GET", f"/tasks{query}")["items"] or "offset" in query
        self._client.headers["Idempotency-Key"] = str(new_id())
        other = self.ask("POST", "/tasks", title="Erase")["id"]
        del self._client.headers["Idempotency-Key"]
        self.ask("DELETE", f"/tasks/{other}?permanent=true")
        data = {"id": str(new_id()), "title": "Batched"}
        operations = [{"op": "create", "type": "task", "data": data}]
        assert self.ask("POST", "/batch", operations=operations, atomic=True)["applied"]

    def _use_labels(self) -> None:
        label = self.ask("POST", "/labels", id=str(new_id()), name=f"errand {new_id()}")["id"]
        self.ask("PATCH", f"/labels/{label}", name=f"home {new_id()}")
        assert self.ask("GET", "/labels")["items"]
        self.ask("DELETE", f"/labels/{label}")

    def _sync(self) -> None:
        """Read all changes, then none; from the start if the token is of another release."""
        token = self._token
        if token and self._client.get("/sync", params={"token": token}).status_code == 410:
            token = None
        token = self.ask("GET", f"/sync?token={token}" if token else "/sync")["token"]
        self._token = self.ask("GET", f"/sync?token={token}")["token"]

    def delete_account(self) -> None:
        self.ask("DELETE", "/users/me", current_password=self.password)
