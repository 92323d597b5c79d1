"""Tables without an owner: owned statements may do to them what their model allows, and no more."""

from typing import Any

import pytest
from sqlalchemy import delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from duly.database.statements import USER_ID, UnscopedStatement, owned
from duly.models import Installation, RevokedSession
from duly.models.base import owner_column, shared_access
from duly.utils.tables import table_of
from tests.support.ownership import MINE, MY_SESSION, Build, each, renaming, sessions, tasks

installations = table_of(Installation)
revoked = table_of(RevokedSession)
AN_EPOCH: Any = select(installations.c.epoch).scalar_subquery()
A_REVOKED_SESSION: Any = select(revoked.c.session_id).limit(1).scalar_subquery()


def revoking(**values: Any) -> Any:
    return postgresql.insert(revoked).values(session_id=USER_ID, expires_at=func.now(), **values)


@each(
    delete_=lambda: delete(revoked),
    delete_by_user_id=lambda: delete(revoked).where(revoked.c.session_id == USER_ID),
    delete_using_owned_rows=lambda: delete(revoked).where(
        MY_SESSION, revoked.c.session_id == sessions.c.id
    ),
    delete_in_a_cte=lambda: select(delete(revoked).returning(revoked.c.session_id).cte("c")),
    update_=lambda: update(revoked).values(expires_at=func.now()),
    update_from_owned_rows=lambda: (
        update(revoked)
        .where(MY_SESSION, revoked.c.session_id == sessions.c.id)
        .values(expires_at=func.now())
    ),
    upsert=lambda: revoking().on_conflict_do_update(
        index_elements=["session_id"], set_={"expires_at": func.now()}
    ),
    select_=lambda: select(revoked),
    select_an_alias=lambda: select(revoked.alias()),
    count=lambda: select(func.count()).select_from(revoked),
    join=lambda: (
        select(sessions.c.id)
        .join(revoked, revoked.c.session_id == sessions.c.id)
        .where(MY_SESSION)
    ),
    exists_=lambda: select(sessions.c.id).where(MY_SESSION, exists(select(revoked.c.session_id))),
    a_scalar_subquery=lambda: select(tasks.c.id, A_REVOKED_SESSION).where(MINE),
    an_update_that_reads_it=lambda: renaming(MINE).returning(A_REVOKED_SESSION),
    a_delete_that_reads_it=lambda: delete(tasks).where(MINE, tasks.c.id == revoked.c.session_id),
)
def test_append_only_table_compiles_for_nothing_but_insert(build: Build) -> None:
    with pytest.raises(UnscopedStatement, match="revoked_sessions"):
        owned(build())


@each(
    insert_=lambda: insert(installations).values(id=2),
    insert_from_select=lambda: insert(installations).from_select(["id"], select(literal(2))),
    update_=lambda: update(installations).values(epoch=USER_ID),
    delete_=lambda: delete(installations),
    delete_by_user_id=lambda: delete(installations).where(installations.c.epoch == USER_ID),
    upsert=lambda: (
        postgresql.insert(installations)
        .values(id=1)
        .on_conflict_do_update(index_elements=["id"], set_={"epoch": USER_ID})
    ),
    in_a_cte=lambda: select(literal(1)).add_cte(delete(installations).cte("c")),
)
def test_readable_table_compiles_for_nothing_but_select(build: Build) -> None:
    with pytest.raises(UnscopedStatement, match="installations"):
        owned(build())


@each(
    alone=lambda: select(installations.c.epoch).with_for_update(),
    shared=lambda: select(installations.c.epoch).with_for_update(read=True),
    beside_owned_rows=lambda: (
        select(tasks.c.id, installations.c.epoch).where(MINE).with_for_update()
    ),
    in_a_cte=lambda: select(select(installations.c.epoch).with_for_update().cte("c")),
)
def test_readable_table_cannot_be_locked(build: Build) -> None:
    with pytest.raises(UnscopedStatement, match="locked"):
        owned(build())


@each(
    select_=lambda: select(installations.c.epoch),
    beside_owned_rows=lambda: select(tasks.c.id, AN_EPOCH).where(MINE),
    owned_rows_locked_beside_it=lambda: select(tasks.c.id, AN_EPOCH).where(MINE).with_for_update(),
    insert_into_the_append_only_table=revoking,
    insert_or_nothing=lambda: revoking().on_conflict_do_nothing(),
    insert_from_owned_rows=lambda: insert(revoked).from_select(
        ["session_id", "expires_at"], select(sessions.c.id, func.now()).where(MY_SESSION)
    ),
)
def test_access_that_the_model_allows_compiles(build: Build) -> None:
    owned(build())


def test_table_without_owner_and_without_mark_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(installations.info, "owned_statements_may")

    with pytest.raises(UnscopedStatement, match="has no owner"):
        owned(select(installations.c.epoch))


def test_every_table_is_owned_or_marked() -> None:
    unowned = {
        table.name: shared_access(table)
        for table in SQLModel.metadata.tables.values()
        if owner_column(table) is None
    }

    assert unowned == {
        "deleted_identities": "INSERT",
        "installations": "SELECT",
        "outgoing_mails": None,  # for cross-user statements only
        "revoked_sessions": "INSERT",
    }
