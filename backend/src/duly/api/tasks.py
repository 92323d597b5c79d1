"""Tasks over HTTP."""

from typing import Annotated

from fastapi import Query, Request, Response

from duly.api.deps import Context, Scope, TaskId
from duly.api.responses import Encoded
from duly.database.pool import Row
from duly.schemas.tasks import TaskCreate, TaskPatch, TaskQuery, TaskReplace
from duly.services import task_lists, tasks


async def create_task(scope: Scope, body: TaskCreate, request: Request) -> Response:
    """Make a task."""
    task = await tasks.create(scope, body)
    location = f"{request.url.path}/{task['id']}"
    return _one(task, 201, {"Location": location})


async def list_tasks(
    context: Context, scope: Scope, query: Annotated[TaskQuery, Query()]
) -> Response:
    """List your tasks, page by page."""
    return Encoded(await task_lists.read_page(scope, context.keyring, query))


async def get_task(scope: Scope, task_id: TaskId) -> Response:
    """Read one task."""
    return _one(await tasks.read(scope, task_id))


async def replace_task(scope: Scope, task_id: TaskId, body: TaskReplace) -> Response:
    """Replace a task whole: what is absent gets its default."""
    return _one(await tasks.replace(scope, task_id, body))


async def update_task(scope: Scope, task_id: TaskId, body: TaskPatch) -> Response:
    """Change what is sent, keep the rest (RFC 7396): null clears."""
    return _one(await tasks.patch(scope, task_id, body))


async def delete_task(scope: Scope, task_id: TaskId) -> Response:
    """Delete a task."""
    await tasks.remove(scope, task_id)
    return Response(status_code=204)


async def complete_task(scope: Scope, task_id: TaskId) -> Response:
    """Complete a task. Doing it twice changes nothing."""
    return _one(await tasks.complete(scope, task_id))


async def reopen_task(scope: Scope, task_id: TaskId) -> Response:
    """Reopen a task. Doing it twice changes nothing."""
    return _one(await tasks.reopen(scope, task_id))


def _one(task: Row, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Encoded(task, status, {"ETag": f'"{task["version"]}"', **(headers or {})})
