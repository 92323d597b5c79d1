"""Batches, played on a model according to the API contract."""

from dataclasses import dataclass

from duly.services.resource_types import OPERATIONS
from tests.model.states import ANY, Body, Exactly, Refused, Resource, UserState

CREATED = 201


@dataclass(frozen=True)
class Result:
    """The expected result of one operation."""

    status: int
    resource: Body | None = None
    hidden: frozenset[str] = frozenset()
    code: str | None = None


NOT_APPLIED = Result(424, code="BATCH_NOT_APPLIED")


def play(
    state: UserState, batch: Body, received: list[Body]
) -> tuple[UserState | None, list[Result]]:
    """Return the state after a batch, None if it is not applied, and the expected results.

    `received` are the results that the service returned: ids and times are taken from them.
    """
    draft = state.draft()
    results: list[Result] = []
    for number, (operation, result) in enumerate(zip(batch["operations"], received, strict=True)):
        try:
            status, resource = _play(draft, operation, result["data"], f"created by {number}")
        except Refused as refused:
            results.append(Result(refused.status, code=refused.code))
            continue
        if resource is None:
            results.append(Result(status))
            continue
        hidden = _hidden_fields(operation, status)
        shown = resource.shown(state.id)
        visible = {name: value for name, value in shown.items() if name not in hidden}
        results.append(Result(status, visible, hidden))
        if result["data"]:
            resource.adopt(result["data"])
    if batch["atomic"] and any(result.code for result in results):
        return None, [result if result.code else NOT_APPLIED for result in results]
    return draft, results


def _hidden_fields(operation: Body, status: int) -> frozenset[str]:
    """The long fields that the result leaves out, since the operation has not set them."""
    long_fields = OPERATIONS[operation["type"]].kind.long_fields
    if operation["op"] == "update":
        return long_fields - set(operation["data"])
    return frozenset() if status == CREATED else long_fields


def _play(
    draft: UserState, operation: Body, received: Body | None, unknown_id: str
) -> tuple[int, Resource | None]:
    kind = OPERATIONS[operation["type"]].kind
    if operation["op"] == "create":
        # The results of a batch that is not applied hold no ids.
        new_id = received["id"] if received else unknown_id
        resource, is_new = draft.create(kind, operation["data"], new_id)
        return CREATED if is_new else 200, resource
    version = operation.get("if_match")
    matches = ANY if version is None else Exactly(version)
    if operation["op"] == "delete":
        is_permanent = operation.get("data", {}).get("permanent", False)
        draft.delete(kind, operation["id"], matches, is_permanent=is_permanent)
        return 204, None
    if operation["op"] == "update":
        resource = draft.find(kind, operation["id"], matches)
        draft.change(resource, operation["data"])
        return 200, resource
    return 200, draft.act(kind, operation["op"], operation["id"], matches)
