"""Tokens of accounts that were deleted or disabled, on every operation there is."""

import pytest
from fastapi import FastAPI

from duly.services import operators
from tests.support.accounts import Account, error_code
from tests.support.api_tokens import create_token, using
from tests.support.direct_sql import execute
from tests.support.operations import Operation, is_defect, operations_of


def private(app: FastAPI) -> list[Operation]:
    return [operation for operation in operations_of(app) if operation.spec.get("security")]


async def call(account: Account, operation: Operation) -> tuple[int, str]:
    """The status and the code that an operation answers with, whatever its body."""
    answer = await account.client.request(
        operation.method, operation.url, headers=account.headers, timeout=5
    )
    return answer.status_code, error_code(answer) if answer.status_code >= 400 else ""


@pytest.mark.parametrize("how", ["disabled", "deleted", "logged out"])
async def test_every_operation_rejects_the_token_of_an_ended_session(
    app: FastAPI, alice: Account, how: str
) -> None:
    match how:
        case "disabled":
            await operators.disable_user(app.state.context, alice.email)
        case "deleted":
            body = {"current_password": alice.password}
            assert (await alice.delete("/users/me", json=body)).status_code == 204
        case _:
            assert (await alice.post("/auth/logout")).status_code == 204

    operations = private(app)
    assert len(operations) > 20
    for operation in operations:
        assert await call(alice, operation) == (401, "UNAUTHENTICATED"), operation.id


@pytest.mark.parametrize("how", ["disabled", "deleted", "another password", "token deleted"])
async def test_every_operation_rejects_an_api_token_that_has_ended(
    app: FastAPI, alice: Account, how: str
) -> None:
    token = await create_token(alice)
    robot = using(alice, token)
    assert (await robot.get("/users/me")).status_code == 200
    match how:
        case "disabled":
            await operators.disable_user(app.state.context, alice.email)
        case "deleted":
            body = {"current_password": alice.password}
            assert (await alice.delete("/users/me", json=body)).status_code == 204
        case "another password":
            await operators.set_password(app.state.context, alice.email, "another horse battery")
        case _:
            assert (await alice.delete(f"/users/me/tokens/{token['id']}")).status_code == 204

    for operation in private(app):
        assert await call(robot, operation) == (401, "UNAUTHENTICATED"), operation.id


async def test_a_row_that_vanished_in_sql_is_never_a_defect(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    # Without its sessions being listed as ended: the token itself is still good.
    await execute(dsn, "DELETE FROM users WHERE id = %s", alice.id)

    for operation in private(app):
        status, code = await call(alice, operation)
        assert not is_defect(status, code.encode()), operation.id
    for body in ({"title": "t"}, {"title": "t", "id": "01936d5e-8f1c-7000-8000-000000000001"}):
        assert (await alice.post("/tasks", body)).status_code == 401
    [(count,)] = await execute(dsn, "SELECT count(*) FROM tasks WHERE user_id = %s", alice.id)
    assert count == 0
