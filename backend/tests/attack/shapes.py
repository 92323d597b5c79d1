"""Requests made from the schema alone, and all the places in them where an id can stand."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI

from tests.attack.places import ANCHORS, REFERS_TO, combined, without_contradictions
from tests.attack.wire import Request
from tests.support import known_provider
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

    def has(self, place: Place) -> bool:
        """Whether a place of the body has a value already."""
        target = self.body
        for step in place[1][:-1]:
            target = target[step]
        return not place[1] or isinstance(target, list) or place[1][-1] in target

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
    ("PasswordForgotten", "email"): Own("email"),
    ("PasswordReset", "token"): Own("reset_token"),
    ("EmailVerification", "token"): Own("verify_token"),
    ("FactorConfirmation", "code"): Own("code"),
    ("FactorSignIn", "challenge"): Own("challenge"),
    ("FactorSignIn", "code"): Own("code"),
    ("SignInCodeExchange", "code"): Own("sign_in_code"),
    ("SignInCodeExchange", "verifier"): known_provider.VERIFIER,
    ("query", "cursor"): Own("cursor"),
    ("query", "token"): Own("sync_token"),
    ("path", "factor_id"): Own("factor_id"),
    ("path", "session_id"): Own("session_id"),
    ("path", "token_id"): Own("token_id"),
    ("path", "user_id"): Own("user_id"),
    ("header", "last-event-id"): Own("sync_token"),
}
OUTSIDE = {"begin_sign_in"}
"""Operations that need more than this service, and neither read nor write rows."""

_NULLS = (0.25, 0.5)
"""How often a field is null that can be; the second, of anchors: it stands for the first or last."""
_NEW = 0.8
"""How often what is created has an id that nothing has."""
_ABSENT = {"if_match", "client_id", "client_secret", "scope", "dry_run"}


class Shapes:
    """Makes valid drafts of every operation.

    `own_ids` are ids that the sender has, by type; `live_ids`, of what is not in the trash.
    """

    def __init__(self, app: FastAPI, rng: random.Random) -> None:
        self.operations = operations_of(app)
        self._components = app.openapi()["components"]["schemas"]
        self._rng = rng
        self.own_ids: dict[str, list[str]] = {}
        self.live_ids: dict[str, list[str]] = {}
        self._subject = ""
        self._density = 1.0

    def reseed(self, rng: random.Random) -> None:
        """Draw from `rng` from now on."""
        self._rng = rng

    def draft(self, operation: Operation) -> Draft:
        """A request that should succeed, with some of what is optional."""
        draft = Draft(operation)
        self._density = self._rng.choice((0.4, 1.0))
        self._subject = operation.spec["tags"][0].removesuffix("s")
        for parameter in operation.spec.get("parameters", ()):
            name, where = parameter["name"], parameter["in"]
            name = name.lower() if where == "header" else name
            if where == "path":
                draft.path[name] = self.value(parameter["schema"], name, where)
            elif where == "query" and self._rng.random() < self._density / 2:
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

    @staticmethod
    def type_at(draft: Draft, place: Place) -> str:
        """The name of the resource type that a place of a draft is about."""
        found = draft.operation.spec["tags"][0].removesuffix("s")
        here = draft.body
        for step in place[1][:-1] if place[0] == "body" else ():
            here = here[step]
            if isinstance(here, dict):
                found = here.get("type", found)
        return str(found)

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
        """Every combination of the query's switches: booleans, references, and one of few.

        If there are many switches, orders and references are each combined with the others alone.
        """
        if any(item["in"] == "path" and item["name"] != "user_id" for item in self._in(operation)):
            return
        few: dict[str, list[Any]] = {}
        many: dict[str, list[Any]] = {}
        for item in self._in(operation):
            if item["in"] == "query" and (values := self._switch(item)):
                is_flag = item["name"] == "q" or isinstance(values[0], bool)
                (few if is_flag else many)[item["name"]] = [None, *values]
        common: dict[str, list[Any]] = {
            name: few[name] for name in ("include_total", "q") if name in few
        }
        found = combined({**few, **many}) if len(few) + len(many) < 5 else combined(few)
        for name, values in many.items() if len(few) + len(many) >= 5 else ():
            found += combined({**(common if name == "sort" else few), name: values[1:]})
        if len(found) > 1:
            for query in found:
                yield Draft(operation, {"user_id": "me"}, query)

    def _in(self, operation: Operation) -> list[dict[str, Any]]:
        return list(operation.spec.get("parameters", ()))

    def _switch(self, parameter: dict[str, Any]) -> list[Any]:
        name = parameter["name"]
        if name == "q":
            return ["task"]
        schema = self._plain(parameter["schema"])
        if schema.get("type") == "boolean":
            return [True] if schema.get("default") is False else [True, False]
        if name.endswith("_id"):
            of = REFERS_TO.get(name, name.removesuffix("_id"))
            none = [one["const"] for one in parameter["schema"].get("anyOf", ()) if "const" in one]
            return [*none, Own(f"listed {of}")]
        return list(schema.get("enum", ()))

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
                made = [self.value(schema["items"], name, owner) for _ in range(count)]
                made = [*dict.fromkeys(made)] if schema.get("uniqueItems") else made
            case "boolean":
                made = schema.get("default") is False and owner == "query"
                made = made or self._rng.random() < 0.5
            case "integer":
                low = schema.get("minimum", 0)
                made = self._rng.randint(low, min(schema.get("maximum", 20), low + 20))
            case _:
                is_new = name == "id" and owner.endswith("Create")
                made = self._text(schema, name, of or name.removesuffix("_id"), is_new=is_new)
        return made

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "properties" not in schema:
            return {"note": f"task {self._rng.getrandbits(48):x}"}
        properties = schema["properties"]
        of = properties.get("type", {}).get("const")
        outer, self._subject = self._subject, of or self._subject
        required = schema.get("required", ())
        title = schema.get("title", "")
        only = self._rng.choice([*properties]) if self._has_one_change(title) else None
        made = {}
        for name, item in properties.items():
            plain = self._plain(item)
            odds = {"uuid": 0.8, "password": 1.0}.get(plain.get("format", ""), 0.5)
            odds *= 1 if name in ANCHORS else self._density
            is_wanted = self._rng.random() < odds if only is None else name == only
            if name in required or (is_wanted and name not in _ABSENT):
                is_null = _is_nullable(item) and self._rng.random() < _NULLS[name in ANCHORS]
                made[name] = None if is_null else self.value(item, name, title, of=of)
        self._subject = outer
        return without_contradictions(made, self._rng.random())

    def _has_one_change(self, title: str) -> bool:
        return title.endswith("Patch") and self._rng.random() < 0.5

    def _text(self, schema: dict[str, Any], name: str, of: str, *, is_new: bool) -> Any:
        number = self._rng.getrandbits(48)
        if schema.get("format") == "uuid":
            return self._id(name, of, is_new=is_new and self._rng.random() < _NEW)
        if schema.get("format") in {"date", "date-time"} or name in {
            "time",
            "query",
            "filter",
            "rule",
        }:
            return schema["examples"][0]
        made: dict[str, Any] = {
            "email": f"{number:012x}@example.com",
            "color": f"#{number % 2**24:06x}",
            "timezone": "Europe/Rome",
            "grant_type": "password",
        }
        is_password = schema.get("format") == "password"
        return Own("password") if is_password else made.get(name, f"task {number:x}")

    def _id(self, name: str, of: str, *, is_new: bool) -> str:
        """An own id of the type that a field refers to, or a new one."""
        fresh = str(UUID(int=self._rng.getrandbits(128), version=4))
        of = self._subject if name in ANCHORS else REFERS_TO.get(name, of)
        is_reference = name not in {"id", f"{self._subject}_id"}
        own = self.live_ids if is_reference or self._rng.random() < 0.5 else self.own_ids
        return fresh if is_new else self._rng.choice(own.get(of) or [fresh])


def _is_nullable(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


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
