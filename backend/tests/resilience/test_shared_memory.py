"""Workers share the memory of the application: it is built before they are forked, and small."""

import gc
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from duly import server, workers
from duly.core.config import Settings
from tests.support.programs import PATIENCE, free_port
from tests.support.servers import SECRET

RARELY_USED = ["alembic", "mako", "redis", "yaml", "zxcvbn"]

REQUESTS = """
import asyncio, gc, json, sys
from uuid import uuid4

import httpx

import duly.cli
from duly.core.config import load_settings
from duly.database import migrations
from duly.runtime.context import dsn_of
from duly.workers import Loader, Pipes

API = "http://duly.test/api/v1"


async def use(app):
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        user = {"email": f"{uuid4()}@example.com", "password": "a long pass phrase"}
        tokens = (await client.post(f"{API}/auth/register", json=user)).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        await client.post(f"{API}/tasks", json={"title": "Buy milk"})
        page = await client.get(f"{API}/tasks?q=milk")
        return [task["title"] for task in page.json()["items"]]


settings = load_settings()
migrations.upgrade(dsn_of(settings))
loader = Loader(settings, Pipes())
loader.prepare()
shared = set(sys.modules)
frozen = gc.get_freeze_count()
titles = asyncio.run(use(loader()))
later = set(sys.modules) - shared
print(json.dumps({"shared": [*shared], "later": [*later], "frozen": frozen, "titles": titles}))
"""

SPAWNED = """
import multiprocessing

from duly import server
from duly.core.config import load_settings

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    server.serve(load_settings())
"""


def environment(dsn: str, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DULY_")}
    own = {"DATABASE_URL": dsn, "DULY_SECRET_KEY": SECRET, "DULY_BCRYPT_COST": "4"}
    return {**kept, **own, "DULY_LOG_LEVEL": "warning", **settings}


@pytest.fixture(scope="module")
def modules(dsn: str) -> Any:
    """The modules that a serving process imports before the fork, and those that it does later."""
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS],
        env=environment(dsn),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    found = json.loads(done.stdout)
    assert found["titles"] == ["Buy milk"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", RARELY_USED)
def test_rarely_used_package_is_not_imported_to_serve(modules: Any, name: str) -> None:
    assert name not in {*modules["shared"], *modules["later"]}


@pytest.mark.slow
def test_nothing_is_left_to_import_after_the_fork(modules: Any) -> None:
    assert modules["later"] == []


def test_garbage_collector_does_not_scan_what_workers_share(modules: Any) -> None:
    assert modules["frozen"] > 100_000


class Granian:
    """Keeps the loader that a server would be started with."""

    def serve(self, _: Any, target_loader: workers.Loader, wrap_loader: bool) -> None:
        assert not wrap_loader
        self.loader = target_loader


@pytest.mark.parametrize(
    ("start_method", "is_built"), [("fork", True), ("forkserver", True), ("spawn", False)]
)
def test_application_is_built_before_workers_that_are_forked(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    start_method: str,
    is_built: bool,
) -> None:
    granian, chosen = Granian(), [start_method]
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: chosen[-1])
    monkeypatch.setattr(
        multiprocessing, "set_start_method", lambda method, **_: chosen.append(method)
    )
    monkeypatch.setattr(server, "_granian", lambda *_: granian)
    monkeypatch.setattr(server, "_announce", lambda _: None)
    monkeypatch.setattr(gc, "freeze", lambda: None)  # these objects end with the test
    # `anyio.run` is refused where tests that wait are run.
    monkeypatch.setattr(workers.Loader, "_build", lambda _: FastAPI())

    server.serve(settings.model_copy(update={"port": int(free_port())}))

    assert (granian.loader._app is not None) is is_built


@pytest.mark.slow
def test_server_whose_workers_are_spawned_serves(dsn: str, tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED)
    port = free_port()
    settings = environment(dsn, DULY_PORT=port, DULY_WORKERS="1")
    with subprocess.Popen(
        [sys.executable, script], env=settings, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().split()[-1] == f"http://127.0.0.1:{port}"
            response = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=PATIENCE)
        finally:
            process.terminate()
            process.wait(PATIENCE)

    assert response.is_success
    assert process.returncode == 0
