"""A device's copy of its user's resources, kept by the rules of docs/sync.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import Account

Name = tuple[str, str]
"""The type and the id of a resource."""


@dataclass
class Copy:
    """Resources by type and id, the user's profile, and the token of the next request."""

    resources: dict[Name, dict[str, Any]] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    token: str | None = None

    def of(self, kind: ResourceType) -> list[str]:
        """The ids of the resources of one type, in order."""
        return sorted(resource_id for name, resource_id in self.resources if name == kind.name)

    def apply(self, change: dict[str, Any]) -> None:
        """Apply one change."""
        name = change["type"], change["id"]
        if name[0] == "user":
            assert (change["op"], change["data"]["id"]) == ("upsert", change["id"])
            self.profile = change["data"]
            return
        assert name[0] in {kind.name for kind in RESOURCE_TYPES}
        if change["op"] == "upsert":
            assert change["data"]["id"] == change["id"]
            self.resources[name] = change["data"]
        else:
            assert change["data"] is None
            self.resources.pop(name, None)

    async def pull(self, account: Account, limit: int = 100) -> list[dict[str, Any]]:
        """Sync until there are no more changes, and return the responses."""
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["has_more"]:
            answers.append(await self.pull_page(account, limit))
        return answers

    async def pull_page(self, account: Account, limit: int = 100) -> dict[str, Any]:
        """Send one request. A response contains no resource twice."""
        answer = await sync(account, self.token, limit)
        if self.token is None:
            assert answer["full"]
            self.resources = {}
        names = [(change["type"], change["id"]) for change in answer["changes"]]
        assert len(names) == len(set(names)) <= limit
        for change in answer["changes"]:
            self.apply(change)
        self.token = answer["token"]
        return answer


async def sync(account: Account, token: str | None = None, limit: int = 100) -> dict[str, Any]:
    """One response of `GET /sync`."""
    params = {"limit": limit, **({"token": token} if token else {})}
    response = await account.get("/sync", params=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


def reported(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """The changes of resources that a response reports: operations and ids, in order."""
    return [
        (change["op"], change["id"]) for change in answer["changes"] if change["type"] != "user"
    ]


async def stored(
    account: Account, kinds: Sequence[ResourceType] = RESOURCE_TYPES
) -> dict[Name, dict[str, Any]]:
    """All resources that the lists show, by type and id."""
    found: dict[Name, dict[str, Any]] = {}
    for kind in kinds:
        params: dict[str, Any] = {"limit": 100, "cursor": ""}
        while params["cursor"] is not None:
            asked = {name: value for name, value in params.items() if value}
            page = (await account.get(f"/{kind.plural}", params=asked)).json()
            found |= {(kind.name, item["id"]): item for item in page["items"]}
            params["cursor"] = page["next_cursor"]
    return found


async def make(account: Account, count: int) -> list[str]:
    """The ids of new tasks."""
    return [(await account.create_task())["id"] for _ in range(count)]


async def synced(account: Account) -> Copy:
    """A copy of all resources."""
    copy = Copy()
    await copy.pull(account)
    return copy
