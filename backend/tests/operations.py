"""All that the application serves, read from its own schema."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

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
        return self.path.format(task_id=NOTHING, session_id=NOTHING, user_id="me")

    @property
    def body_type(self) -> str | None:
        """The media type of the body that it takes."""
        return next(iter(self.spec.get("requestBody", {}).get("content", {})), None)


def operations_of(app: FastAPI) -> list[Operation]:
    """Every operation of the schema."""
    return [
        Operation(method.upper(), path, item[method])
        for path, item in app.openapi()["paths"].items()
        for method in METHODS
        if method in item
    ]
