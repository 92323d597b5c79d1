"""The systems that are measured, each started on a database of its own and filled with tasks."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.live import live
from bench.suite import scenarios
from bench.suite.apis import Api, DulyApi, Person, PlainApi, PocketBaseApi, new_task
from bench.suite.messages import Client, Request
from bench.suite.processes import memory_mb, running
from bench.suite.scenarios import Size
from duly.database import embedded, migrations
from duly.utils.identifiers import new_id

BACKEND = Path(__file__).parents[2]
BCRYPT_COST = "4"
WORKERS = 2


@dataclass
class System:
    """A running system. Its database is a process tree of its own, or part of the server."""

    name: str
    title: str
    port: int
    server: int
    database: int | None = None
    requests: dict[str, list[bytes]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """The bytes of each scenario's response."""
    log: Path | None = None
    dsn: str = ""
    idle_mb: tuple[float, float] = (0.0, 0.0)
    """Memory of the server and of its database after the start, before any load."""

    def __post_init__(self) -> None:
        self.idle_mb = memory_mb(self.server), memory_mb(self.database)

    def take(self, requests: Mapping[str, Sequence[Request]]) -> None:
        """Check the requests, and keep them as bytes."""
        with Client(self.port) as client:
            scenarios.verify(requests, client, self.sizes.__setitem__)
        self.requests = {name: [one.encode() for one in some] for name, some in requests.items()}

    @property
    def roots(self) -> list[int | None]:
        """The process trees."""
        return [self.server, self.database]


