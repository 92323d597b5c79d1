"""Batches over HTTP."""

from functools import partial
from typing import Any

from fastapi import Response

from duly.api.deps import Caller, Context
from duly.api.once import Once
from duly.schemas.batches import Batch
from duly.services import batches
from duly.services.idempotency import StoredResponse
from duly.utils.encoding import encode


async def run_batch(context: Context, caller: Caller, body: Batch, once: Once) -> Response:
    """Apply up to 100 operations.

    Each operation has its own status. With `atomic`, either all are applied or none.
    """
    missing = batches.lacking(body, caller.scopes)
    work = partial(batches.run, batch=body, settings=context.settings, missing=missing)
    return await once.run(body, work, _render, missing=missing)


def _render(result: dict[str, Any]) -> StoredResponse:
    return StoredResponse(200, {}, encode(result))
