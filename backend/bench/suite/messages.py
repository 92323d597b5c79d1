"""Requests as bytes, which every load generator sends as they are, and a small client."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

COUNTER = "########"
"""In a body, it is replaced with a new number of eight digits for each request."""


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    token: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return it in HTTP/1.1."""
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"Authorization: Bearer {self.token}"] if self.token else []
        if self.method != "GET":
            lines.append(f"Content-Length: {len(content)}")
        lines += ["Content-Type: application/json"] if content else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(frozen=True)
class Response:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded."""
        return json.loads(self.body)


class Client:
    """Sends one request after the other. Raises `ValueError` for an error."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, request: Request) -> Response:
        """Send a request and return the response."""
        content = None if request.body is None else json.dumps(request.body)
        headers = {**request.headers, "Authorization": f"Bearer {request.token}"}
        if not request.token:
            del headers["Authorization"]
        if content is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(request.method, request.path, content, headers)
        received = self._connection.getresponse()
        fields = {name.lower(): value for name, value in received.getheaders()}
        response = Response(received.status, fields, received.read())
        if response.status >= 400:
            text = response.body[:500].decode(errors="replace")
            raise ValueError(f"{request.method} {request.path}: {response.status} {text}")
        return response

    def wait(self, path: str, timeout: float = 30) -> None:
        """Wait until the server responds to a path."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.send(Request("GET", path))
            except (OSError, ValueError, http.client.HTTPException):
                self._connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