@contextmanager
def postgres() -> Iterator[tuple[str, int]]:
    """Run an embedded PostgreSQL; yield its DSN and its process id."""
    # Not below a directory that the account of PostgreSQL cannot enter.
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        pid = (Path(directory) / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        yield dsn, int(pid)


@contextmanager
def duly(size: Size, workers: int = WORKERS) -> Iterator[System]:
    """Duly, with its default settings except for limits that the load would exceed."""
    with postgres() as (dsn, database):
        migrations.upgrade(dsn)
        settings = {
            "DULY_BCRYPT_COST": BCRYPT_COST,
            "DULY_ACCESS_TOKEN_MINUTES": "60",
            "DULY_TRUSTED_PROXIES": "",
        }
        with live(dsn, workers, **settings) as server:
            port = int(server.url.rpartition(":")[2])
            system = System("duly", "Duly", port, server.process.pid, database)
            system.log, system.dsn = server.log, dsn
            system.take(_filled(DulyApi(), port, size))
            _analyze(dsn)
            yield system


@contextmanager
def plain(directory: Path, size: Size) -> Iterator[System]:
    """The plain application, on the same server as Duly."""
    with postgres() as (dsn, database):
        variables = {"PLAIN_DATABASE_URL": dsn, "PLAIN_BCRYPT_COST": BCRYPT_COST}
        subprocess.run(
            [sys.executable, "-m", "bench.plain_app"],
            cwd=BACKEND,
            env={**os.environ, **variables},
            check=True,
        )
        log = directory / "plain.log"
        with granian("bench.plain_app:app", log, "/health", **variables) as (port, pid):
            system = System("plain", "FastAPI + SQLModel", port, pid, database, log=log)
            with Client(port) as client:
                people = scenarios.register(PlainApi(), client, size)
                _insert(dsn, [*people.readers, *people.quiet], size.tasks)
                system.take(scenarios.requests_of(PlainApi(), client, people))
            _analyze(dsn)
            yield system


@contextmanager
def floor(directory: Path, sizes: Mapping[str, int]) -> Iterator[System]:
    """The same server without an application. Its responses have the sizes of Duly's."""
    log = directory / "floor.log"
    with granian("bench.floor_app:app", log, "/1") as (port, pid):
        system = System("floor", "constant bytes", port, pid, log=log)
        system.take({name: [Request("GET", f"/{sizes[name]}")] for name in ("get", "list")})
        yield system


@contextmanager
def pocketbase(directory: Path, size: Size, program: Path) -> Iterator[System]:
    """PocketBase, with its default settings except for limits, logs, and the cost of passwords."""
    data, log, port = directory / "pocketbase", directory / "pocketbase.log", free_port()
    root = ("root@example.com", "correct horse battery 7")
    # In a temporary directory, it would take itself for `go run` and print every statement.
    base: list[str | Path] = [program, "--dev=false", "--dir", data]
    subprocess.run([*base, "superuser", "upsert", *root], check=True, capture_output=True)
    command = [*base, "serve", "--http", f"127.0.0.1:{port}"]
    with running(command, log, directory) as pid:
        with Client(port) as client:
            client.wait("/api/health")
            _configure(client, root)
        system = System("pocketbase", "PocketBase", port, pid, log=log)
        system.take(_filled(PocketBaseApi(), port, size))
        with closing(sqlite3.connect(data / "data.db", timeout=30)) as connection:
            connection.execute("ANALYZE")
        yield system


@contextmanager
def granian(target: str, log: Path, health: str, **variables: str) -> Iterator[tuple[int, int]]:
    """Run an ASGI application with the options of Duly's server; yield its port and process id."""
    port = free_port()
    command: list[str | Path] = [Path(sys.executable).with_name("granian"), target]
    options = {"interface": "asginl", "loop": "uvloop", "http": "1", "workers": str(WORKERS)}
    options |= {"host": "127.0.0.1", "port": str(port), "backlog": "2048", "log-level": "warning"}
    for name, value in options.items():
        command += [f"--{name}", value]
    with running(command, log, BACKEND, **variables) as pid:
        with Client(port) as client:
            client.wait(health)
        yield port, pid


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(name: str) -> str | None:
    """Return the path of a program, also where Go and PostgreSQL are usually installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/go/bin")


def _filled(api: Api, port: int, size: Size) -> dict[str, list[Request]]:
    with Client(port) as client:
        people = scenarios.register(api, client, size)
        scenarios.fill(api, client, people, size)
        return scenarios.requests_of(api, client, people)


def _insert(dsn: str, people: Sequence[Person], count: int) -> None:
    """Insert the tasks of the plain application, which has no batches."""
    copy = "COPY task (id, user_id, title, description, is_completed, created_at, updated_at, version) FROM STDIN"
    with psycopg.connect(dsn) as connection, connection.cursor().copy(copy) as rows:
        for person in people:
            for number in range(count):
                task, task_id = new_task(number), new_id()
                time = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
                rows.write_row((task_id, person.id, *task.values(), time, time, 1))
                person.tasks.append(str(task_id))


def _analyze(dsn: str) -> None:
    """Do what autovacuum would do a minute later, in the middle of a measurement."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _configure(client: Client, root: tuple[str, str]) -> None:
    """Create the collection of tasks, with rules that show each user's own."""
    credentials = {"identity": root[0], "password": root[1]}
    path = "/api/collections/_superusers/auth-with-password"
    token = client.send(Request("POST", path, body=credentials)).json()["token"]
    settings = {
        "logs": {"maxDays": 0},
        "rateLimits": {"enabled": False},
        "batch": {"enabled": True, "maxRequests": 100, "timeout": 10},
    }
    client.send(Request("PATCH", "/api/settings", token, settings))
    users = client.send(Request("GET", "/api/collections/users", token)).json()
    for one in users["fields"]:
        if one["name"] == "password":
            one["cost"] = int(BCRYPT_COST)
    client.send(Request("PATCH", "/api/collections/users", token, {"fields": users["fields"]}))
    mine = "@request.auth.id != '' && user = @request.auth.id"
    owner = {"collectionId": users["id"], "required": True, "maxSelect": 1, "cascadeDelete": True}
    collection = {
        "name": "tasks",
        "type": "base",
        **{f"{verb}Rule": mine for verb in ("list", "view", "create", "update", "delete")},
        "fields": [
            {"name": "title", "type": "text", "required": True, "max": 255},
            {"name": "description", "type": "text", "max": 20_000},
            {"name": "is_completed", "type": "bool"},
            {"name": "user", "type": "relation", **owner},
            {"name": "created", "type": "autodate", "onCreate": True},
            {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
        ],
        "indexes": ["CREATE INDEX idx_tasks_user_created ON tasks (user, created)"],
    }
    client.send(Request("POST", "/api/collections", token, collection))
