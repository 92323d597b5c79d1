"""One embedded PostgreSQL for the whole run, the application as it ships, and users to use it."""

import gc
import os
import random
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core import one_time_codes
from duly.core.config import Settings, load_settings
from duly.database import embedded, migrations
from duly.database.distribution import distribute
from duly.main import create_app
from tests.support import launcher
from tests.support.accounts import Account, register
from tests.support.databases import do_without_fsync
from tests.support.instances import client_at
from tests.support.pooler import pooled
from tests.support.second_factors import Clock

gc.disable()  # until all tests are collected

_DSN = "DULY_TEST_DSN"
_CLUSTER = "DULY_TEST_CLUSTER"
_ROOM = 4 * 2**30
_stack = ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the long runs; without them, tests run in their short form."""
    group = parser.getgroup("duly", "the length of long runs")
    group.addoption("--clients", type=int, help="that hang up mid-query")
    group.addoption("--histories", type=int, help="of three devices, while workers are killed")
    group.addoption("--pairs", type=int, help="of random tasks and a random filter")
    group.addoption("--rounds", type=int, help="of races")
    group.addoption("--rules", type=int, help="of recurrence, drawn at random")
    group.addoption("--seconds", type=float, help="after which no history is begun")
    group.addoption("--seed", type=int, help="of what is drawn at random")
    group.addoption("--share", type=float, help="of the hostile inputs")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the database once, before the workers, which find it through the environment."""
    if _DSN in os.environ or config.option.collectonly:
        return
    if cluster := os.environ.get(_CLUSTER):
        migrations.upgrade(cluster)
        for _ in distribute(cluster):
            pass
        os.environ[_DSN] = cluster
        return
    if config.option.basetemp is None:
        # By default it is below a directory that pytest makes private again in each run.
        temporary = Path(tempfile.mkdtemp(prefix="duly-", dir=_memory()))
        temporary.chmod(0o711)
        _stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        config.option.basetemp = temporary / "tests"
    data_dir = Path(tempfile.mkdtemp(prefix="duly-test-", dir=_memory()))
    _stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
    dsn = _stack.enter_context(embedded.running(data_dir))
    do_without_fsync(dsn)
    migrations.upgrade(dsn)
    os.environ[_DSN] = dsn
    _stack.callback(os.environ.pop, _DSN)
    # No test needs a certificate, and each client of httpx would load 150 of them for 18 ms. A
    # directory is searched only when it connects with TLS.
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = str(data_dir)
    os.environ["HYPOTHESIS_NO_PLUGINS"] = "1"  # or each process imports Trio
    # Coverage traces only what it sees started; elsewhere than on Linux, a fork is not safe.
    if sys.platform == "linux" and not getattr(config.option, "cov_source", None):
        _stack.enter_context(launcher.launching())


def _memory() -> Path | None:
    """A directory in memory, if there is room: tests create some hundred databases."""
    place = Path("/dev/shm")
    has_room = place.is_dir() and shutil.disk_usage(place).free >= _ROOM
    return place if has_room and os.access(place, os.W_OK) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that mostly wait among those that compute, so that both run at all times.

    None of them is among the last, which would then be waited for.
    """
    if _CLUSTER in os.environ:  # other tests migrate, stop or copy databases of their own
        items[:] = [item for item in items if "app" in getattr(item, "fixturenames", ())]
    files = dict.fromkeys(item.path for item in items)
    waiting = [path for path in files if path.parent.name == "resilience"]
    computing = [path for path in files if path.parent.name != "resilience"]
    place = {path: number / len(computing) for number, path in enumerate(computing)}
    place |= {path: 0.8 * number / len(waiting) for number, path in enumerate(waiting)}
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from what the tests are made of, which is never garbage."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    if "hypothesis" not in sys.modules:
        gc.unfreeze()  # it looks at what refers to what, and is imported now at the latest


def pytest_unconfigure() -> None:
    launcher.close()
    _stack.close()


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Directories that PostgreSQL's account can pass through if root runs the tests."""
    make = tmp_path_factory.mktemp

    def make_passable(basename: str, numbered: bool = True) -> Path:
        path = make(basename, numbered)
        path.chmod(0o711)
        return path

    base = tmp_path_factory.getbasetemp()
    for directory in (base, base.parent):  # the parent is that of all pytest workers
        directory.chmod(0o711)
    tmp_path_factory.mktemp = make_passable  # type: ignore[method-assign]
    return tmp_path_factory


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def dsn() -> str:
    return os.environ[_DSN]


@pytest.fixture(scope="session")
def settings(dsn: str) -> Settings:
    """The defaults, save for what only costs time."""
    return load_settings(
        database_url=dsn,
        secret_key=secrets.token_hex(32),
        bcrypt_cost=4,
        pool_size=5,
        log_format="json",
        web_app="off",  # whether it was built or not
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
def run_seed(pytestconfig: pytest.Config) -> int:
    """The seed of what a test draws at random."""
    given: int | None = pytestconfig.getoption("seed")
    return random.randrange(2**32) if given is None else given


@pytest.fixture
def address() -> str:
    """An address of the test's own, so that it spends nobody else's budget."""
    return str(random.choice(["10", "172", "192"])) + ".".join(
        ["", *(str(random.randrange(256)) for _ in range(3))]
    )


@pytest.fixture
async def client(app: FastAPI, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is not signed in."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        yield client


@pytest.fixture
async def alice(client: httpx.AsyncClient) -> Account:
    return await register(client)


@pytest.fixture
async def bob(client: httpx.AsyncClient) -> Account:
    return await register(client)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which codes of authenticator apps are checked."""
    clock = Clock()
    monkeypatch.setattr(one_time_codes, "now", lambda: clock.seconds)
    return clock


@pytest.fixture(scope="session")
def through_pooler(dsn: str) -> Iterator[str]:
    """The database through PgBouncer in transaction mode."""
    with pooled(dsn) as through:
        yield through


@pytest.fixture(scope="session", params=["direct", "pooled"])
async def instances(
    request: pytest.FixtureRequest, settings: Settings, dsn: str
) -> AsyncIterator[tuple[FastAPI, FastAPI]]:
    """Two instances on one database, as two workers are; also with a pooler before it."""
    place = dsn if request.param == "direct" else request.getfixturevalue("through_pooler")
    changes = {"database_url": SecretStr(place), "rate_limit": "off"}
    one, other = (create_app(settings.model_copy(update=changes)) for _ in range(2))
    async with one.router.lifespan_context(one), other.router.lifespan_context(other):
        yield one, other


@pytest.fixture
async def pair(
    instances: tuple[FastAPI, FastAPI], address: str
) -> AsyncIterator[tuple[Account, Account]]:
    """One user, who reaches either instance."""
    one, other = instances
    async with client_at(one, address) as here, client_at(other, address) as there:
        account = await register(here)
        yield account, replace(account, client=there)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of Duly is set."""
    for name in list(os.environ):
        if name.startswith(("DULY_", "DATABASE_")):
            monkeypatch.delenv(name)
    return monkeypatch
