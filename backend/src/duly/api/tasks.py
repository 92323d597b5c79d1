"""Tasks over HTTP."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response

from duly.api.deps import Context, IfMatch, IfNoneMatch, Scope
from duly.api.once import Once
from duly.api.requests import Request
from duly.api.resources import change_one, delete_one, get_one, get_page
from duly.api.responses import Encoded
from duly.records import commands
from duly.schemas.base import QueryBool
from duly.schemas.operations import DeleteOptions
from duly.schemas.quick_add import QuickAdd
from duly.schemas.tasks import (
    Completion,
    Skip,
    TaskCreate,
    TaskMove,
    TaskPatch,
    TaskQuery,
    TaskReplace,
)
from duly.services import quick_add, task_completion, task_pages, tasks
from duly.services.idempotency import StoredResponse
from duly.utils.encoding import encode

TaskId = Annotated[UUID, Path(description="The task's id.")]


async def create_task(context: Context, scope: Scope, body: TaskCreate, once: Once) -> Response:
    """Create a task.

    Without `after_id` and `before_id` it becomes the last among its siblings.
    Repeating the same request with the same `id` returns the existing task with status 200.
    """
    return await once.create(tasks.TYPE, body, tasks.create(scope, body, context.settings))


async def add_task_from_text(
    context: Context, scope: Scope, request: Request, body: QuickAdd, once: Once
) -> Response:
    """Create a task from a line of text.

    `spans` are the parts of the text that set a field; the rest is the title. Labels that do not
    exist yet are created. With `dry_run`, nothing is created.
    """
    if body.dry_run:
        draft = await quick_add.preview(scope, body)
        return Encoded({"draft": quick_add.shown(draft), "spans": draft.spans})

    def render(added: quick_add.Added) -> StoredResponse:
        content = encode({"task": added.task, "spans": added.spans})
        if not added.is_new:
            return StoredResponse(200, {}, content)
        path = request.scope["path"].removesuffix("/quick")
        return StoredResponse(201, {"Location": f"{path}/{added.task['id']}"}, content)

    work = partial(commands.run, command=quick_add.add(scope, body, context.settings))
    return await once.run(body, work, render)


async def list_tasks(
    context: Context,
    scope: Scope,
    query: Annotated[TaskQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your tasks.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    read_page = partial(task_pages.read_page, scope, context.keyring, query)
    read_tag = partial(task_pages.read_tag, scope, query)
    return await get_page(if_none_match, read_tag, read_page)


async def get_task(scope: Scope, task_id: TaskId, if_none_match: IfNoneMatch = None) -> Response:
    """Read a task.

    A task in the trash is not found here; list it with `is_trashed=true`.
    """
    return await get_one(scope, tasks.TYPE, task_id, if_none_match)


async def replace_task(
    scope: Scope, task_id: TaskId, body: TaskReplace, versions: IfMatch
) -> Response:
    """Replace a task.

    Missing fields are set to their defaults. `is_completed`, `list_id`, `section_id` and
    `parent_id` stay as they are if they are missing.
    """
    return await change_one(scope, tasks.replace(scope, task_id, body, versions))


async def update_task(
    scope: Scope, task_id: TaskId, body: TaskPatch, versions: IfMatch
) -> Response:
    """Change a task.

    The body is a JSON merge patch (RFC 7396): missing fields are unchanged, null clears.
    """
    return await change_one(scope, tasks.patch(scope, task_id, body, versions))


async def delete_task(
    scope: Scope,
    task_id: TaskId,
    versions: IfMatch,
    permanent: Annotated[
        QueryBool, Query(description="Delete at once and permanently, without the trash.")
    ] = False,
) -> Response:
    """Delete a task with its subtasks.

    They move to the trash, where they can be restored for 30 days.
    """
    options = DeleteOptions(permanent=permanent)
    return await delete_one(scope, tasks.delete_task(scope, task_id, options, versions))


async def restore_task(
    context: Context, scope: Scope, task_id: TaskId, versions: IfMatch
) -> Response:
    """Restore a task from the trash, with the subtasks that were deleted with it.

    A parent, list or section that is gone by then is cleared. Restoring a task that is not in the
    trash changes nothing.
    """
    operation = tasks.restore(scope, task_id, None, versions, context.settings)
    return await change_one(scope, operation)


async def move_task(scope: Scope, task_id: TaskId, body: TaskMove, versions: IfMatch) -> Response:
    """Move a task with its subtasks.

    Without `after_id` and `before_id` it becomes the last among its siblings.
    """
    return await change_one(scope, tasks.move(scope, task_id, body, versions))


async def complete_task(
    context: Context,
    scope: Scope,
    task_id: TaskId,
    versions: IfMatch,
    body: Completion | None = None,
) -> Response:
    """Complete a task and its open subtasks.

    A recurring task moves on to its next date, and leaves a completed copy. It needs its
    `occurrence`; an earlier one changes nothing. Completing a completed task changes nothing.
    """
    operation = task_completion.complete(scope, task_id, body, versions, context.settings)
    return await change_one(scope, operation, task_completion.fast_completion(body, versions))


async def skip_task(
    context: Context, scope: Scope, task_id: TaskId, body: Skip, versions: IfMatch
) -> Response:
    """Skip an occurrence of a recurring task.

    It moves on to its next date. An earlier occurrence than the current one changes nothing.
    """
    operation = task_completion.skip(scope, task_id, body, versions, context.settings)
    return await change_one(scope, operation)


async def reopen_task(
    context: Context, scope: Scope, task_id: TaskId, versions: IfMatch
) -> Response:
    """Reopen a task.

    It also opens the completed tasks above it, and the subtasks that were completed with it.
    Reopening the newest completed occurrence of a recurring task undoes the completion: the
    occurrence is deleted, and the response is the task. Reopening an open task changes nothing.
    """
    operation = task_completion.reopen(scope, task_id, None, versions, context.settings)
    return await change_one(scope, operation, task_completion.fast_reopening(versions))
