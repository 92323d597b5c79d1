"""The traces of `duly serve`, as a collector receives them, and the service without a collector."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.support.accounts import API
from tests.support.collector import Collector, Span, collecting
from tests.support.issuers import Issuer, bearer, issuing, table, write_issuers
from tests.support.postbox import Postbox, postbox
from tests.support.programs import until
from tests.support.servers import Server, free_port, serving

SECRET_TITLE = "a-title-that-nobody-else-may-see"
TASK = f"{API}/tasks/{{task_id}}"


@contextmanager
def traced(dsn: str, url: str, workers: int = 2, **settings: str) -> Iterator[Server]:
    """A server that sends its spans at once."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "DULY_LOG_LEVEL": "info",
        "DULY_LOG_FORMAT": "json",
    }
    with serving(dsn, workers=workers, **{**variables, **settings}) as server:
        yield server


@contextmanager
def signed_up(server: Server) -> Iterator[tuple[httpx.Client, str]]:
    """A client with the token of a new user, and the user's address."""
    email = f"{uuid4().hex}@example.com"
    body = {"email": email, "password": "a long pass phrase"}
    with httpx.Client(base_url=server.url + API, timeout=30) as client:
        response = client.post("/auth/register", json=body)
        assert response.status_code == 201
        client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        yield client, email


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def letters() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture(scope="module")
def server(
    dsn: str,
    collector: Collector,
    issuer: Issuer,
    letters: Postbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    file = write_issuers(tmp_path_factory.mktemp("issuers") / "issuers.toml", table(issuer))
    mail = {
        "DULY_SMTP_URL": f"smtp://127.0.0.1:{letters.port}",
        "DULY_MAIL_FROM": "duly@example.com",
        "DULY_PUBLIC_URL": "https://duly.example.com",
    }
    with traced(dsn, collector.url, workers=2, DULY_ISSUERS=str(file), **mail) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with signed_up(server) as (client, _):
        yield client


def new_trace() -> str:
    return uuid4().hex


def traceparent(trace_id: str, *, is_sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-0{int(is_sampled)}"}


def trace_of(collector: Collector, trace_id: str, size: int) -> list[Span]:
    """The spans of a trace, the request's first, once that and as many have arrived."""

    def found() -> list[Span]:
        return [span for span in collector.spans if span.trace_id == trace_id]

    until(lambda: len(found()) >= size and any(span.kind == "SERVER" for span in found()))
    return sorted(found(), key=lambda span: span.kind != "SERVER")


def test_request_continues_the_trace_of_its_client_and_has_its_statement_below(
    client: httpx.Client, collector: Collector
) -> None:
    task = client.post("/tasks", json={"title": SECRET_TITLE}).json()
    trace_id = new_trace()

    client.get(f"/tasks/{task['id']}", headers=traceparent(trace_id))

    request, statement = trace_of(collector, trace_id, 2)
    assert (request.name, request.kind) == (f"GET {TASK}", "SERVER")
    assert request.parent_id == "00f067aa0ba902b7"
    assert request.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": TASK,
        "http.response.status_code": 200,
    }
    assert (statement.name, statement.kind) == ("SELECT tasks", "CLIENT")
    assert statement.parent_id == request.span_id
    assert statement.attributes == {
        "db.system.name": "postgresql",
        "db.query.summary": "SELECT tasks",
    }


def test_write_names_the_tables_that_it_changes(
    client: httpx.Client, collector: Collector
) -> None:
    trace_id = new_trace()

    client.post("/tasks", json={"title": SECRET_TITLE}, headers=traceparent(trace_id))

    _, statement = trace_of(collector, trace_id, 2)
    assert statement.name == "UPDATE users INSERT tasks"


def test_transaction_shows_each_exchange_with_the_database(
    client: httpx.Client, collector: Collector
) -> None:
    trace_id = new_trace()
    create = {"op": "create", "type": "task", "data": {"title": SECRET_TITLE}}
    batch = {"atomic": True, "operations": [create, create]}

    assert client.post("/batch", json=batch, headers=traceparent(trace_id)).is_success

    request, *statements = trace_of(collector, trace_id, 4)
    names = [statement.name for statement in statements]
    assert {"BEGIN", "COMMIT"} < set(names)
    assert {statement.parent_id for statement in statements} == {request.span_id}


def test_lines_of_the_log_have_the_trace(client: httpx.Client, server: Server) -> None:
    trace_id = new_trace()

    client.get("/users/me", headers=traceparent(trace_id))

    def found() -> list[dict[str, str]]:
        lines = [line for line in server.log.read_text().splitlines() if trace_id in line]
        return [json.loads(line) for line in lines if line.endswith("}")]

    [line] = until(found)  # it is written after the response
    assert (line["event"], line["route"]) == ("request", f"{API}/users/me")
    assert line["trace_id"] == trace_id


def test_request_that_its_client_does_not_sample_is_not_exported(
    client: httpx.Client, collector: Collector
) -> None:
    silent, loud = new_trace(), new_trace()

    client.get("/users/me", headers=traceparent(silent, is_sampled=False))
    # Over the same connection, so by the same worker, which exports in order.
    client.get("/users/me", headers=traceparent(loud))

    trace_of(collector, loud, 2)
    assert not [span for span in collector.spans if span.trace_id == silent]


def test_invalid_traceparent_begins_a_new_trace(
    client: httpx.Client, collector: Collector
) -> None:
    client.delete("/lists/none", headers={"traceparent": "00-zz-yy-01"})

    [span] = until(lambda: collector.named(f"DELETE {API}/lists/{{list_id}}"))
    assert span.parent_id == ""


def test_unknown_path_and_method_are_not_named(server: Server, collector: Collector) -> None:
    trace_id = new_trace()

    httpx.request(
        "INVENTED", f"{server.url}/invented/{SECRET_TITLE}", headers=traceparent(trace_id)
    )

    [span] = trace_of(collector, trace_id, 1)
    assert (span.name, span.attributes["http.request.method"]) == ("HTTP", "_OTHER")
    assert SECRET_TITLE not in span.text


def test_event_stream_ends_its_span_when_it_begins(
    client: httpx.Client, collector: Collector
) -> None:
    trace_id = new_trace()

    with client.stream("GET", "/events", headers=traceparent(trace_id)) as stream:
        [request, *_] = trace_of(collector, trace_id, 1)
        before = len(trace_of(collector, trace_id, 1))
        client.post("/tasks", json={"title": "milk"})
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("data:"))

    # Of the same worker or not, this one is sent after whatever the stream has read.
    marker = new_trace()
    client.get("/users/me", headers=traceparent(marker))
    trace_of(collector, marker, 2)
    assert request.name == f"GET {API}/events"
    assert len(trace_of(collector, trace_id, 1)) == before


