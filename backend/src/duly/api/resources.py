"""Parameters and responses that the endpoints of all resource types share."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Response

from duly.api.responses import Encoded, not_modified
from duly.database.scope import UserScope
from duly.database.values import Row
from duly.records import changes, commands
from duly.records.commands import FastPath, Operation
from duly.records.types import ResourceType
from duly.utils.etags import etag, is_named


async def change_one(
    scope: UserScope, operation: Operation[Row], fast_path: FastPath | None = None
) -> Response:
    """Change a resource, and return it."""
    if fast_path is None:
        return _one(await commands.run(scope, operation))
    return _one(await commands.run_fast(scope, fast_path, operation))


async def delete_one(scope: UserScope, operation: Operation[Row]) -> Response:
    """Delete a resource, and return nothing."""
    await commands.run(scope, operation)
    return Response(status_code=204)


async def get_one(
    scope: UserScope, kind: ResourceType, resource_id: UUID, if_none_match: str | None
) -> Response:
    """Return a resource, or 304 if the client has its current version."""
    resource = await changes.read(scope, kind, resource_id)
    if if_none_match is not None and is_named(resource["version"], if_none_match):
        return not_modified(resource["version"])
    return _one(resource)


async def get_page(
    if_none_match: str | None,
    read_tag: Callable[[], Awaitable[str]],
    read_page: Callable[[], Awaitable[tuple[dict[str, Any], str]]],
) -> Response:
    """Return what `read_page` reads, or 304 if the client has it."""
    if if_none_match is not None:
        tag = await read_tag()
        if is_named(tag, if_none_match):
            return not_modified(tag)
    page, tag = await read_page()
    return Encoded(page, headers={"ETag": etag(tag)})


def _one(resource: Row) -> Response:
    return Encoded(resource, headers={"ETag": etag(resource["version"])})
