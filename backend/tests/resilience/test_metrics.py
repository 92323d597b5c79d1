"""The metrics of `duly serve`: right for all workers together, also after some of them have died."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from tests.support.accounts import API
from tests.support.command_line import duly
from tests.support.programs import run, until
from tests.support.scraping import Scraped, samples, scraped, scraped_embedded
from tests.support.servers import SECRET, free_port

PROMTOOL = shutil.which("promtool")
SHARED_MEMORY = Path("/dev/shm")


def directories() -> set[Path]:
    return set(SHARED_MEMORY.glob("duly-metrics-*"))


Person = tuple[httpx.Client, dict[str, str]]
"""A client with the token of a new user, and the user's credentials."""


def have_ended(workers: list[psutil.Process]) -> bool:
    return not any(worker.is_running() for worker in workers)


@contextmanager
def signed_up(scraped: Scraped) -> Iterator[Person]:
    """A new user, for the block."""
    credentials = {"email": f"{uuid4().hex}@example.com", "password": "a long pass phrase"}
    with httpx.Client(base_url=scraped.server.url + API, timeout=30) as client:
        answer = client.post("/auth/register", json=credentials)
        assert answer.status_code == 201
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client, credentials


@pytest.fixture(scope="module")
def running(dsn: str) -> Iterator[Scraped]:
    """A server whose limits are easily reached."""
    limits = {
        "DULY_MAX_LABELS": "1",
        "DULY_LOGIN_ACCOUNT_LIMIT": "1/hour",
        "DULY_MAX_STREAMS": "1",
    }
    with scraped(dsn, workers=2, **limits) as found:
        yield found


@pytest.fixture
def person(running: Scraped) -> Iterator[Person]:
    with signed_up(running) as found:
        yield found


def difference(scraped: Scraped, name: str, **labels: str) -> Any:
    """A function that waits until a value has grown by as much as it is given."""
    before = scraped.value(name, **labels) or 0

    def grows_by(amount: float) -> None:
        until(lambda: (scraped.value(name, **labels) or 0) >= before + amount)
        assert scraped.value(name, **labels) == before + amount

    return grows_by


def test_requests_of_all_workers_are_counted_by_route_method_and_status(
    running: Scraped, person: Person
) -> None:
    client, _ = person
    route = {"route": f"{API}/tasks/{{task_id}}", "method": "GET"}
    found = difference(running, "duly_requests_total", **route, status="200")
    missing = difference(running, "duly_requests_total", **route, status="404")
    timed = difference(running, "duly_request_duration_seconds_count", **route)
    task = client.post("/tasks", json={"title": "milk"}).json()

    for _ in range(20):
        # A connection of its own each time, so that both workers get some.
        with httpx.Client(headers=client.headers, timeout=30) as other:
            assert other.get(f"{running.server.url}{API}/tasks/{task['id']}").is_success
    client.get(f"/tasks/{uuid4()}")

    found(20)
    missing(1)
    timed(21)
    assert task["id"] not in running.text


def test_paths_and_methods_that_clients_invent_create_no_series(running: Scraped) -> None:
    unknown = difference(running, "duly_requests_total", route="none", method="GET", status="404")
    other = difference(running, "duly_requests_total", method="other")

    for number in range(3):
        httpx.get(f"{running.server.url}/invented/{number}")
        httpx.request(f"INVENTED{number}", f"{running.server.url}/invented")

    unknown(3)
    other(3)
    assert "invented" not in running.text.lower()


def test_sign_ins_are_counted_by_result(running: Scraped, person: Person) -> None:
    client, credentials = person
    ways = {
        result: difference(running, "duly_sign_ins_total", way="password", result=result)
        for result in ("success", "rejected", "throttled")
    }
    throttled = difference(running, "duly_throttled_requests_total", limit="sign_ins")
    wrong = {**credentials, "password": "another pass phrase"}

    assert client.post("/auth/login", json=credentials).status_code == 200
    # The workers count by themselves here, so all go to one of them.
    statuses = [client.post("/auth/login", json=wrong).status_code for _ in range(3)]

    assert statuses == [401, 429, 429]
    ways["success"](1)
    ways["rejected"](1)
    ways["throttled"](2)
    throttled(2)


def test_quotas_that_are_reached_are_counted_in_batches_too(
    running: Scraped, person: Person
) -> None:
    client, _ = person
    hits = difference(running, "duly_quota_hits_total", resource="labels")
    operations = [{"op": "create", "type": "label", "data": {"name": f"l{n}"}} for n in range(3)]

    assert client.post("/labels", json={"name": "one"}).status_code == 201
    assert client.post("/labels", json={"name": "two"}).status_code == 403
    batch = client.post("/batch", json={"operations": operations})

    assert [one["status"] for one in batch.json()["results"]] == [403] * 3
    hits(4)


