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
    refs: dict[str, str] = {}
    results: list[Result] = []
    for number, (operation, answer) in enumerate(zip(batch["operations"], told, strict=True)):
        try:
            status, task = _play(draft, operation, refs, answer["task"], f"created by {number}")
        except Refused as refused:
            results.append(Result(refused.status, code=refused.code))
        else:
            results.append(
                Result(status, _shown(task.shown(state.id), operation, status) if task else None)
            )
            if task and answer["task"]:
                task.adopt(answer["task"])
    if batch["atomic"] and any(result.code for result in results):
        return None, [result if result.code else NOT_APPLIED for result in results]
    return draft, results


def _shown(task: Body, operation: Body, status: int) -> Body:
    """The task as a result has it: without the texts that the operation has not set."""
    is_new = status == CREATED
    set_texts = _TEXTS if is_new else _TEXTS & set(operation.get("changes", {}))
    return {name: value for name, value in task.items() if name in set_texts or name not in _TEXTS}


def _play(
    draft: UserState, operation: Body, refs: dict[str, str], told: Body | None, unknown_id: str
) -> tuple[int, Task | None]:
    if operation["op"] == "create":
        # Of a batch that is not applied no id is told.
        task, is_new = draft.create(operation["task"], told["id"] if told else unknown_id)
        if operation.get("ref"):
            refs[operation["ref"]] = task.id
        return 201 if is_new else 200, task
    task = _find(draft, operation, refs)
    if operation["op"] == "delete":
        draft.trash(task)
        return 204, None
    if operation["op"] == "update":
        draft.change(task, operation["changes"])
    else:
        draft.turn(task, is_completed=operation["op"] == "complete")
    return 200, task


def _find(draft: UserState, operation: Body, refs: dict[str, str]) -> Task:
    task_id = refs.get(operation["ref"], "") if operation.get("ref") else operation["id"]
    task = draft.find(task_id, ANY)
    if operation.get("if_match") not in (None, task.version):
        raise Refused(*STALE)
    return task


CREATED = 201
_TEXTS = {"title", "description"}
NOT_APPLIED = Result(424, code="BATCH_NOT_APPLIED")
