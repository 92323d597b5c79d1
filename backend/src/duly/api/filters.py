"""Saved filters over HTTP."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response

from duly.api.deps import Context, IfMatch, IfNoneMatch, Scope
from duly.api.once import Once
from duly.api.resources import change_one, delete_one, get_one, get_page
from duly.records import pages
from duly.schemas.filters import FilterCreate, FilterPatch, FilterQuery, FilterReplace
from duly.schemas.order import Move
from duly.services import filters

FilterId = Annotated[UUID, Path(description="The filter's id.")]


async def create_filter(
    context: Context, scope: Scope, body: FilterCreate, once: Once
) -> Response:
    """Create a filter.

    Repeating the same request with the same `id` returns the existing filter with status 200.
    """
    return await once.create(filters.TYPE, body, filters.create(scope, body, context.settings))


async def list_filters(
    context: Context,
    scope: Scope,
    query: Annotated[FilterQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your filters.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    read_page = partial(pages.read_plain_page, scope, context.keyring, filters.TYPE, query)
    read_tag = partial(pages.read_tag, scope, filters.TYPE, query)
    return await get_page(if_none_match, read_tag, read_page)


async def get_filter(
    scope: Scope, filter_id: FilterId, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a filter."""
    return await get_one(scope, filters.TYPE, filter_id, if_none_match)


async def replace_filter(
    scope: Scope, filter_id: FilterId, body: FilterReplace, versions: IfMatch
) -> Response:
    """Replace a filter.

    Fields that are absent are set to their defaults.
    """
    return await change_one(scope, filters.replace(scope, filter_id, body, versions))


async def update_filter(
    scope: Scope, filter_id: FilterId, body: FilterPatch, versions: IfMatch
) -> Response:
    """Change a filter.

    The body is a JSON merge patch (RFC 7396): absent fields stay, null clears.
    """
    return await change_one(scope, filters.patch(scope, filter_id, body, versions))


async def move_filter(
    scope: Scope, filter_id: FilterId, body: Move, versions: IfMatch
) -> Response:
    """Move a filter among your filters.

    Without `after_id` and `before_id` it becomes the last.
    """
    return await change_one(scope, filters.move(scope, filter_id, body, versions))


async def delete_filter(scope: Scope, filter_id: FilterId, versions: IfMatch) -> Response:
    """Delete a filter permanently."""
    return await delete_one(scope, filters.delete_filter(scope, filter_id, None, versions))
