"""A good request for every operation, made from the schema alone; attacks are bad versions of it."""

import json
from copy import copy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from fastapi import FastAPI

from tests.support.operations import Operation, operations_of

Fields = tuple[str | int, ...]
Headers = tuple[tuple[bytes, bytes], ...]
_MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Sample:
    """A request in its parts. `headers` are those besides the token and the body's."""

    operation: Operation
    path: dict[str, str]
    query: tuple[tuple[str, str], ...] = ()
    headers: Headers = ()
    media_type: str | None = None
    body: bytes = b""

    @property
    def target(self) -> bytes:
        """Path and query as they stand in the request's line."""
        path = self.operation.path
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", value)
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{path}?{query}".rstrip("?").encode()

    def with_query(self, name: str, value: str) -> "Sample":
        """The same, with another parameter; both are percent-encoded already."""
        kept = tuple(pair for pair in self.query if pair[0] != name)
        return replace(self, query=(*kept, (name, value)))

    def with_headers(self, *headers: tuple[bytes, bytes]) -> "Sample":
        """The same, with more headers."""
        lower = tuple((name.lower(), value) for name, value in headers)
        return replace(self, headers=(*self.headers, *lower))

    def padded(self, size: int, filler: bytes = b" ") -> "Sample":
        """The same, with a body of so many bytes."""
        return replace(self, body=self.body.ljust(size, filler))

    def addressed(self, real: dict[str, str]) -> "Sample":
        """The same, with what an account really has in the place of what stands for it."""
        path = {name: real.get(value, value) for name, value in self.path.items()}
        body = self.body
        for stands, value in real.items():
            body = body.replace(stands.encode(), value.encode())
            body = body.replace(quote(stands).encode(), quote(value).encode())  # in a form
        return replace(self, path=path, body=body)


_EXCLUDED_BY = {
    "before_id": "after_id",
    "add_label_ids": "label_ids",
    "remove_label_ids": "label_ids",
}
"""Fields that cannot be sent together with another one."""


class Sampler:
    """Makes samples. `known` are values by the names of fields; others are made up."""

    def __init__(self, app: FastAPI, known: dict[str, Any]) -> None:
        self._schemas = app.openapi()["components"]["schemas"]
        self._known = known
        self.operations = operations_of(app)

    def knowing(self, **known: Any) -> "Sampler":
        """The same, with more that is known."""
        other = copy(self)
        other._known = {**self._known, **known}
        return other

    def sample(self, operation: Operation) -> Sample:
        """A request that passes validation, with every parameter that has to be sent."""
        path = {
            item["name"]: quote(str(self.value(item["schema"], item["name"])), safe="")
            for item in operation.spec.get("parameters", ())
            if item["in"] == "path"
        }
        if operation.body_type is None:
            return Sample(operation, path)
        content = self.body(operation)
        is_form = operation.body_type != "application/json"
        body = urlencode(content) if is_form else json.dumps(content)
        return Sample(operation, path, media_type=operation.body_type, body=body.encode())

    def body(self, operation: Operation) -> Any:
        """A good body, every field of it given."""
        content = operation.spec["requestBody"]["content"][operation.body_type]
        return self.value(content["schema"], "")

    def value(self, schema: dict[str, Any], name: str) -> Any:
        """A good value of a schema. Fails for what it does not know: extend it then."""
        if name in self._known:
            return self._known[name]
        schema = self._plain(schema)
        for fixed in ("const", "enum"):
            if fixed in schema:
                return schema["const"] if fixed == "const" else schema["enum"][0]
        makers = {
            "object": self._object,
            "array": self._array,
            "boolean": lambda _: True,
            "integer": lambda schema: schema.get("minimum", 1),
            "string": _text,
        }
        assert schema.get("type") in makers, f"no sample for {name}: {schema}"
        return makers[schema["type"]](schema)

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with a type of its own: what is referred to, the first of several."""
        while "type" not in schema:
            if "$ref" in schema:
                schema = self._schemas[schema["$ref"].rpartition("/")[2]]
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                schema = options[0]
            else:
                break
        return schema

    def _array(self, schema: dict[str, Any]) -> list[Any]:
        """One item of each kind."""
        return [self.value(kind, "") for kind in self._kinds(schema["items"])]

    def _kinds(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        kinds = schema.get("oneOf") or schema.get("anyOf")
        return [one for kind in kinds for one in self._kinds(kind)] if kinds else [schema]

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "properties" not in schema:  # the client's own
            return dict(schema.get("examples", ({},))[0])
        names = dict(schema["properties"])
        for name, other in _EXCLUDED_BY.items():
            if other in names:
                names.pop(name, None)
        # Of names that exclude each other, the first.
        for alternative in schema.get("oneOf", ())[1:]:
            for name in alternative["required"]:
                names.pop(name, None)
        return {name: self.value(item, name) for name, item in names.items()}


def _text(schema: dict[str, Any]) -> str:
    match schema.get("format"):
        case "uuid":
            return str(uuid4())
        case "timezone":
            return "Europe/Rome"
        case "date" | "date-time":
            return str(schema["examples"][0])
    if "pattern" in schema and "examples" in schema:
        return str(schema["examples"][0])
    return "password" if schema.get("pattern") == "^password$" else f"t{uuid4().hex}"


def fields_of(body: Any, here: Fields = ()) -> list[Fields]:
    """The place of every value in a body, objects and lists among them."""
    if here[-1:] == ("metadata",):
        return [here]  # what is in it is the client's own
    if isinstance(body, dict):
        items: list[tuple[str | int, Any]] = list(body.items())
    elif isinstance(body, list):
        items = list(enumerate(body))
    else:
        return [here]
    inner = [place for name, item in items for place in fields_of(item, (*here, name))]
    return [here, *inner] if here else inner


def with_value(body: Any, place: Fields, value: bytes, name: bytes | None = None) -> bytes:
    """A body as JSON, with raw bytes in one place; under another name, if one is given."""
    if not place:
        return value
    first, rest = place[0], place[1:]
    if isinstance(body, list):
        parts = [
            with_value(item, rest, value, name) if number == first else json.dumps(item).encode()
            for number, item in enumerate(body)
        ]
        return b"[%s]" % b",".join(parts)
    parts = []
    for key, item in body.items():
        encoded = json.dumps(key).encode()
        if key != first:
            parts.append(encoded + b":" + json.dumps(item).encode())
        elif rest or name is None:
            parts.append(encoded + b":" + with_value(item, rest, value, name))
        else:
            parts += [encoded + b":" + json.dumps(item).encode(), b'"%s":%s' % (name, value)]
    return b"{%s}" % b",".join(parts)