def test_sync_pages_are_counted_and_first_ones_apart(running: Scraped, person: Person) -> None:
    client, _ = person
    first = difference(running, "duly_sync_pages_total", kind="first")
    following = difference(running, "duly_sync_pages_total", kind="next")

    token = client.get("/sync").json()["token"]
    for _ in range(2):
        assert client.get("/sync", params={"token": token}).is_success
    assert client.get("/sync", params={"token": "no-token"}).status_code == 400

    first(1)
    following(2)


def test_open_streams_are_counted_while_they_are_open(running: Scraped, person: Person) -> None:
    client, _ = person
    limited = difference(running, "duly_throttled_requests_total", limit="streams")
    assert running.value("duly_open_streams") == 0

    with client.stream("GET", "/events") as stream:
        assert stream.status_code == 200
        running.comes_to(1, "duly_open_streams")
        # Over another connection, which the other worker may get.
        statuses = [
            httpx.get(f"{running.server.url}{API}/users/me", headers=client.headers).status_code
            for _ in range(3)
        ]
    running.comes_to(0, "duly_open_streams")

    assert statuses == [200] * 3
    limited(0)
    # A stream lasts for as long as its client wants, which says nothing about the service.
    assert running.value("duly_requests_total", route=f"{API}/events") == 1
    assert running.value("duly_request_duration_seconds_count", route=f"{API}/events") is None


def test_late_statements_and_connections_in_use_are_counted(
    running: Scraped, person: Person, dsn: str
) -> None:
    client, credentials = person
    late = difference(running, "duly_database_timeouts_total", kind="statement")
    update = "UPDATE users SET name = 'held' WHERE email = %s"

    with psycopg.connect(dsn) as holder:
        assert holder.execute(update, [credentials["email"]]).rowcount == 1
        assert client.post("/tasks", json={"title": "late"}).status_code == 503

    late(1)
    in_use = running.value("duly_pool_connections", state="in_use")
    idle = running.value("duly_pool_connections", state="idle")
    assert in_use is not None
    assert idle is not None
    assert 0 < in_use + idle <= (running.value("duly_pool_capacity") or 0) == 20


@pytest.mark.slow
def test_requests_that_wait_for_a_connection_are_counted(dsn: str) -> None:
    with (
        scraped(dsn, workers=1, DULY_POOL_SIZE="1") as one,
        signed_up(one) as (client, credentials),
        psycopg.connect(dsn) as holder,
    ):
        update = "UPDATE users SET name = 'held' WHERE email = %s"
        assert holder.execute(update, [credentials["email"]]).rowcount == 1
        login = {"email": credentials["email"], "password": "a long pass phrase"}
        with httpx.Client(timeout=30) as other, ThreadPoolExecutor() as threads:
            held = threads.submit(client.post, "/tasks", json={"title": "milk"})
            one.comes_to(1, "duly_pool_connections", state="in_use")
            waiting = threads.submit(other.post, f"{one.server.url}{API}/auth/login", json=login)
            one.comes_to(1, "duly_pool_waiting_requests")
            assert held.result().status_code == 503
            assert waiting.result().status_code in {200, 503}
        one.comes_to(0, "duly_pool_waiting_requests")


