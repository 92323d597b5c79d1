"""Create a resource, once: the same create under the client's own id changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Insert,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    exists,
    false,
    select,
)
from sqlalchemy.dialects import postgresql

from duly.core.errors import IdTaken, NameTaken, QuotaExceeded
from duly.database.scope import Found, UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned, owned_change
from duly.database.values import Row
from duly.records import commands
from duly.records.commands import Command, Operation, Procedure, Raced, lookup
from duly.records.order import Spot, appended, key_at
from duly.records.revisions import IS_FRESH, next_revision
from duly.records.types import ID, ResourceType, returning_shown
from duly.schemas.base import RequestBody
from duly.schemas.order import Creation
from duly.utils.encoding import encode_sorted
from duly.utils.identifiers import new_id

Created = tuple[Row, bool]
"""A resource, and whether it was created now; false if the same create was done before."""


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """What a type adds to the statement that creates a resource, which is compiled once for each.

    Nothing is created unless `condition` holds; `explain` then raises the error, given the facts of
    the look-up, `fits` among them. `beside` inserts further rows, given the new resource.
    """

    condition: ColumnElement[bool] | None = None
    explain: Callable[[Row], None] = lambda _: None
    beside: Callable[[CTE], Insert] | None = None


PLAIN = Shape()

_ALWAYS_COMPUTED = ("position", "created_at", "updated_at", "version")
"""The columns of responses that each statement that creates a resource computes."""
_NONE: Mapping[str, Any] = MappingProxyType({})

_POSITION = bindparam("position", type_=Text())
_HASH = bindparam("creation_hash", type_=LargeBinary())
_LIMIT = bindparam("limit", type_=Integer())


def create(
    kind: ResourceType,
    user_id: UUID,
    body: Creation,
    limit: int,
    *,
    shape: Shape = PLAIN,
    values: Mapping[str, Any] = _NONE,
    sent: RequestBody | None = None,
) -> Operation[Created]:
    """The operation that creates a resource last among its siblings, or where the body says.

    It raises `IdTaken` if the caller has another resource under the client's own id, `NameTaken`,
    and `QuotaExceeded` if the caller has `limit` resources. `shape` adds to the statement.
    `values` are fields that differ from the body. `sent` is what the client sent, if the body was
    computed from it: a create is repeated if that is the same.
    """
    resource_id = body.id or new_id()
    digest = None if body.id is None else _hash_of(sent or body)
    if not body.is_anchored:
        return _command(kind, user_id, body, limit, resource_id, digest, shape, values)

    async def work(transaction: UserScope, _: Any, revision: int) -> Created:
        sent = _values_of(kind, body, values)
        place = {column.name: sent[column.name] for column in kind.siblings}
        key = await key_at(transaction, Spot(kind, resource_id, place, body), revision)
        command = _command(kind, user_id, body, limit, resource_id, digest, shape, values, key)
        return await commands.run(transaction, command)

    return Procedure(None, resource_id, [], work)


async def find_created(
    scope: UserScope, kind: ResourceType, resource_id: UUID | None, sent: RequestBody
) -> Row | None:
    """Return the resource that an earlier, equal create under this id has created, or None.

    Raise `IdTaken` if another create has created it.
    """
    if resource_id is None:
        return None
    found = await scope.find(_created(kind), id=resource_id, creation_hash=_hash_of(sent))
    if found is None:
        return None
    if not found.facts["is_same"]:
        raise IdTaken(kind.name)
    return found.resource


@cache
def _created(kind: ResourceType) -> OwnedStatement:
    return owned(select(*kind.shown, _is_same(kind).label("_is_same")).where(kind.is_named))


def _is_same(kind: ResourceType) -> ColumnElement[bool]:
    return kind.table.c.creation_hash == _HASH


def _command(  # noqa: PLR0917  # all that a create consists of
    kind: ResourceType,
    user_id: UUID,
    body: Creation,
    limit: int,
    resource_id: UUID,
    digest: bytes | None,
    shape: Shape,
    values: Mapping[str, Any],
    position: str | None = None,
) -> Command[Created]:
    params: dict[str, Any] = {
        "id": resource_id,
        "creation_hash": digest,
        "limit": limit,
        "position": position,
    }
    stored = _values_of(kind, body, values)
    is_short = all(stored[name] == empty for name, empty in kind.rare.items())
    for name in _fields_to_set(kind, is_short):
        params |= kind.fields[name].params(user_id, stored[name])

    def finish(row: Row | None, found: Found | None) -> Created:
        if row is not None:
            return {**_blank(kind), "id": resource_id, "user_id": user_id, **stored, **row}, True
        assert found is not None
        if found.resource is not None:
            if not found.facts["is_same"]:
                raise IdTaken(kind.name)
            if not (kind.has_trash or found.facts["is_live"]):
                # A section says nowhere that it went to the trash with its list.
                shape.explain(found.facts)
            return found.resource, False
        if found.facts["count"] >= limit:
            raise QuotaExceeded(kind.plural, limit)
        if found.facts["is_name_taken"]:
            raise NameTaken(kind.name)
        shape.explain(found.facts)
        raise Raced

    is_under_client_id = body.id is not None
    return Command(
        f"{kind.name}.created",
        resource_id,
        _insert(kind, shape, is_under_client_id, position is not None, is_short),
        _lookup(kind, shape),
        params,
        finish,
        affects_others=kind.is_referred_to,
    )


def _values_of(kind: ResourceType, body: Creation, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: getattr(body, name) for name in kind.fields}, **values}


@cache
def _fields_to_set(kind: ResourceType, is_short: bool) -> tuple[str, ...]:
    """All fields, or all but the rare ones, whose columns then have their defaults.

    Not those with a value: clients would choose how many statements are compiled.
    """
    return tuple(name for name in kind.fields if not (is_short and name in kind.rare))


@cache
def _blank(kind: ResourceType) -> Row:
    """A resource without values, its columns in the order of responses."""
    return dict.fromkeys(str(column.name) for column in kind.shown)


@cache
def _insert(
    kind: ResourceType,
    shape: Shape,
    is_under_client_id: bool,
    is_placed: bool,
    is_short: bool,
) -> OwnedStatement:
    """The statement that sets all fields or all but the rare ones.

    It returns what the caller does not know.
    """
    # An id that is taken takes no revision. One taken at the same moment is a conflict and undoes
    # the statement: the resource would have been counted.
    conditions = [kind.counter < _LIMIT]
    if is_under_client_id:
        conditions.append(~exists().where(kind.is_named))
    if kind.has_unique_name:
        conditions.append(~_is_name_taken(kind))
    if shape.condition is not None:
        conditions += [IS_FRESH, shape.condition]
    owner = next_revision(*conditions, **{kind.counter.name: kind.counter + 1})
    fields = [kind.fields[name] for name in _fields_to_set(kind, is_short)]
    values: dict[str, Any] = {
        "user_id": USER_ID,
        "id": ID,
        "created_at": owner.c.changed_at,
        "updated_at": owner.c.changed_at,
        "revision": owner.c.revision,
        "creation_hash": _HASH,
        "position": _POSITION if is_placed else appended(owner.c.revision),
    }
    for field in fields:
        values |= (field.new_values or field.values)(owner)
    insert = postgresql.insert(kind.table).from_select(list(values), select(*values.values()))
    names = {*_ALWAYS_COMPUTED, *(name for field in fields for name in field.computed)}
    returned = [column for column in kind.shown if column.name in names]
    if shape.beside is None and is_short:  # only rare fields have columns to compose
        return owned_change(insert.returning(*returned))
    new, shown = returning_shown(kind, insert, returned)
    statement = select(*shown)
    if shape.beside is not None:
        statement = statement.add_cte(shape.beside(new).cte("beside"))
    return owned_change(statement)


@cache
def _lookup(kind: ResourceType, shape: Shape) -> OwnedStatement:
    is_name_taken = _is_name_taken(kind) if kind.has_unique_name else false()
    facts: dict[str, ColumnElement[Any]] = {
        "is_same": _is_same(kind),
        "is_live": kind.is_live,
        "count": kind.counter,
        "is_name_taken": is_name_taken,
    }
    if shape.condition is not None:
        facts["fits"] = shape.condition
    return lookup(kind, **facts)


def _is_name_taken(kind: ResourceType) -> ColumnElement[bool]:
    # An alias: the look-up joins the table itself.
    other = kind.table.alias("other")
    key = bindparam("name_key", type_=Text())
    return exists().where(other.c.user_id == USER_ID, other.c.name_key == key)


def _hash_of(body: RequestBody) -> bytes:
    """The digest that distinguishes a repeated create from another one with the same id."""
    # Without defaults: a field that is added one day must not make this another create.
    fields = body.model_dump(exclude={"id"}, exclude_defaults=True)
    return sha256(encode_sorted(fields)).digest()
