"""The doors to rows: what they take, what they refuse, and what they undo."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Uuid, bindparam, func, insert, literal, select, update

from duly.core.errors import ServiceUnavailable
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import (
    USER_ID,
    CrossUserStatement,
    Statement,
    across_users,
    owned,
    owned_change,
)
from duly.utils.identifiers import new_id
from tests.support.ownership import ME, MINE, STRANGER, new_task, renaming, tasks, users
from tests.support.two_users import People, two_people

MY_TITLES = owned(select(tasks.c.title).where(MINE))
RENAME = owned(renaming(MINE).returning(tasks.c.id))
EVERYBODY = across_users(select(users.c.id))


@pytest.fixture
async def people(dsn: str) -> AsyncIterator[People]:
    async with two_people(dsn) as people:
        yield people


@pytest.fixture
def across(people: People) -> AcrossUsers:
    return AcrossUsers(people.pool)


async def titles(people: People) -> set[str]:
    return {row["title"] for row in await people.scope.all(MY_TITLES)}


async def test_a_scope_refuses_a_statement_that_was_not_proven(people: People) -> None:
    with pytest.raises(TypeError, match="OwnedStatement"):
        await people.scope.all(EVERYBODY)  # type: ignore[arg-type]


async def test_a_scope_refuses_a_statement_of_no_kind(people: People) -> None:
    with pytest.raises(TypeError, match="OwnedStatement"):
        await people.scope.all(Statement(b"SELECT * FROM tasks", {}))  # type: ignore[arg-type]


async def test_a_scope_refuses_sql(people: People) -> None:
    with pytest.raises(TypeError, match="OwnedStatement"):
        await people.scope.one(b"SELECT * FROM tasks")  # type: ignore[arg-type]


async def test_owned_statement_is_rejected_across_users(across: AcrossUsers) -> None:
    with pytest.raises(TypeError, match="CrossUserStatement"):
        await across.all(MY_TITLES)  # type: ignore[arg-type]


async def test_a_statement_of_a_kind_made_from_a_kind_is_refused(across: AcrossUsers) -> None:
    class Other(CrossUserStatement):
        pass

    with pytest.raises(TypeError):
        await across.one(Other(b"SELECT 1", {}))


async def test_a_caller_can_not_name_the_user(people: People) -> None:
    with pytest.raises(TypeError, match="user_id"):
        await people.scope.all(MY_TITLES, user_id=people.theirs)


async def test_a_caller_can_not_even_name_the_same_user(people: People) -> None:
    with pytest.raises(TypeError, match="user_id"):
        await people.scope.one(MY_TITLES, user_id=people.mine)


async def test_caller_across_users_cannot_name_the_user(
    people: People, across: AcrossUsers
) -> None:
    with pytest.raises(TypeError, match="user_id"):
        await across.all(EVERYBODY, user_id=people.mine)


async def test_a_user_preset_in_a_statement_is_not_the_one_it_runs_for(people: People) -> None:
    preset = bindparam("user_id", people.theirs, type_=Uuid())
    statement = owned(select(tasks.c.user_id).where(tasks.c.user_id == preset))

    rows = await people.scope.all(statement)

    assert {row["user_id"] for row in rows} == {people.mine}


async def test_the_user_of_a_scope_is_in_no_parameter_of_the_caller(people: People) -> None:
    params: dict[str, Any] = {"title": "mine"}
    statement = owned(
        select(tasks.c.id).where(
            MINE, tasks.c.title != bindparam("title", type_=tasks.c.title.type)
        )
    )

    await people.scope.all(statement, **params)

    assert params == {"title": "mine"}


async def test_one_gives_the_first_row_or_none(people: People) -> None:
    account = owned(select(users.c.id).where(ME))

    assert await people.scope.one(account) == {"id": people.mine}
    assert await UserScope(people.pool, new_id()).one(account) is None


async def test_query_across_users_returns_the_first_row_or_none(across: AcrossUsers) -> None:
    number = across_users(select(literal(1).label("n")))
    nothing = across_users(select(users.c.id).where(users.c.id == STRANGER))

    assert await across.one(number) == {"n": 1}
    assert await across.one(nothing) is None


async def test_a_statement_without_rows_gives_none(people: People) -> None:
    assert await people.scope.all(owned(renaming(MINE))) == []


async def test_changes_of_a_transaction_are_committed_at_its_end(people: People) -> None:
    async with people.scope.transaction() as scope:
        await scope.all(RENAME)

    assert await titles(people) == {"changed"}


async def test_a_transaction_that_fails_leaves_nothing(people: People) -> None:
    before = await titles(people)

    async def fail() -> None:
        async with people.scope.transaction() as scope:
            await scope.all(RENAME)
            await scope.all(owned(insert(tasks).values(new_task())))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await titles(people) == before


async def test_uncommitted_changes_are_visible_inside_the_transaction_only(
    people: People,
) -> None:
    async with people.scope.transaction() as scope:
        await scope.all(RENAME)

        assert {row["title"] for row in await scope.all(MY_TITLES)} == {"changed"}
        assert "changed" not in await titles(people)


async def test_a_transaction_in_a_transaction_is_a_part_of_it(people: People) -> None:
    before = await titles(people)

    async def fail(scope: UserScope, *, whole: bool) -> None:
        async with scope.transaction() as part:
            await part.all(RENAME)
            # It sees what the whole has done, and goes with it.
            assert {row["title"] for row in await scope.all(MY_TITLES)} == {"changed"}
            if not whole:
                raise LookupError
        raise LookupError

    async with people.scope.transaction() as scope:
        with pytest.raises(LookupError):
            await fail(scope, whole=False)
        assert {row["title"] for row in await scope.all(MY_TITLES)} == before

    with pytest.raises(LookupError):
        async with people.scope.transaction() as scope:
            await fail(scope, whole=True)
    assert await titles(people) == before


async def test_only_committed_changes_are_announced(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[Any] = []
    monkeypatch.setattr(people.pool, "_on_change", announced.append)
    counted = owned_change(update(users).where(ME).values(revision=1).returning(users.c.id))

    async def fail(scope: UserScope) -> None:
        async with scope.transaction() as part:
            await part.all(counted)
            raise LookupError

    async with people.scope.transaction() as scope:
        with pytest.raises(LookupError):
            await fail(scope)
    assert announced == []

    async with people.scope.transaction() as scope, scope.transaction() as part:
        await part.all(counted)
        assert announced == []
    assert announced == [people.mine]


async def test_a_transaction_of_a_scope_is_of_the_same_user(people: People) -> None:
    async with people.scope.transaction() as scope:
        assert scope.user_id == people.mine
        rows = await scope.all(owned(select(tasks.c.user_id).where(MINE)))

    assert {row["user_id"] for row in rows} == {people.mine}


async def test_scope_of_a_transaction_across_users_shares_it(
    people: People, across: AcrossUsers
) -> None:
    before = await titles(people)

    rename_them = across_users(update(users).where(users.c.id == people.theirs).values(name="x"))

    async def fail() -> None:
        async with across.transaction() as transaction:
            await transaction.user(people.mine).all(RENAME)
            await transaction.all(rename_them)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await titles(people) == before
    assert "'name': 'x'" not in str(await people.stored(people.theirs))


async def test_scopes_of_several_users_share_one_transaction(
    people: People, across: AcrossUsers
) -> None:
    here = across_users(
        select(func.pg_backend_pid().label("pid"), func.txid_current().label("tx"))
    )
    seen = owned(select(tasks.c.title).where(MINE, tasks.c.title == "changed"))

    async with across.transaction() as transaction:
        first = await transaction.one(here)
        await transaction.user(people.mine).all(RENAME)
        assert await transaction.user(people.mine).all(seen)
        assert not await transaction.user(people.theirs).all(seen)
        assert await transaction.one(here) == first


async def test_scope_from_across_users_without_a_transaction_runs_at_once(
    people: People, across: AcrossUsers
) -> None:
    await across.user(people.mine).all(RENAME)

    assert await titles(people) == {"changed"}


async def test_a_transaction_takes_no_longer_than_it_is_given(people: People) -> None:
    sleep = across_users(select(func.pg_sleep(bindparam("seconds"))))

    async def dawdle() -> None:
        async with people.scope.transaction(timeout=0.5) as scope:
            await scope.all(RENAME)
            await AcrossUsers(scope._runner).all(sleep, seconds=30)

    with pytest.raises(ServiceUnavailable):
        await dawdle()

    assert "changed" not in await titles(people)


def test_a_statement_can_not_be_changed_after_its_proof() -> None:
    with pytest.raises(AttributeError):
        MY_TITLES.sql = b"SELECT title FROM tasks"  # type: ignore[misc]


def test_the_user_of_a_scope_is_named_by_the_statement_once_and_for_all() -> None:
    assert USER_ID.key not in MY_TITLES.constants
    assert b"%(user_id)s" in MY_TITLES.sql
