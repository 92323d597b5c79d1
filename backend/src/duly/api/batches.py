"""Batches over HTTP."""

from collections import Counter
from functools import partial
from typing import Any

from fastapi import Response

from duly.api.deps import Caller, Context
from duly.api.once import Once
from duly.core.errors import QuotaExceeded
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
    is_counted = context.settings.metrics_port is not None
    render = partial(_render_counted, context.quota_hits) if is_counted else _render
    return await once.run(body, work, render, missing=missing)


def _render_counted(quota_hits: Counter[str], result: dict[str, Any]) -> StoredResponse:
    quota_hits.update(
        one["error"]["details"]["what"]
        for one in result["results"]
        if one["error"] and one["error"]["code"] == QuotaExceeded.code
    )
    return _render(result)


def _render(result: dict[str, Any]) -> StoredResponse:
    return StoredResponse(200, {}, encode(result))
