"""Bodies of batches: several operations on resources of all types in one request."""

from typing import Annotated

from pydantic import FailFast, Field, StrictBool

from duly.schemas.base import RequestBody, ResponseBody
from duly.schemas.resource_types import Operation, Result

MAX_OPERATIONS = 100


class Batch(RequestBody):
    """Operations, applied in order. With `atomic`, either all are applied or none."""

    # Errors of all operations can be thousands; those of the first invalid one are reported.
    operations: Annotated[
        list[Operation], FailFast(), Field(min_length=1, max_length=MAX_OPERATIONS)
    ]
    atomic: StrictBool = False


class BatchResult(ResponseBody):
    """The results, in the order of the operations."""

    applied: Annotated[bool, Field(description="False if an atomic batch failed.")]
    results: list[Result]
