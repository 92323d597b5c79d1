"""What a device holds of its user's things, kept by the rules of docs/sync.md."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.accounts import Account


@dataclass
class Copy:
    """Things by their id, and the token to ask with next."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str | None = None

    def apply(self, change: dict[str, Any]) -> None:
        """Take one change over."""
        assert change["type"] == "task"
        if change["op"] == "upsert":
            assert change["data"]["id"] == change["id"]
            self.things[change["id"]] = change["data"]
        else:
            assert change["data"] is None
            self.things.pop(change["id"], None)

    async def pull(self, account: Account, limit: int = 100) -> list[dict[str, Any]]:
        """Sync until there is no more; gives the answers."""
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["has_more"]:
            answers.append(await self.pull_page(account, limit))
        return answers

    async def pull_page(self, account: Account, limit: int = 100) -> dict[str, Any]:
        """Ask once. Nothing stands in an answer twice."""
        answer = await sync(account, self.token, limit)
        if self.token is None:
            assert answer["full"]
            self.things = {}
        names = [(change["type"], change["id"]) for change in answer["changes"]]
        assert len(names) == len(set(names)) <= limit
        for change in answer["changes"]:
            self.apply(change)
        self.token = answer["token"]
        return answer


async def sync(account: Account, token: str | None = None, limit: int = 100) -> dict[str, Any]:
    """One answer of `GET /sync`."""
    params = {"limit": limit, **({"token": token} if token else {})}
    response = await account.get("/sync", params=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


def told(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """What an answer tells of: operations and ids, in their order."""
    return [(change["op"], change["id"]) for change in answer["changes"]]


async def stored_tasks(account: Account) -> dict[str, dict[str, Any]]:
    """All tasks that the lists show, by id."""
    tasks: dict[str, dict[str, Any]] = {}
    cursor = None
    while True:
        params = {"limit": 100, "sort": "created_at", **({"cursor": cursor} if cursor else {})}
        page = (await account.get("/tasks", params=params)).json()
        tasks |= {task["id"]: task for task in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return tasks


async def make(account: Account, count: int) -> list[str]:
    """The ids of new tasks."""
    return [(await account.create_task())["id"] for _ in range(count)]


async def synced(account: Account) -> Copy:
    """A copy that has all there is."""
    copy = Copy()
    await copy.pull(account)
    return copy
