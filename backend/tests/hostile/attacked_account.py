"""An account under attack: sends what is bad, and judges the answer and what is stored after it."""

import asyncio
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from fastapi import FastAPI
from psycopg import sql

from duly.database.scope import UserScope
from duly.schemas.errors import ErrorEnvelope
from duly.services import email_links
from duly.services.resource_types import RESOURCE_TYPES
from tests.hostile.attacks import Attack
from tests.hostile.corpus import JSON, MARK
from tests.hostile.samples import Sample, Sampler
from tests.support import known_provider
from tests.support.accounts import Account, register
from tests.support.api_tokens import create_token
from tests.support.asgi import http_scope
from tests.support.direct_sql import Connection
from tests.support.operations import Operation, is_defect
from tests.support.resources import body_for, required_references
from tests.support.second_factors import Clock, challenge_of, confirm, enroll

# Each attack counts against the account's budget, and most of them against that of sign-in.
UNLIMITED: dict[str, Any] = {
    "rate_limit": "off",
    "login_account_limit": "99999/second",
    "login_address_limit": "99999/second",
    "login_total_limit": "99999/second",
    "max_sessions": 10_000,
    "max_api_tokens": 10_000,
    "register_limit": "99999/second",
    "refresh_limit": "99999/second",
    "log_level": "error",
}

# Pydantic's begin with "Input should", "String should", "Field required", "Extra inputs" and so on.
_PLAIN = re.compile(
    r"((Must|Cannot|Expected|Unknown|Invalid|Incorrect|Send|Each|ref must) .*[^.]"
    r"|The (request body|account|remaining title) .*[^.])"
)
_PATIENCE = 30.0
_STREAM = "text/event-stream"
_PASSWORD = "correct horse battery"

# Placeholders in samples for values that differ by account.
RESOURCE = "01936d5e-8f1c-7000-8000-00000000a001"
SESSION = "01936d5e-8f1c-7000-8000-00000000a002"
API_TOKEN = "01936d5e-8f1c-7000-8000-00000000a003"
FACTOR = "01936d5e-8f1c-7000-8000-00000000a004"
CHALLENGE = "own-challenge"
CODE = "own-code"
OWN_EMAIL = "own-email@example.com"
NEW_EMAIL = "new-email@example.com"
REFRESH_TOKEN = "own-refresh-token"
RESET_TOKEN = "own-reset-token"
VERIFY_TOKEN = "own-verify-token"
SIGN_IN_CODE = "own-sign-in-code"
RETURN_TO = "https://duly.example.org/"
OCCURRENCE = "2026-01-31"
PLACEHOLDERS = {
    **{f"{kind.name}_id": RESOURCE for kind in RESOURCE_TYPES},
    "parent_id": None,
    # A recurring task is not completed by an update.
    "is_completed": False,
    "completed_at": None,
    "rule": "FREQ=DAILY",
    "occurrence": OCCURRENCE,
    "query": "p1",
    "filter": "p1",
    "after_id": None,
    "before_id": None,
    "label_ids": [RESOURCE],
    "session_id": SESSION,
    "token_id": API_TOKEN,
    "factor_id": FACTOR,
    "challenge": CHALLENGE,
    "code": CODE,
    "credential": None,
    "assertion": None,
    "user_id": "me",
    "username": OWN_EMAIL,
    "email": NEW_EMAIL,
    "current_password": _PASSWORD,
    "new_password": "another horse battery",
    "refresh_token": REFRESH_TOKEN,
    "provider": known_provider.NAME,
    "return_to": RETURN_TO,
    "app_challenge": known_provider.CHALLENGE,
    "verifier": known_provider.VERIFIER,
}


