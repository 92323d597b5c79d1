"""Lists of tasks over HTTP."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query, Response

from duly.api.deps import Context, IfMatch, IfNoneMatch, Scope
from duly.api.once import Once
from duly.api.resources import change_one, delete_one, get_one, get_page
from duly.records import pages
from duly.schemas.base import QueryBool, id_or
from duly.schemas.lists import (
    ListCreate,
    ListDeleteOptions,
    ListPatch,
    ListQuery,
    ListReplace,
)
from duly.schemas.order import Move
from duly.services import lists

ListId = Annotated[UUID, Path(description="The list's id.")]


async def create_list(context: Context, scope: Scope, body: ListCreate, once: Once) -> Response:
    """Create a list.

    Repeating the same request with the same `id` returns the existing list with status 200.
    """
    return await once.create(lists.TYPE, body, lists.create(scope, body, context.settings))


async def list_lists(
    context: Context,
    scope: Scope,
    query: Annotated[ListQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your lists.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    read_page = partial(lists.read_page, scope, context.keyring, query)
    read_tag = partial(pages.read_tag, scope, lists.TYPE, query)
    return await get_page(if_none_match, read_tag, read_page)


async def get_list(scope: Scope, list_id: ListId, if_none_match: IfNoneMatch = None) -> Response:
    """Read a list.

    A list in the trash is not found here; list it with `is_trashed=true`.
    """
    return await get_one(scope, lists.TYPE, list_id, if_none_match)


async def replace_list(
    scope: Scope, list_id: ListId, body: ListReplace, versions: IfMatch
) -> Response:
    """Replace a list.

    Fields that are absent are set to their defaults.
    """
    return await change_one(scope, lists.replace(scope, list_id, body, versions))


async def update_list(
    scope: Scope, list_id: ListId, body: ListPatch, versions: IfMatch
) -> Response:
    """Change a list.

    The body is a JSON merge patch (RFC 7396): absent fields stay, null clears.
    """
    return await change_one(scope, lists.patch(scope, list_id, body, versions))


async def move_list(scope: Scope, list_id: ListId, body: Move, versions: IfMatch) -> Response:
    """Move a list among your lists.

    Without `after_id` and `before_id` it becomes the last.
    """
    return await change_one(scope, lists.move(scope, list_id, body, versions))


async def delete_list(
    scope: Scope,
    list_id: ListId,
    versions: IfMatch,
    permanent: Annotated[
        QueryBool, Query(description="Delete at once and permanently, without the trash.")
    ] = False,
    move_tasks_to: Annotated[
        Literal["inbox"] | UUID | None,
        id_or("inbox"),
        Query(description="Keep its tasks: move them to `inbox`, or to the list with this id."),
    ] = None,
) -> Response:
    """Delete a list with its sections and tasks.

    They move to the trash, where they can be restored together for 30 days.
    """
    options = ListDeleteOptions(permanent=permanent, move_tasks_to=move_tasks_to)
    return await delete_one(scope, lists.delete_list(scope, list_id, options, versions))


async def restore_list(
    context: Context, scope: Scope, list_id: ListId, versions: IfMatch
) -> Response:
    """Restore a list from the trash, with the sections and tasks that were deleted with it.

    Restoring a list that is not in the trash changes nothing.
    """
    return await change_one(scope, lists.restore(scope, list_id, None, versions, context.settings))
