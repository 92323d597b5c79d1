"""Requests made from the schema alone, and all the places in them where an id can stand."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI

from tests.attack.wire import Request
from tests.support.operations import Operation, operations_of

# Where a client that hopes for a hole would put an id that nobody asked for.
EXTRA_FIELDS = ("user_id", "owner_id", "id", "task_id", "version", "revision", "user", "sub")
EXTRA_PARAMETERS = ("user_id", "owner", "id", "task_id", "session_id", "cursor", "token", "as")
EXTRA_HEADERS = ("X-User-ID", "X-Forwarded-User", "X-Remote-User", "Cookie", "X-Original-URL")

Place = tuple[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """Stands for something of the sender's, which is not the same in both environments."""

    kind: str


@dataclass
class Draft:
    """A request before it is known who sends it."""

    operation: Operation
    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    body: Any = None

    def addressed(self, own: dict[str, Any]) -> Request:
        """The request as the owner of `own` sends it."""
        path = {name: str(resolve(value, own)) for name, value in self.path.items()}
        query = [(name, as_text(resolve(value, own))) for name, value in self.query.items()]
        headers = {name: str(resolve(value, own)) for name, value in self.headers.items()}
        headers["Authorization"] = f"Bearer {own['access_token']}"
        body, media_type = None, self.operation.body_type
        if media_type is not None:
            content = resolve(self.body, own)
            is_json = media_type == "application/json"
            body = (json.dumps(content) if is_json else urlencode(content)).encode()
            headers["Content-Type"] = media_type
        return Request(
            self.operation.method,
            self.operation.path.format(**path),
            query,
            headers,
            body,
            # A stream that begins in the past has something to tell at once.
            2 if "token" in self.query else 1,
        )

    def put(self, place: Place, value: Any) -> None:
        """Let `value` stand in that place."""
        where, name = place
        if where != "body":
            getattr(self, where)[name] = value
            return
        if not name:
            self.body = value
            return
        target = self.body
        for step in name[:-1]:
            target = target[step]
        target[name[-1]] = value


def resolve(value: Any, own: dict[str, Any]) -> Any:
    if isinstance(value, Own):
        return own[value.kind]
    if isinstance(value, dict):
        return {name: resolve(item, own) for name, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, own) for item in value]
    return value


def as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# What the schema can't say: which of two meanings a field has.
_MEANINGS: dict[tuple[str, str], Any] = {
    ("Credentials", "email"): Own("email"),
    ("PasswordForm", "username"): Own("email"),
    ("PasswordForm", "password"): Own("password"),
    ("Refresh", "refresh_token"): Own("refresh_token"),
    ("query", "cursor"): Own("cursor"),
    ("query", "token"): Own("sync_token"),
    ("path", "session_id"): Own("session_id"),
    ("path", "user_id"): Own("user_id"),
    ("header", "last-event-id"): Own("sync_token"),
}
_ABSENT = {"if_match", "client_id", "client_secret", "scope"}


