"""Throughput: `wrk` sends requests as fast as it gets responses; without it, `pace` does."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.suite import pace
from bench.suite.messages import COUNTER

THREADS = 2

# Each thread sends its own share of the requests in turn, so that no two threads share a task.
_SCRIPT = """
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args)
  local all = dofile("%(data)s")
  own = {}
  for i, request in ipairs(all) do
    if #all < %(threads)d or i %% %(threads)d == number then table.insert(own, request) end
  end
  has_counter = {}
  for i, request in ipairs(own) do has_counter[i] = string.find(request, "%(counter)s", 1, true) end
  at, sent = 0, os.time() %% 1000000 * 10 + number * 50000000
end
function request()
  at = at %% #own + 1
  if not has_counter[at] then return own[at] end
  sent = sent + 1
  return (string.gsub(own[at], "%(counter)s", string.format("%%08d", sent %% 100000000)))
end
function done(summary, latency)
  local e = summary.errors
  print(string.format(
    'RESULT {"requests": %%d, "us": %%d, "p50": %%f, "p95": %%f, "p99": %%f, "status": %%d, "lost": %%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95),
    latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Throughput:
    """The result of one run at full speed; latencies are in milliseconds."""

    requests: int
    """Those that succeeded."""
    seconds: float
    p50: float
    p95: float
    p99: float
    errors: int

    @property
    def per_second(self) -> float:
        """Successful requests a second."""
        return self.requests / self.seconds


def generator() -> str:
    """Return the name of the load generator that is used."""
    return "wrk" if shutil.which("wrk") else "bench/suite/pace.py (`wrk` is not installed)"


def flood(port: int, requests: Sequence[bytes], connections: int, seconds: int) -> Throughput:
    """Send requests over `connections` without a pause."""
    if shutil.which("wrk") is None:
        run = pace.drive(port, requests, connections=connections, seconds=seconds, rate=None)
        good = len(run.latencies) - run.errors
        p50, p95, p99 = (run.percentile(share) for share in (0.5, 0.95, 0.99))
        return Throughput(good, seconds, p50, p95, p99, run.errors)
    with tempfile.TemporaryDirectory(prefix="duly-wrk-") as directory:
        data, script = Path(directory) / "requests.lua", Path(directory) / "script.lua"
        data.write_text("return {" + ",\n".join(map(_quoted, requests)) + "}")
        script.write_text(_SCRIPT % {"data": data, "threads": THREADS, "counter": COUNTER})
        return _run(port, script, connections, seconds)


def _run(port: int, script: Path, connections: int, seconds: int) -> Throughput:
    command = ["wrk", "-t", str(THREADS), "-c", str(connections), "-d", f"{seconds}s"]
    command += ["--timeout", "10s", "-s", str(script), f"http://127.0.0.1:{port}"]
    output = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^RESULT (.*)$", output.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk: {output.stdout[-500:]} {output.stderr[-500:]}")
    run = json.loads(found[1])
    return Throughput(
        run["requests"] - run["status"],
        run["us"] / 1e6,
        run["p50"] / 1000,
        run["p95"] / 1000,
        run["p99"] / 1000,
        run["status"] + run["lost"],
    )


def _quoted(request: bytes) -> str:
    text = request.decode().replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\r", "\\r").replace("\n", "\\n") + '"'
