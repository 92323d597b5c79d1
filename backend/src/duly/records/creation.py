"""Create a resource, once: the same create under the client's own id changes nothing."""

from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, and_, bindparam, exists, select
from sqlalchemy.dialects import postgresql

from duly.core.errors import IdTaken, QuotaExceeded
from duly.database.pool import Row
from duly.database.scope import Found
from duly.database.statements import USER_ID, OwnedStatement, owned_change
from duly.records.commands import Command, Raced, lookup
from duly.records.revisions import next_revision
from duly.records.types import ID, ResourceType
from duly.schemas.base import RequestBody
from duly.utils.encoding import encode
from duly.utils.identifiers import new_id

Created = tuple[Row, bool]
"""A resource, and whether it was created now; false if the same create was done before."""

_HASH = bindparam("creation_hash", type_=LargeBinary())
_LIMIT = bindparam("limit", type_=Integer())


def create(
    kind: ResourceType, user_id: UUID, body: RequestBody, *, client_id: UUID | None, limit: int
) -> Command[Created]:
    """The command that creates a resource, under the client's own id if there is one.

    It raises `IdTaken` if the caller has another resource under that id, and `QuotaExceeded` if
    the caller has `limit` resources.
    """
    resource_id = client_id or new_id()
    params: dict[str, Any] = {
        "id": resource_id,
        "creation_hash": None if client_id is None else _hash_of(body),
        "limit": limit,
    }
    for name, field in kind.fields.items():
        params |= field.params(user_id, getattr(body, name))

    def finish(row: Row | None, found: Found | None) -> Created:
        if row is not None:
            return row, True
        assert found is not None
        if found.resource is not None:
            if not found.facts["is_same"]:
                raise IdTaken(kind.name)
            return found.resource, False
        if found.facts["count"] >= limit:
            raise QuotaExceeded(kind.plural, limit)
        raise Raced

    return Command(
        f"{kind.name}.created",
        resource_id,
        _insert(kind, under_client_id=client_id is not None),
        _lookup(kind),
        params,
        finish,
    )


@cache
def _insert(kind: ResourceType, *, under_client_id: bool) -> OwnedStatement:
    # An id that is taken takes no revision. One taken at the same moment is a conflict and undoes
    # the statement: the resource would have been counted.
    conditions = [kind.counter < _LIMIT]
    if under_client_id:
        conditions.append(~exists().where(kind.is_named))
    owner = next_revision(*conditions, **{kind.counter.name: kind.counter + 1})
    values: dict[str, Any] = {
        "user_id": USER_ID,
        "id": ID,
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
        "creation_hash": _HASH,
    }
    for field in kind.fields.values():
        values |= (field.new_values or field.values)(owner)
    return owned_change(
        postgresql.insert(kind.table)
        .from_select(list(values), select(*values.values()))
        .returning(*kind.shown)
    )


@cache
def _lookup(kind: ResourceType) -> OwnedStatement:
    is_same = and_(kind.is_live, kind.table.c.creation_hash == _HASH)
    return lookup(kind, is_same=is_same, count=kind.counter)


def _hash_of(body: RequestBody) -> bytes:
    """The digest that distinguishes a repeated create from another one with the same id."""
    # Without defaults: a field that is added one day must not make this another create.
    return sha256(encode(body.model_dump(exclude={"id"}, exclude_defaults=True))).digest()