def test_build_and_workers_are_described(running: Scraped) -> None:
    build = {
        "version": version("duly"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
    }

    assert running.value("duly_build_info", **build) == 1
    assert running.value("duly_workers") == running.value("duly_configured_workers") == 2
    started = running.value("duly_start_time_seconds")
    assert started is not None
    assert time.time() - 600 < started < time.time()


@pytest.mark.slow
def test_last_backup_and_disk_of_an_embedded_database_are_described(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    def value(name: str) -> float:
        [found] = [one for other, _, one in samples(httpx.get(url).text) if other == name]
        return found

    with scraped_embedded(data_dir) as url:
        assert value("duly_last_backup_timestamp_seconds") == 0
        disk = shutil.disk_usage(data_dir)
        assert value("duly_data_disk_size_bytes") == disk.total
        assert value("duly_data_disk_free_bytes") == pytest.approx(disk.free, rel=0.2)

        assert run("backup", str(tmp_path / "backup"), data_dir=data_dir).returncode == 0

        at = json.loads((data_dir / "last_backup.json").read_text())["at"]
        expected = datetime.fromisoformat(at).timestamp()
        assert value("duly_last_backup_timestamp_seconds") == expected


def test_external_database_has_no_metrics_of_an_embedded_one(running: Scraped) -> None:
    assert running.value("duly_last_backup_timestamp_seconds") is None
    assert "duly_data_disk" not in running.text


def test_metrics_are_not_on_the_port_of_the_api(running: Scraped) -> None:
    assert httpx.get(f"{running.server.url}/metrics").status_code == 404


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_metrics_are_as_prometheus_wants_them(running: Scraped) -> None:
    assert PROMTOOL is not None
    check = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=running.text,
        text=True,
        capture_output=True,
        check=False,
    )

    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


@pytest.mark.slow
def test_counters_go_on_after_workers_were_killed_and_replaced(dsn: str) -> None:
    before = directories()
    with scraped(dsn, workers=2) as one, signed_up(one) as (client, _):
        [directory] = directories() - before
        total = {"route": f"{API}/users/me", "status": "200"}
        for round_number in range(1, 4):
            for _ in range(10):
                with httpx.Client(headers=client.headers, timeout=30) as other:
                    assert other.get(f"{one.server.url}{API}/users/me").is_success
            one.comes_to(10 * round_number, "duly_requests_total", **total)
            old = one.server.workers
            for worker in old:
                worker.kill()
            until(partial(have_ended, old))
            until(lambda: len(one.server.workers) == 2)
            one.comes_to(20, "duly_pool_capacity")
            one.comes_to(2 * round_number, "duly_worker_deaths_total")
            assert one.value("duly_requests_total", **total) == 10 * round_number
            assert (
                one.value("duly_request_duration_seconds_count", route=total["route"])
                == 10 * round_number
            )

        alive = {str(worker.pid) for worker in one.server.workers}
        owners = {file.stem.rpartition("_")[2] for file in directory.glob("*.db")}
        assert owners - {"0", str(one.server.process.pid)} <= alive
        assert one.server.stop() == 0
    assert not directory.exists()


@pytest.mark.slow
def test_counters_go_on_after_workers_were_replaced_in_order(dsn: str) -> None:
    with scraped(dsn, workers=2) as one, signed_up(one) as (client, _):
        assert client.get("/users/me").is_success
        one.comes_to(1, "duly_requests_total", route=f"{API}/users/me")
        client.close()
        old = one.server.workers

        one.server.process.send_signal(signal.SIGHUP)
        until(partial(have_ended, old))

        one.comes_to(20, "duly_pool_capacity")
        assert one.value("duly_requests_total", route=f"{API}/users/me") == 1
        assert one.value("duly_worker_deaths_total") == 0


@pytest.mark.slow
def test_port_is_free_as_soon_as_the_supervisor_is_killed(dsn: str) -> None:
    with scraped(dsn, workers=2) as one:
        workers = one.server.workers
        for worker in workers:
            worker.suspend()
        one.server.process.kill()
        one.server.process.wait()
        try:
            address = httpx.URL(one.url)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address.host, address.port or 0), timeout=5)
        finally:
            for worker in workers:
                worker.kill()


@pytest.mark.slow
def test_client_that_sends_nothing_is_disconnected(running: Scraped) -> None:
    address = httpx.URL(running.url)
    with socket.create_connection((address.host, address.port or 0)) as silent:
        assert running.value("duly_workers") == 2
        silent.settimeout(15)
        assert silent.recv(1) == b""


@pytest.mark.slow
def test_library_is_not_loaded_without_a_port() -> None:
    code = (
        "import sys, duly.cli\n"
        "from duly.core.config import Settings\n"
        "from duly.workers import Loader, Pipes\n"
        "Loader(Settings(), Pipes()).prepare()\n"
        "print('prometheus_client' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )

    assert done.stdout == "False\n"


@pytest.fixture
def refused(clean_environment: pytest.MonkeyPatch, dsn: str) -> pytest.MonkeyPatch:
    """The environment of a server that would start."""
    clean_environment.setenv("DATABASE_URL", dsn)
    clean_environment.setenv("DULY_SECRET_KEY", SECRET)
    clean_environment.setenv("DULY_PORT", str(free_port()))
    return clean_environment


def test_port_that_is_taken_is_refused(refused: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused.setenv("DULY_METRICS_PORT", port)

        assert (
            f"DULY_METRICS_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
            in duly("serve").line
        )


def test_port_of_the_api_is_refused(refused: pytest.MonkeyPatch) -> None:
    refused.setenv("DULY_PORT", "8123")
    refused.setenv("DULY_METRICS_PORT", "8123")

    assert "DULY_METRICS_PORT: must differ from DULY_PORT" in duly("serve").line


def test_unknown_host_is_refused(refused: pytest.MonkeyPatch) -> None:
    refused.setenv("DULY_METRICS_PORT", str(free_port()))
    refused.setenv("DULY_METRICS_HOST", "no such host")

    assert "DULY_METRICS_HOST: cannot listen on no such host" in duly("serve").line


def test_invalid_port_is_refused(refused: pytest.MonkeyPatch) -> None:
    refused.setenv("DULY_METRICS_PORT", "70000")

    line = duly("serve").line
    assert "DULY_METRICS_PORT: must be a whole number from 1 to 65535" in line
