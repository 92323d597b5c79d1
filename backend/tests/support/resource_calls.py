"""Calls that create, read and change resources."""

from typing import Any

import httpx

from tests.support.accounts import Account

Resource = dict[str, Any]


async def create(account: Account, plural: str, **fields: Any) -> Resource:
    """A new resource."""
    return body_of(await account.post(f"/{plural}", fields), 201)


async def create_task(account: Account, title: str = "task", /, **fields: Any) -> Resource:
    """A new task without a description."""
    return await create(account, "tasks", title=title, **fields)


async def chain_of(account: Account, count: int, **fields: Any) -> list[Resource]:
    """Tasks of which each is a subtask of the one before."""
    tasks = [await create_task(account, **fields)]
    while len(tasks) < count:
        tasks.append(await create_task(account, parent_id=tasks[-1]["id"]))
    return tasks


def body_of(response: httpx.Response, status: int = 200) -> Resource:
    """The body of a response, which must have a status."""
    assert response.status_code == status, response.text
    return dict(response.json())


async def read(account: Account, task: Resource) -> Resource:
    """A task as it is now."""
    return body_of(await account.get(f"/tasks/{task['id']}"))


async def act(account: Account, task: Resource, verb: str, **body: Any) -> Resource:
    """A task after an action."""
    return body_of(await account.post(f"/tasks/{task['id']}/{verb}", body or None))


async def patch(account: Account, task: Resource, **changes: Any) -> Resource:
    """A task after a patch."""
    return body_of(await account.patch(f"/tasks/{task['id']}", changes))


async def trash(account: Account, plural: str, resource: Resource) -> None:
    """Move a resource to the trash, or delete it if its type has none."""
    response = await account.delete(f"/{plural}/{resource['id']}")
    assert response.status_code == 204, response.text


async def titles(
    account: Account, query: str = "sort=position", plural: str = "tasks"
) -> list[str]:
    """The titles or names in a list, in its order; at most 100."""
    page = body_of(await account.get(f"/{plural}?limit=100&{query}"))
    return [item.get("title", item.get("name")) for item in page["items"]]


def errors_of(response: httpx.Response) -> list[tuple[str, str]]:
    """The paths and types of the fields that are invalid."""
    assert response.status_code == 400, response.text
    return [(one["path"], one["type"]) for one in response.json()["error"]["details"]["fields"]]


def place_of(task: Resource) -> tuple[Any, Any, Any]:
    """The list, section and parent of a task."""
    return task["list_id"], task["section_id"], task["parent_id"]