_FACTORS = {
    "confirm_factor": False,
    "remove_factor": True,
    "replace_recovery_codes": True,
    "finish_sign_in": True,
}
"""The operations that need a second factor, and whether it is confirmed."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


async def call(app: FastAPI, sample: Sample, token: str) -> Answer:
    """Hand a request to the application as it is; of a stream only the beginning is read."""
    given = {name for name, _ in sample.headers}
    headers = [(b"host", b"duly.test")] if b"host" not in given else []
    if b"authorization" not in given:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    if sample.media_type is not None:
        headers.append((b"content-type", sample.media_type.encode("latin-1")))
    if sample.body and b"content-length" not in given:
        headers.append((b"content-length", str(len(sample.body)).encode()))
    scope = http_scope(sample.operation.method, sample.target, [*headers, *sample.headers])
    return await deliver(app, scope, sample.body)


async def deliver(app: FastAPI, scope: dict[str, Any], body: bytes) -> Answer:
    """Run the application on one request."""
    gone = asyncio.Event()
    left = [body]
    started: dict[str, Any] = {}
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            names = [
                (name.decode(), value.decode("latin-1")) for name, value in message["headers"]
            ]
            started.update(status=message["status"], headers=dict(names))
            return
        pieces.append(message.get("body", b""))
        if started["headers"].get("content-type", "").startswith(_STREAM):
            gone.set()

    async with asyncio.timeout(_PATIENCE):
        await app(scope, receive, send)
    return Answer(started["status"], started["headers"], b"".join(pieces))


class AttackedAccount:
    """An account of its own, and all that is stored of it."""

    def __init__(self, app: Any, client: httpx.AsyncClient, connection: Connection) -> None:
        self._app, self._client, self._connection = app, client, connection
        self._statement: sql.Composed | None = None
        self._stored = ""
        self._operation: Operation | None = None
        self._real: dict[str, str] = {}
        self.account: Account
        self.sampler = Sampler(app, PLACEHOLDERS)

    def sampler_of(self, operation: Operation) -> Sampler:
        """What makes samples of an operation that this account can send."""
        own = {"email": OWN_EMAIL, "password": _PASSWORD} if operation.id == "login" else {}
        own |= {"password": _PASSWORD} if operation.id == "login_with_form" else {}
        own |= {"token": RESET_TOKEN} if operation.id == "reset_password" else {}
        own |= {"token": VERIFY_TOKEN} if operation.id == "verify_email" else {}
        own |= {"code": SIGN_IN_CODE} if operation.id == "exchange_sign_in_code" else {}
        return self.sampler.knowing(**own)

    async def begin(self, operation: Operation | None = None) -> None:
        """Start with someone new, who has a session, an API token, and a resource of each type under
        one id.

        They also have a second factor if the operation, by default the last one, needs one.
        """
        self._operation = operation or self._operation
        self.account = await register(self._client, password=_PASSWORD)
        resource_id = str(uuid4())
        for kind in RESOURCE_TYPES:
            references = dict.fromkeys(required_references(kind), resource_id)
            body = {**body_for(kind, "mine"), **references, "id": resource_id}
            if "recurrence" in kind.fields:  # so that it can be skipped
                body |= {"due": {"date": OCCURRENCE}, "recurrence": {"rule": "FREQ=DAILY"}}
            created = await self.account.post(f"/{kind.plural}", body)
            assert created.status_code == 201, created.text
        session = (await self.account.get("/auth/sessions")).json()["items"][0]
        self._real = {
            RESOURCE: resource_id,
            SESSION: session["id"],
            API_TOKEN: (await create_token(self.account))["id"],
            OWN_EMAIL: self.account.email,
            REFRESH_TOKEN: self.account.session["refresh_token"],
        }
        self._real |= await self._links()
        if self._operation is not None and self._operation.id in _FACTORS:
            self._real |= await self._factor(is_confirmed=_FACTORS[self._operation.id])
        self._stored = await self.stored()

    async def _links(self) -> dict[str, str]:
        """The tokens of links, as they come by mail, and the code of a sign-in."""
        context = self._app.state.context
        scope = UserScope(context.pool, UUID(self.account.id))
        links = {
            purpose: await email_links.create(
                scope, context.keyring, purpose, link_id=uuid4(), email=self.account.email
            )
            for purpose in email_links.PATHS
        }
        tokens = {
            f"own-{name}-token": link.partition("#token=")[2] for name, link in links.items()
        }
        return {**tokens, SIGN_IN_CODE: await known_provider.create_code(context, scope)}

    async def _factor(self, *, is_confirmed: bool) -> dict[str, str]:
        """A second factor, and the next code of it."""
        clock = Clock(time.time())
        phone = await enroll(self.account, clock)
        if not is_confirmed:
            return {FACTOR: phone.factor_id, CODE: phone.code()}
        assert (await confirm(self.account, phone)).status_code == 200
        challenge = await challenge_of(self.account)
        return {FACTOR: phone.factor_id, CHALLENGE: challenge, CODE: phone.next_code()}

    async def send(self, sample: Sample) -> Answer:
        """Send as this account."""
        token = self.account.session["access_token"]
        real = {**self._real, NEW_EMAIL: f"{uuid4()}@example.com"}
        return await call(self._app, sample.addressed(real), token)

    async def strike(self, attack: Attack) -> Answer:
        """Send something bad; the answer must be in order, and a refusal must change nothing."""
        sample = attack.make()
        answer = await self.send(sample)
        check(attack, sample, answer)
        if answer.status >= 400 or sample.operation.method == "GET":
            assert await self.stored() == self._stored, (attack.place, sample)
        else:
            await self.begin()
        return answer

    async def stored(self) -> str:
        """One number for all rows of the account."""
        if self._statement is None:
            self._statement = await self._all_rows()
        cursor = await self._connection.execute(self._statement, {"user_id": self.account.id})
        row = await cursor.fetchone()
        assert row is not None
        return str(row[0])

    async def _all_rows(self) -> sql.Composed:
        cursor = await self._connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'uuid' "
            "AND (column_name = 'user_id' OR (table_name, column_name) = ('users', 'id'))"
        )
        # A challenge counts the codes that were tried.
        tables = [row for row in await cursor.fetchall() if row[0] != "sign_in_challenges"]
        assert {"users", "tasks", "sessions", "user_emails"} <= {name for name, _ in tables}
        rows = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT {name} || t::text AS state FROM {table} t WHERE {column} = %(user_id)s"
            ).format(
                name=sql.Literal(name), table=sql.Identifier(name), column=sql.Identifier(column)
            )
            for name, column in tables
        )
        return sql.SQL("SELECT md5(string_agg(state, '|' ORDER BY state)) FROM ({}) AS r").format(
            rows
        )


def check(attack: Attack, sample: Sample, answer: Answer) -> None:
    """No defect, the envelope, nothing echoed."""
    shown = (
        attack.place,
        sample.operation.id,
        sample.target[:200],
        sample.headers,
        sample.body[:300],
        answer.status,
        answer.body[:500],
    )
    assert not is_defect(answer.status, answer.body), shown
    if attack.statuses is not None:
        assert answer.status in attack.statuses, shown
    assert answer.headers["x-request-id"], shown
    assert answer.headers["x-content-type-options"] == "nosniff", shown
    assert "x-injected" not in answer.headers, shown
    if answer.status in (202, 204, 302, 304):
        assert answer.body == b"", shown
        return
    if answer.headers["content-type"].startswith(_STREAM):
        assert sample.operation.id == "stream_events", shown
        return
    assert answer.headers["content-type"] == JSON, shown
    if answer.status < 400:
        return
    envelope = json.loads(answer.body)
    assert set(envelope) == {"error"}, shown
    assert set(envelope["error"]) == {"code", "message", "details"}, shown
    body = ErrorEnvelope.model_validate_json(answer.body, strict=True).error
    for field in body.details.get("fields", ()):
        assert is_plain(field.message), shown
    assert MARK.encode() not in answer.body, shown
    shown_headers = {
        name: value for name, value in answer.headers.items() if name != "x-request-id"
    }
    assert MARK not in str(shown_headers), shown


def is_plain(message: str) -> bool:
    """Whether the message for one input is Duly's own: short, and about what the client sent."""
    return message != "Must be valid" and _PLAIN.fullmatch(message) is not None


async def connect(dsn: str) -> Connection:
    """A connection past the application."""
    return await psycopg.AsyncConnection.connect(dsn, autocommit=True)
