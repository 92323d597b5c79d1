"""Tasks over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response

from duly.api.deps import Context, IdempotencyKey, IfMatch, IfNoneMatch, Scope, TaskId
from duly.api.responses import Encoded
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.schemas.base import QueryBool, RequestBody
from duly.schemas.batches import Batch
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskQuery, TaskReplace
from duly.services import batches, idempotency, task_lists, tasks
from duly.services.idempotency import Answer
from duly.utils.encoding import encode
from duly.utils.etags import etag, is_named


async def create_task(
    context: Context, scope: Scope, body: TaskCreate, request: Request, key: IdempotencyKey = None
) -> Response:
    """Create a task.

    Repeating the same request with the same `id` returns the existing task with status 200.
    """

    async def work(scope: UserScope) -> Answer:
        task, is_new = await tasks.create(scope, body, context.settings.max_tasks)
        headers = {"ETag": etag(task["version"])}
        if is_new:
            headers["Location"] = f"{request.url.path}/{task['id']}"
        return Answer(201 if is_new else 200, headers, encode(task))

    async def again(scope: UserScope) -> Answer:
        assert body.id is not None  # only a task that was there before can be that long
        task = await tasks.read(scope, body.id)
        return Answer(200, {"ETag": etag(task["version"])}, encode(task))

    return await _once(context, scope, request, work, key=key, body=body, again=again)


async def run_task_batch(
    context: Context, scope: Scope, body: Batch, request: Request, key: IdempotencyKey = None
) -> Response:
    """Apply up to 100 operations on tasks.

    Each operation has its own status. With `atomic`, either all are applied or none.
    """
    settings = context.settings

    async def work(scope: UserScope) -> Answer:
        result = await batches.run(
            scope, body, requires_match=settings.require_if_match, limit=settings.max_tasks
        )
        return Answer(200, {}, encode(result))

    return await _once(context, scope, request, work, key=key, body=body)


async def list_tasks(
    context: Context,
    scope: Scope,
    query: Annotated[TaskQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your tasks.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    if if_none_match is not None:
        tag = await task_lists.read_tag(scope, query)
        if is_named(tag, if_none_match):
            return Response(status_code=304, headers={"ETag": etag(tag)})
    page, tag = await task_lists.read_page(scope, context.keyring, query)
    return Encoded(page, headers={"ETag": etag(tag)})


async def get_task(scope: Scope, task_id: TaskId, if_none_match: IfNoneMatch = None) -> Response:
    """Read a task.

    A task in the trash is not found here; list it with `trashed=true`.
    """
    task = await tasks.read(scope, task_id)
    if if_none_match is not None and is_named(task["version"], if_none_match):
        return Response(status_code=304, headers={"ETag": etag(task["version"])})
    return _one(task)


async def replace_task(
    scope: Scope, task_id: TaskId, body: TaskReplace, versions: IfMatch
) -> Response:
    """Replace a task.

    Missing fields are set to their defaults.
    """
    return _one(await tasks.replace(scope, task_id, body, versions))


async def update_task(
    scope: Scope, task_id: TaskId, body: TaskPatch, versions: IfMatch
) -> Response:
    """Change a task.

    The body is a JSON merge patch (RFC 7396): missing fields are unchanged, null clears.
    """
    return _one(await tasks.patch(scope, task_id, body, versions))


async def delete_task(
    scope: Scope,
    task_id: TaskId,
    versions: IfMatch,
    permanent: Annotated[
        QueryBool, Query(description="Delete at once and permanently, without the trash.")
    ] = False,
) -> Response:
    """Delete a task.

    The task moves to the trash, where it can be restored for 30 days.
    """
    if permanent:
        await tasks.erase(scope, task_id, versions)
    else:
        await tasks.trash(scope, task_id, versions)
    return Response(status_code=204)


async def restore_task(scope: Scope, task_id: TaskId, versions: IfMatch) -> Response:
    """Restore a task from the trash.

    Restoring a task that is not in the trash changes nothing.
    """
    return _one(await tasks.restore(scope, task_id, versions))


async def complete_task(scope: Scope, task_id: TaskId, versions: IfMatch) -> Response:
    """Complete a task.

    Completing a completed task changes nothing.
    """
    return _one(await tasks.complete(scope, task_id, versions))


async def reopen_task(scope: Scope, task_id: TaskId, versions: IfMatch) -> Response:
    """Reopen a task.

    Reopening an open task changes nothing.
    """
    return _one(await tasks.reopen(scope, task_id, versions))


async def _once(
    context: Context,
    scope: UserScope,
    request: Request,
    work: idempotency.Work,
    *,
    key: str | None,
    body: RequestBody,
    again: idempotency.Work | None = None,
) -> Response:
    """Do `work`, or return the response that it had before under the same key."""
    if key is None:
        answer = await idempotency.started_over(partial(work, scope))
    else:
        route = f"{request.method} {request.scope['route'].path}"
        # Only what was sent: in a change, null is not the same as absent.
        sent = body.model_dump(exclude_unset=True)
        answer = await idempotency.once(
            scope, context.flights, work, route=route, key=key, body=sent, again=again
        )
    headers = {"Idempotency-Replayed": "true"} if answer.is_replay else {}
    return Response(
        answer.body, answer.status, {**answer.headers, **headers}, media_type="application/json"
    )


def _one(task: Row) -> Response:
    return Encoded(task, headers={"ETag": etag(task["version"])})
