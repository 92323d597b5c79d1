"""The parts of `make bench` that measure, against a small server, and those that write."""

import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from bench.suite import flames, pace, plots, processes, statements, wrk
from bench.suite.messages import COUNTER, Request
from bench.suite.profiling import OTHER, part_of
from duly.utils.identifiers import new_id

STALL = 0.3


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a response in two packets would wait for an acknowledgement
    bodies: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(body)
        if body == b'"stall"':
            time.sleep(STALL)
        self.send_response(500 if body == b'"fail"' else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.bodies = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def posts(*bodies: str) -> list[bytes]:
    return [Request("POST", "/", body=body).encode() for body in bodies]


def test_paced_requests_keep_their_rate(server: ThreadingHTTPServer) -> None:
    run = pace.drive(server.server_port, posts("a", "b"), connections=4, seconds=0.5, rate=100)

    assert run.statuses == {200: 50}
    assert Counter(Handler.bodies) == {b'"a"': 25, b'"b"': 25}
    assert 0 < run.percentile(0.5) < 100


def test_stall_counts_for_each_request_that_it_delays(server: ThreadingHTTPServer) -> None:
    requests = posts(*["a"] * 20, "stall", *["a"] * 29)

    run = pace.drive(server.server_port, requests, connections=1, seconds=0.5, rate=100)

    # At a hundred a second, some thirty were due meanwhile.
    assert sum(latency > 50 for latency in run.latencies) > 15
    assert run.latencies[-1] >= STALL * 1000


def test_failed_requests_are_counted(server: ThreadingHTTPServer) -> None:
    run = pace.drive(server.server_port, posts("a", "fail"), connections=2, seconds=0.2, rate=100)

    assert run.errors == 10
    assert run.per_second == 50


def test_requests_without_a_rate_follow_each_other(server: ThreadingHTTPServer) -> None:
    run = pace.drive(server.server_port, posts("a"), connections=2, seconds=0.2, rate=None)

    assert set(run.statuses) == {200}
    assert len(run.latencies) > 10


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_sends_requests_with_counters(server: ThreadingHTTPServer) -> None:
    requests = posts('quoted "text" \\ ' + COUNTER, "plain")

    run = wrk.flood(server.server_port, requests, 4, 1)

    assert run.errors == 0
    assert run.requests > 10
    numbered = [body for body in Handler.bodies if body != b'"plain"']
    assert len(set(numbered)) == len(numbered)
    assert all(body.startswith(b'"quoted \\"text\\" \\\\ ') for body in numbered)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    ],
)
def test_end_of_a_response_is_found(received: bytes, expected: bool) -> None:
    assert pace.is_complete(received) is expected


CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
BUSY = "while True: pass"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_process_tree_is_measured_and_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, BUSY]
    with processes.running(command, tmp_path / "log", tmp_path) as pid:
        deadline = time.monotonic() + 10
        while processes.cpu_ms(pid) < 100:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        tree = processes.tree(pid)
        memory = processes.memory_mb(pid)
        age = processes.age_seconds(pid)

    assert len(tree) == 2
    assert memory > 2
    assert 0.05 < age < 12
    assert not any(map(is_running, tree))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("name", statements.STATEMENTS)
def test_statement_of_a_request_is_recorded(name: str) -> None:
    user = new_id()

    sql, params = statements.record(name, user, new_id())

    assert b"tasks" in sql
    assert params["user_id"] == user


def test_script_of_pgbench_has_new_ids_and_no_variables() -> None:
    sql = "INSERT INTO t VALUES ('01ab'::uuid, 'it''s \\ at 10:20', 'plain')"

    assert statements.script(sql, "01ab") == (
        "INSERT INTO t VALUES (gen_random_uuid(), E'it''s \\\\ at 10\\x3A20', 'plain');\n"
    )


def test_chart_has_a_bar_for_each_value() -> None:
    svg = plots.bars("A < B", {"x": {"one": 1, "two": 2}, "y": {"two": 0}}, ["one", "two"], "ms")

    bars = [one for one in ET.fromstring(svg).iter() if one.tag.endswith("rect")]
    assert len(bars) == 2 + 3  # the legend has one for each series


def test_flame_graph_has_a_box_for_each_function() -> None:
    svg = flames.graph("x", {("main", "a", "b"): 3, ("main", "a"): 1, ("main", "<c>"): 4})

    titles = [one.text for one in ET.fromstring(svg).iter() if one.tag.endswith("title")]
    assert titles == ["x", "<c>: 4 samples", "a: 4 samples", "b: 3 samples"]


def test_sample_belongs_to_its_innermost_known_part() -> None:
    assert part_of(iter(["/x/uuid.py", "/x/duly/database/pool.py", "/x/duly/api/tasks.py"])) == (
        "statement"
    )
    assert part_of(iter(["/x/asyncio/runners.py"])) == OTHER


@pytest.mark.slow
def test_options_of_make_bench_are_those_of_the_program() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "bench.suite", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    for option in ("--seconds", "--rounds", "--pocketbase"):
        assert option in output.stdout
