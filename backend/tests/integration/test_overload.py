"""An overloaded server refuses requests that need the database, and says so."""

import io
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from duly.core.config import Settings
from duly.database import connections
from tests.support.accounts import Account, error_code, register
from tests.support.instances import captured_logs, running

ORIGIN = "https://app.example"


@pytest.fixture
def logs(settings: Settings) -> Iterator[io.StringIO]:
    with captured_logs(settings) as stream:
        yield stream


@pytest.fixture
async def client(
    settings: Settings,
    address: str,
    logs: io.StringIO,  # noqa: ARG001  # its block must be around the instance
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an instance that logs each request, and that a page may call."""
    own = settings.model_copy(update={"cors_origins": (ORIGIN,), "log_level": "info"})
    async with running(own, address) as client:
        yield client


@pytest.fixture
async def alice(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A user of an instance that is then overloaded."""
    account = await register(client)
    context = client._transport.app.state.context  # type: ignore[attr-defined]
    monkeypatch.setattr(connections, "_MAX_WAITING", 0)  # no request can begin
    context.pool.connections.line.is_too_long = True  # nor wait
    return account


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_a_request_without_a_body_is_refused_at_once(alice: Account, method: str) -> None:
    path = "/api/v1/tasks/01900000-0000-7000-8000-000000000000"

    response = await alice.client.request(method, path, headers=alice.headers)

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def chunks() -> AsyncIterator[bytes]:
    yield b'{"title": "A"}'


async def test_refusals_of_both_layers_are_the_same(alice: Account) -> None:
    json_type = {**alice.headers, "Content-Type": "application/json"}
    late = await alice.client.post("/api/v1/tasks", headers=json_type, content=chunks())

    for early in (
        await alice.client.get("/api/v1/tasks", headers=alice.headers),
        await alice.client.post("/api/v1/tasks", headers=json_type, content=b'{"title": "A"}'),
    ):
        assert error_code(early) == "SERVICE_UNAVAILABLE"
        assert early.content == late.content
        assert {*early.headers} == {*late.headers}


async def test_a_refusal_repeats_the_id_of_its_request(alice: Account) -> None:
    headers = {**alice.headers, "X-Request-ID": "from-the-app-7"}

    response = await alice.client.get("/api/v1/tasks", headers=headers)

    assert response.headers["X-Request-ID"] == "from-the-app-7"


async def test_a_page_of_another_origin_can_read_a_refusal(alice: Account) -> None:
    headers = {**alice.headers, "Origin": ORIGIN}

    response = await alice.client.get("/api/v1/tasks", headers=headers)

    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_refusals_are_logged_together(alice: Account, logs: io.StringIO) -> None:
    logs.truncate(0)
    logs.seek(0)

    for _ in range(5):
        await alice.client.post("/api/v1/tasks", headers=alice.headers, json={"title": "A"})

    events = [json.loads(line)["event"] for line in logs.getvalue().splitlines()]
    assert set(events) == {"requests.refused"}
    assert len(events) < 5


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health/live", 200), ("/api/v1/missing", 404), ("/api/v1/tasks/a/b/c", 404)],
)
async def test_what_needs_no_database_is_served(alice: Account, path: str, status: int) -> None:
    response = await alice.client.get(path)

    assert response.status_code == status