class Shapes:
    """Makes valid drafts of every operation; `own_ids` are ids that the sender has, by type."""

    def __init__(self, app: FastAPI, rng: random.Random) -> None:
        self.operations = operations_of(app)
        self._components = app.openapi()["components"]["schemas"]
        self._rng = rng
        self.own_ids: dict[str, list[str]] = {}

    def reseed(self, rng: random.Random) -> None:
        """Draw from `rng` from now on."""
        self._rng = rng

    def draft(self, operation: Operation) -> Draft:
        """A request that should succeed, with some of what is optional."""
        draft = Draft(operation)
        for parameter in operation.spec.get("parameters", ()):
            name, where = parameter["name"], parameter["in"]
            name = name.lower() if where == "header" else name
            if where == "path":
                draft.path[name] = self.value(parameter["schema"], name, where)
            elif where == "query" and self._rng.random() < 0.3:
                draft.query[name] = self.value(parameter["schema"], name, where)
        if draft.query.get("cursor") and "/tasks" not in operation.path:
            del draft.query["cursor"]  # one's own is of tasks; `explore` reads the next page
        elif draft.query.get("cursor"):
            draft.query = {"cursor": draft.query["cursor"]}  # it goes with its own list alone
        if operation.body_type is not None:
            schema = operation.spec["requestBody"]["content"][operation.body_type]["schema"]
            draft.body = self.value(schema, "", "body")
        draft.headers["X-Request-ID"] = UUID(int=self._rng.getrandbits(128)).hex
        return draft

    def places(self, draft: Draft) -> list[Place]:
        """All the places of a draft where an id can stand, asked for or not."""
        declared = draft.operation.spec.get("parameters", ())
        places: list[Place] = [
            ({"header": "headers"}.get(item["in"], item["in"]), item["name"].lower())
            for item in declared
        ]
        places += [("query", name) for name in EXTRA_PARAMETERS]
        places += [("headers", name.lower()) for name in EXTRA_HEADERS]
        if draft.body is not None:
            places += [("body", path) for path in _paths(draft.body)]
        return [*dict.fromkeys(places)]

    def combinations(self, operation: Operation) -> Iterator[Draft]:
        """Every combination of the query's switches: booleans, and one of few."""
        drafts = [Draft(operation, path={"user_id": "me"})]
        if any(item["in"] == "path" and item["name"] != "user_id" for item in self._in(operation)):
            return
        for item in self._in(operation):
            values: list[Any] = [None, *self._switch(item)]
            if item["in"] == "query" and (len(values) > 1 or item["name"] == "q"):
                values = [None, "task"] if item["name"] == "q" else values
                drafts = [
                    Draft(
                        operation,
                        draft.path,
                        draft.query | ({item["name"]: value} if value is not None else {}),
                    )
                    for draft in drafts
                    for value in values
                ]
        yield from drafts if len(drafts) > 1 else ()

    def _in(self, operation: Operation) -> list[dict[str, Any]]:
        return list(operation.spec.get("parameters", ()))

    def _switch(self, parameter: dict[str, Any]) -> list[Any]:
        schema = self._plain(parameter["schema"])
        return [True, False] if schema.get("type") == "boolean" else list(schema.get("enum", ()))

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in schema:
                schema = self._components[schema["$ref"].rpartition("/")[2]]
            elif "properties" not in schema and (
                options := schema.get("anyOf") or schema.get("oneOf")
            ):
                options = [option for option in options if option.get("type") != "null"]
                schema = self._rng.choice(options)
            else:
                return schema

    def value(
        self, schema: dict[str, Any], name: str, owner: str, *, of: str | None = None
    ) -> Any:
        """A valid value of a schema; `owner` is the title of the object that it belongs to.

        An id is `of` a resource type, or a new one.
        """
        schema = self._plain(schema)
        made: Any = _MEANINGS.get((owner, name), schema.get("const"))
        if made is None and "enum" in schema:
            made = self._rng.choice(schema["enum"])
        if made is not None:
            return made
        match schema.get("type"):
            case "object":
                made = self._object(schema)
            case "array":
                count = self._rng.randint(1, 3)
                made = [self.value(schema["items"], "", owner) for _ in range(count)]
            case "boolean":
                made = self._rng.random() < 0.5
            case "integer":
                low = schema.get("minimum", 0)
                made = self._rng.randint(low, min(schema.get("maximum", 20), low + 20))
            case _:
                made = self._text(schema, name, of or name.removesuffix("_id"))
        return made

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties = schema["properties"]
        required = schema.get("required", ())
        made = {}
        for name, item in properties.items():
            plain = self._plain(item)
            odds = {"uuid": 0.8, "password": 1.0}.get(plain.get("format", ""), 0.5)
            is_wanted = self._rng.random() < odds
            if name in required or (is_wanted and name not in _ABSENT):
                of = properties.get("type", {}).get("const")
                made[name] = self.value(item, name, schema.get("title", ""), of=of)
        return made

    def _text(self, schema: dict[str, Any], name: str, of: str) -> Any:
        number = self._rng.getrandbits(48)
        match schema.get("format"):
            case "uuid":
                fresh = str(UUID(int=self._rng.getrandbits(128), version=4))
                return self._rng.choice(self.own_ids.get(of) or [fresh])
            case "password":
                return Own("password")
        if name == "email":
            return f"{number:012x}@example.com"
        if name == "color":
            return f"#{number % 2**24:06x}"
        if name == "timezone":
            return "Europe/Rome"
        return "password" if name == "grant_type" else f"task {number:x}"


def _paths(body: Any, here: Path = ()) -> Iterator[Path]:
    if isinstance(body, dict):
        yield from ((*here, name) for name in EXTRA_FIELDS)
        for name, value in body.items():
            yield from _paths(value, (*here, name))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from _paths(value, (*here, index))
    elif here:
        yield here
