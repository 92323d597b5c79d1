"""Where the time of a request goes: samples of the stack of an application run in this process.

    python -m bench.suite.profiling

A timer of CPU time interrupts the process, and each sample counts for the part of the request that
the innermost known function belongs to. The HTTP server and the database are not part of it.
"""

import asyncio
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from pydantic import SecretStr

from bench.suite.apis import PASSWORD, new_task
from duly.core.config import Settings
from duly.database import embedded, migrations
from duly.main import create_app
from tests.support.asgi import http_scope
from tests.support.servers import SECRET

_INTERVAL = 0.001
_AT_ONCE = 8
_WARM_UP = 300

# The innermost frame of a file that begins with one of these decides.
PARTS: Mapping[str, tuple[str, ...]] = {
    "authenticate and admit": (
        "duly/api/authentication",
        "duly/core/tokens",
        "duly/runtime/throttle",
        "duly/runtime/revocations",
        "duly/utils/shares",
        "duly/utils/turns",
        "duly/core/logging",
        "structlog/",
    ),
    "middleware": ("duly/api/middleware", "duly/api/cors", "duly/api/request_ids"),
    "route and arguments": ("duly/api/routing", "duly/api/arguments", "duly/api/deps", "pydantic"),
    "statement": ("duly/database/", "psycopg/"),
    "encode": ("duly/utils/encoding", "duly/api/responses", "starlette/responses"),
    "endpoint": ("duly/api/", "duly/records/", "duly/services/", "duly/schemas/", "duly/utils/"),
}
OTHER = "event loop"


@dataclass
class Profile:
    """The samples of one kind of request."""

    cpu_ms: float = 0.0
    """CPU milliseconds per request."""
    parts: Counter[str] = field(default_factory=Counter)
    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def share(self, part: str) -> float:
        """Return the share of a part."""
        return self.parts[part] / max(self.parts.total(), 1)


def part_of(files: Iterator[str]) -> str:
    """Return the part of a request that a stack belongs to, given the files from the innermost."""
    for file in files:
        for part, names in PARTS.items():
            if any(f"/{name}" in file for name in names):
                return part
    return OTHER


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _name(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "?")
    return f"{module}.{frame.f_code.co_qualname}"


@contextmanager
def sampled(profile: Profile) -> Iterator[None]:
    """Sample this thread while the block runs."""

    def take(_: int, frame: FrameType | None) -> None:
        stack = list(_frames(frame))
        profile.parts[part_of(one.f_code.co_filename for one in stack)] += 1
        profile.stacks[tuple(_name(one) for one in reversed(stack))] += 1

    former = signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)


class Caller:
    """Calls an application as an HTTP server does."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.token = ""

    async def __call__(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send a request; return the body of the response."""
        headers = [(b"host", b"bench"), (b"user-agent", b"bench")]
        if self.token:
            headers.append((b"authorization", b"Bearer " + self.token.encode()))
        if body:
            length = str(len(body)).encode()
            headers += [(b"content-type", b"application/json"), (b"content-length", length)]
        scope = http_scope(method, path, headers, "127.0.0.1")
        received: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] < 400, message
            else:
                received.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return b"".join(received)


async def _repeat(caller: Caller, path: str, *, until: float, at_least: int = 0) -> int:
    numbers, done = count(), 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < until or next(numbers) < at_least:
            await caller("GET", path)
            done += 1

    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return done


@asynccontextmanager
async def application(dsn: str) -> AsyncIterator[Any]:
    """Run an application in this process, without an HTTP server and without limits."""
    settings = Settings(
        database_url=SecretStr(dsn),
        secret_key=SecretStr(SECRET),
        bcrypt_cost=4,
        rate_limit="off",
        register_limit="1000/second",
        log_level="warning",
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


async def _profile(dsn: str, seconds: float) -> dict[str, Profile]:
    import orjson

    async with application(dsn) as app:
        caller = Caller(app)
        person = {"email": "profile@example.com", "password": PASSWORD}
        session = await caller("POST", "/api/v1/auth/register", orjson.dumps(person))
        caller.token = orjson.loads(session)["access_token"]
        for number in range(40):
            task = await caller("POST", "/api/v1/tasks", orjson.dumps(new_task(number)))
        paths = {
            "get": f"/api/v1/tasks/{orjson.loads(task)['id']}",
            "list": "/api/v1/tasks?limit=20",
        }
        found = {}
        for name, path in paths.items():
            found[name] = profile = Profile()
            await _repeat(caller, path, until=0, at_least=_WARM_UP)
            # First without the timer, which takes time itself.
            for sampling in (nullcontext(), sampled(profile)):
                with sampling:
                    before = time.thread_time()
                    done = await _repeat(caller, path, until=time.perf_counter() + seconds / 2)
                    spent = time.thread_time() - before
                profile.cpu_ms = profile.cpu_ms or spent / max(done, 1) * 1000
        return found


def measure(seconds: float) -> dict[str, Profile]:
    """Profile reading one task and listing 20."""
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_profile(dsn, seconds))


def main() -> None:
    """Print the shares."""
    for name, profile in measure(8).items():
        print(f"{name}: {profile.cpu_ms:.3f} ms, {profile.parts.total()} samples")
        for part, samples in profile.parts.most_common():
            print(f"  {part:24} {samples / profile.parts.total():6.1%}")


if __name__ == "__main__":
    main()
