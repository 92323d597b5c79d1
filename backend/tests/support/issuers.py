"""Another issuer: a real HTTP server on the loopback that publishes keys, and tokens that it signs."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry


class Absent:
    """In place of a value that is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


@dataclass(frozen=True)
class In:
    """A time, so many seconds from when it is signed."""

    seconds: float


ABSENT = Absent()
AUDIENCE = "tasks"

ALGORITHMS = (
    *("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("EdDSA", "Ed25519"),
)
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def key_for(algorithm: str, number: int = 0) -> Any:
    """A private key that fits an algorithm, always the same for a number."""
    return _key(algorithm, number)


@cache
def _key(algorithm: str, number: int) -> Any:
    if algorithm[:2] in {"RS", "PS"}:
        return _rsa_key(number)
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm])
    return OKPKey.generate_key("Ed25519")


@cache
def _rsa_key(number: int) -> RSAKey:
    assert number >= 0
    return RSAKey.generate_key(2048)


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def sign(header: Any, claims: Any, key: Any, algorithm: str) -> str:
    """A token with any header and claims; bytes are taken as they are."""
    head, body = (part if isinstance(part, bytes) else as_json(part) for part in (header, claims))
    signed = f"{encode(head)}.{encode(body)}"
    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    return f"{signed}.{encode(JWSRegistry.algorithms[name].sign(signed.encode(), key))}"


def public(key: Any, kid: str, **members: Any) -> dict[str, Any]:
    """A key as an issuer publishes it."""
    return {**key.as_dict(private=False), "kid": kid, **members}


class Handler(BaseHTTPRequestHandler):
    """Answers as its issuer says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]  # set below
        issuer.requests.append(self.path)
        time.sleep(issuer.delay)
        self.respond(issuer, issuer.behavior, issuer.document)

    def respond(self, issuer: "Issuer", behavior: str, body: bytes) -> None:
        match behavior:
            case "dies":
                self.connection.close()
            case "stalls":
                issuer.released.wait(30)
            case "drips":
                self._start(200, 1_000)
                while not issuer.released.wait(0.2):
                    self.wfile.write(b" ")
            case "redirects":
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "sends 10 MB":
                self._start(200, 10_000_000)
                for _ in range(10):
                    self.wfile.write(b" " * 1_000_000)
            case "is compressed":
                self.send_whole(200, body, **{"Content-Encoding": "gzip"})
            case "fails":
                self.send_whole(500, body)
            case _:
                self.send_whole(200, body)

    def _start(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_whole(self, status: int, body: bytes, **headers: str) -> None:
        self._start(status, len(body), **headers)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(OSError):  # the client has hung up
            super().handle()


@dataclass
class Issuer:
    """One issuer. `behavior` is how its server answers; `published` are the keys that it says."""

    url: str
    published: list[Any] = field(default_factory=list)
    raw: bytes | None = None
    behavior: str = "serves"
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def document(self) -> bytes:
        return as_json({"keys": self.published}) if self.raw is None else self.raw

    def publish(self, *algorithms: str, number: int = 0) -> None:
        """Publish one key for each of these, named after them, and no other."""
        self.published = [public(key_for(name, number), f"{name}-{number}") for name in algorithms]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a subject that nobody has seen; `ABSENT` leaves something out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": f"user-{uuid4().hex}",
            "iat": now,
            "exp": now + 600,
            **changes,
        }
        return {
            name: now + value.seconds if isinstance(value, In) else value
            for name, value in claims.items()
            if value is not ABSENT
        }

    def token(
        self,
        algorithm: str = "ES256",
        number: int = 0,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token that the issuer has signed."""
        fields = {"alg": algorithm, "typ": "JWT", "kid": f"{algorithm}-{number}", **(header or {})}
        fields = {name: value for name, value in fields.items() if value is not ABSENT}
        return sign(fields, self.claims(**claims), key_for(algorithm, number), algorithm)


AnyIssuer = TypeVar("AnyIssuer", bound=Issuer)


@contextmanager
def issuing(*algorithms: str) -> Iterator[Issuer]:
    """An issuer whose server runs for the block."""
    with running(Issuer, Handler) as issuer:
        issuer.publish(*(algorithms or ("ES256",)))
        yield issuer


@contextmanager
def running(kind: type[AnyIssuer], handler: type[Handler]) -> Iterator[AnyIssuer]:
    """An issuer of some kind, served by `handler`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    issuer = kind(f"http://127.0.0.1:{server.server_port}")
    server.issuer = issuer  # type: ignore[attr-defined]  # for the handler
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def table(issuer: Issuer, /, **changes: Any) -> dict[str, Any]:
    """The table of an issuer in the file; `ABSENT` leaves something out."""
    fields = {
        "issuer": issuer.url,
        "jwks_url": f"{issuer.url}/jwks",
        "audience": AUDIENCE,
        "algorithms": ["ES256"],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not ABSENT}


def write_issuers(path: Path, *tables: dict[str, Any]) -> Path:
    """The file of issuers."""
    return write_tables(path, "issuer", *tables)


def write_tables(path: Path, kind: str, *tables: dict[str, Any]) -> Path:
    """A file of tables of one kind."""
    text = "\n".join(
        "\n".join([f"[[{kind}]]", *(f"{name} = {_toml(value)}" for name, value in fields.items())])
        for fields in tables
    )
    path.write_text(text + "\n")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
