"""Bodies of batches: several operations on tasks in one request."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from duly.schemas.base import RequestBody, ResponseBody
from duly.schemas.errors import ErrorBody
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskRead

MAX_OPERATIONS = 100
MAX_VERSION = 2**53 - 1
"""The largest integer that every JSON parser reads exactly."""

Ref = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="A name for a task that this batch creates.",
        examples=["milk"],
    ),
]


class CreateOperation(RequestBody):
    """Create a task. Later operations of the batch can name it by `ref`."""

    op: Literal["create"]
    task: TaskCreate
    ref: Ref | None = None


class _ExistingTask(RequestBody):
    """An operation on a task, named by `id` or by the `ref` of the operation that creates it."""

    id: UUID | None = None
    ref: Ref | None = None
    if_match: Annotated[
        int | None,
        Field(
            strict=True, ge=0, le=MAX_VERSION, description="The version that the task must have."
        ),
    ] = None

    # For OpenAPI: exactly one of the two names.
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("id", "ref")
            ]
        }
    )

    @model_validator(mode="after")
    def _check_name(self) -> "_ExistingTask":
        if (self.id is None) == (self.ref is None):
            raise ValueError("Send exactly one of id and ref")
        return self


class UpdateOperation(_ExistingTask):
    """Change the fields that are sent."""

    op: Literal["update"]
    changes: TaskPatch


class DeleteOperation(_ExistingTask):
    """Move a task to the trash."""

    op: Literal["delete"]


class CompleteOperation(_ExistingTask):
    """Complete a task."""

    op: Literal["complete"]


class ReopenOperation(_ExistingTask):
    """Reopen a task."""

    op: Literal["reopen"]


Operation = Annotated[
    CreateOperation | UpdateOperation | DeleteOperation | CompleteOperation | ReopenOperation,
    Field(discriminator="op"),
]


class Batch(RequestBody):
    """Operations, applied in order. With `atomic`, either all are applied or none."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MAX_OPERATIONS)]
    atomic: StrictBool = False

    @model_validator(mode="after")
    def _check_refs(self) -> "Batch":
        known: set[str] = set()
        for operation in self.operations:
            if isinstance(operation, CreateOperation):
                if operation.ref in known:
                    raise ValueError("Each ref must be unique within the batch")
                known |= {operation.ref} if operation.ref else set()
            elif operation.ref is not None and operation.ref not in known:
                raise ValueError("ref must name an earlier create operation")
        return self


class TaskResult(TaskRead):
    """The task after an operation; with only those texts that the operation set."""

    # A factory sets a default that the schema does not show: missing differs from the default.
    title: str = Field(default_factory=str, examples=["Buy milk"])
    description: str | None = Field(default_factory=lambda: None)


class OperationResult(ResponseBody):
    """The result of one operation: the status and body that its own route would have returned."""

    status: Annotated[int, Field(examples=[201])]
    task: TaskResult | None
    error: ErrorBody | None


class BatchResult(ResponseBody):
    """The results, in the order of the operations."""

    applied: Annotated[bool, Field(description="False if an atomic batch failed.")]
    results: list[OperationResult]