def test_keys_of_an_issuer_are_fetched_in_a_span(
    server: Server, issuer: Issuer, collector: Collector
) -> None:
    token = issuer.token(sub=uuid4().hex)

    assert httpx.get(f"{server.url}{API}/users/me", headers=bearer(token)).is_success

    def fetched() -> list[Span]:
        return [span for span in collector.named("GET") if span.kind == "CLIENT"]

    [fetch, *_] = until(fetched)
    assert fetch.attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "http.response.status_code": 200,
    }


def test_mail_is_sent_in_a_span_of_its_own(
    server: Server, letters: Postbox, collector: Collector
) -> None:
    with signed_up(server) as (client, email):
        client.post("/auth/password/forgot", json={"email": email})
        until(lambda: letters.found(email))

    span, *_ = until(lambda: collector.named("send mail"))
    assert (span.kind, span.parent_id, span.is_error) == ("CLIENT", "", False)
    assert set(span.attributes) == {"duly.mail.kind", "server.address"}


def test_both_workers_export_under_the_name_of_the_service(
    server: Server, collector: Collector
) -> None:
    def ask() -> set[int]:
        httpx.get(f"{server.url}/health/live")  # over a connection of its own
        return {span.resource["process.pid"] for span in collector.spans}

    until(lambda: len(ask()) == 2)
    assert ask() == {worker.pid for worker in server.workers}
    assert {span.resource["service.name"] for span in collector.spans} == {"duly"}
    assert len({span.resource["service.instance.id"] for span in collector.spans}) == 2


