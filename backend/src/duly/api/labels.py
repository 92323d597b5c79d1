"""Labels over HTTP."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response

from duly.api.deps import Context, IfMatch, IfNoneMatch, Scope
from duly.api.once import Once
from duly.api.resources import change_one, delete_one, get_one, get_page
from duly.records import pages
from duly.schemas.labels import LabelCreate, LabelPatch, LabelQuery, LabelReplace
from duly.schemas.order import Move
from duly.services import labels

LabelId = Annotated[UUID, Path(description="The label's id.")]


async def create_label(context: Context, scope: Scope, body: LabelCreate, once: Once) -> Response:
    """Create a label.

    Repeating the same request with the same `id` returns the existing label with status 200.
    """
    return await once.create(labels.TYPE, body, labels.create(scope, body, context.settings))


async def list_labels(
    context: Context,
    scope: Scope,
    query: Annotated[LabelQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your labels.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    read_page = partial(pages.read_plain_page, scope, context.keyring, labels.TYPE, query)
    read_tag = partial(pages.read_tag, scope, labels.TYPE, query)
    return await get_page(if_none_match, read_tag, read_page)


async def get_label(
    scope: Scope, label_id: LabelId, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a label."""
    return await get_one(scope, labels.TYPE, label_id, if_none_match)


async def replace_label(
    scope: Scope, label_id: LabelId, body: LabelReplace, versions: IfMatch
) -> Response:
    """Replace a label.

    Fields that are absent are set to their defaults.
    """
    return await change_one(scope, labels.replace(scope, label_id, body, versions))


async def update_label(
    scope: Scope, label_id: LabelId, body: LabelPatch, versions: IfMatch
) -> Response:
    """Change a label.

    The body is a JSON merge patch (RFC 7396): absent fields stay, null clears.
    """
    return await change_one(scope, labels.patch(scope, label_id, body, versions))


async def move_label(scope: Scope, label_id: LabelId, body: Move, versions: IfMatch) -> Response:
    """Move a label among your labels.

    Without `after_id` and `before_id` it becomes the last.
    """
    return await change_one(scope, labels.move(scope, label_id, body, versions))


async def delete_label(scope: Scope, label_id: LabelId, versions: IfMatch) -> Response:
    """Delete a label permanently, and take it off its tasks."""
    return await delete_one(scope, labels.delete_label(scope, label_id, None, versions))
