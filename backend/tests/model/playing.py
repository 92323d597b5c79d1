"""Batches, played on a model as the contract tells."""

from dataclasses import dataclass

from tests.model.states import ANY, STALE, Body, Refused, Task, UserState


@dataclass(frozen=True)
class Result:
    """What should become of one operation, as an answer tells it."""

    status: int
    task: Body | None = None
    code: str | None = None


def play(state: UserState, batch: Body, told: list[Body]) -> tuple[UserState | None, list[Result]]:
    """The state after a batch, None where nothing of it is applied, and the result of each."""
    draft = state.draft()
    results: list[Result] = []
    for number, (operation, answer) in enumerate(zip(batch["operations"], told, strict=True)):
        try:
            status, task = _play(draft, operation, answer["data"], f"created by {number}")
        except Refused as refused:
            results.append(Result(refused.status, code=refused.code))
        else:
            results.append(
                Result(status, _shown(task.shown(state.id), operation, status) if task else None)
            )
            if task and answer["data"]:
                task.adopt(answer["data"])
    if batch["atomic"] and any(result.code for result in results):
        return None, [result if result.code else NOT_APPLIED for result in results]
    return draft, results


def _shown(task: Body, operation: Body, status: int) -> Body:
    """The task as a result has it: without the texts that the operation has not set."""
    is_new = status == CREATED
    set_texts = _TEXTS if is_new else _TEXTS & set(operation.get("data", {}))
    return {name: value for name, value in task.items() if name in set_texts or name not in _TEXTS}


def _play(
    draft: UserState, operation: Body, told: Body | None, unknown_id: str
) -> tuple[int, Task | None]:
    if operation["op"] == "create":
        # Of a batch that is not applied no id is told.
        task, is_new = draft.create(operation["data"], told["id"] if told else unknown_id)
        return 201 if is_new else 200, task
    task = draft.find(operation["id"], ANY)
    if operation.get("if_match") not in (None, task.version):
        raise Refused(*STALE)
    if operation["op"] == "delete":
        draft.trash(task)
        return 204, None
    if operation["op"] == "update":
        draft.change(task, operation["data"])
    else:
        draft.turn(task, is_completed=operation["op"] == "complete")
    return 200, task


CREATED = 201
_TEXTS = {"title", "description"}
NOT_APPLIED = Result(424, code="BATCH_NOT_APPLIED")