def test_nothing_that_a_person_wrote_and_no_id_is_exported(
    server: Server, collector: Collector
) -> None:
    with signed_up(server) as (client, email):
        me = client.get("/users/me").json()
        task = client.post("/tasks", json={"title": SECRET_TITLE}).json()
        client.get("/tasks", params={"q": SECRET_TITLE})
        client.get("/tasks", params={"filter": f"@{SECRET_TITLE}"})
        client.patch(f"/tasks/{task['id']}", json={"title": 1})
        client.post("/tasks", json={"id": task["id"], "title": "other"})
        marker = new_trace()
        client.delete(f"/tasks/{task['id']}", headers=traceparent(marker))
        token = client.headers["Authorization"].removeprefix("Bearer ")
        trace_of(collector, marker, 2)
    everything = "".join(span.text for span in collector.spans)

    for private in (email, SECRET_TITLE, me["id"], task["id"], token, "127.0.0.1:"):
        assert private not in everything
    assert not re.search("[0-9a-f]{8}-[0-9a-f]{4}", everything)


@pytest.mark.slow
def test_last_spans_are_sent_when_the_server_stops(dsn: str) -> None:
    with (
        collecting() as collector,
        traced(dsn, collector.url, OTEL_BSP_SCHEDULE_DELAY="600000") as server,
    ):
        with signed_up(server) as (client, _):
            client.get("/users/me")
        assert collector.named(f"GET {API}/users/me") == []

        assert server.stop() == 0

        assert len(collector.named(f"GET {API}/users/me")) == 1


@pytest.mark.slow
def test_error_of_the_database_marks_its_statement_without_its_message(dsn: str) -> None:
    with (
        collecting() as collector,
        traced(dsn, collector.url, workers=1, DULY_REQUEST_TIMEOUT="1") as server,
        signed_up(server) as (client, email),
        psycopg.connect(dsn) as holder,
    ):
        holder.execute("UPDATE users SET name = 'held' WHERE email = %s", [email])
        trace_id = new_trace()
        answer = client.post("/tasks", json={"title": "late"}, headers=traceparent(trace_id))
        assert answer.status_code == 503
        request, statement, *_ = trace_of(collector, trace_id, 2)

    assert (request.is_error, request.attributes["error.type"]) == (True, "503")
    assert (statement.is_error, statement.attributes["error.type"]) == (True, "QueryCanceled")
    assert "canceling" not in statement.text


@pytest.mark.slow
@pytest.mark.parametrize("collector_is", ["absent", "silent"])
def test_service_is_not_affected_by_a_collector_that_does_not_respond(
    dsn: str, collector_is: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if collector_is == "absent":
            listener.close()
            url = f"http://127.0.0.1:{free_port()}"
        else:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        queue = {"OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
        with traced(dsn, url, workers=1, **queue) as server:
            with signed_up(server) as (client, _):
                statuses = {client.get("/users/me").status_code for _ in range(100)}
            assert statuses == {200}
            assert server.stop() == 0
            assert '"event":"request.failed"' not in server.log.read_text()


@pytest.mark.slow
def test_wrong_variable_is_logged_and_the_service_starts(dsn: str) -> None:
    variables = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with traced(dsn, "http://127.0.0.1:1", workers=1, **variables) as server:
        assert httpx.get(f"{server.url}/health/ready").is_success
        assert "OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf" in server.log.read_text()


@pytest.mark.slow
def test_exporter_is_not_loaded_without_a_collector() -> None:
    code = (
        "import sys, duly.cli\n"
        "from duly.core.config import Settings\n"
        "from duly.workers import Loader, Pipes\n"
        "Loader(Settings(), Pipes()).prepare()\n"
        "print([name for name in ('opentelemetry.sdk', 'requests', 'google.protobuf')"
        " if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path("/")
    )

    assert done.stdout == "[]\n"
