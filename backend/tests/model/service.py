"""The application, called step by step from a test that is not asynchronous itself."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import uvloop

from duly.core.config import Settings
from duly.main import create_app
from tests.hostile.attacked_account import Answer, deliver
from tests.support.accounts import API
from tests.support.asgi import http_scope

_ADDRESS = "203.0.113.8"


@dataclass
class Service:
    """An application that runs whenever it is called."""

    app: Any
    runner: asyncio.Runner

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        """Send a request under the API's prefix."""
        given = {"host": "duly.test", **{k.lower(): v for k, v in (headers or {}).items() if v}}
        content = b"" if body is None else json.dumps(body).encode()
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        if content:
            given |= {"content-type": "application/json", "content-length": str(len(content))}
        shown = {
            name: json.dumps(value) if isinstance(value, bool) else value
            for name, value in (query or {}).items()
            if value is not None
        }
        target = f"{API}{path}?{urlencode(shown)}"
        sent = [(name.encode(), str(value).encode()) for name, value in given.items()]
        scope = http_scope(method, target, sent, _ADDRESS)
        return self.runner.run(deliver(self.app, scope, content))


@contextmanager
def service(settings: Settings) -> Iterator[Service]:
    """An application on an event loop of its own."""
    app = create_app(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        try:
            yield Service(app, runner)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
