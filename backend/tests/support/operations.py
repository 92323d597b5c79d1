"""Every operation that the application serves, read from its own routes."""

import re
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from duly.api.openapi import build_schema

METHODS = ("get", "post", "put", "patch", "delete")

# An id of nothing, for the parameters of paths.
NOTHING = "01936d5e-8f1c-7000-8000-00000000dead"


@dataclass(frozen=True)
class Operation:
    """A method and a path, and what the schema says of them."""

    method: str
    path: str
    spec: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.spec["operationId"])

    @property
    def url(self) -> str:
        """The path, with ids of nothing, under the caller."""
        return re.sub(r"\{\w+_id\}", NOTHING, self.path.replace("{user_id}", "me"))

    @property
    def body_type(self) -> str | None:
        """The media type of the body that it takes."""
        return next(iter(self.spec.get("requestBody", {}).get("content", {})), None)


@lru_cache(maxsize=1)
def whole_schema(app: FastAPI) -> dict[str, Any]:
    """The schema with the routes that the served one leaves out: those under /users/{user_id}."""
    routes = [copy(route) for route in app.routes]
    for route in routes:
        if isinstance(route, APIRoute):
            route.include_in_schema = True
    return build_schema(app, routes)


def is_defect(status: int, body: bytes) -> bool:
    """Whether a response shows a defect. Most tests run without a mail server, which is none."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and b"MAIL_NOT_CONFIGURED" not in body


def operations_of(app: FastAPI) -> list[Operation]:
    """Every operation of the application."""
    found = [
        Operation(method.upper(), path, item[method])
        for path, item in whole_schema(app)["paths"].items()
        for method in METHODS
        if method in item
    ]
    assert found
    return found
