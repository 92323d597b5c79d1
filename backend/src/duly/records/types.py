"""Resource types: the table, the columns of responses, and the fields that clients may set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Insert,
    Table,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    cast,
    false,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.sql import visitors
from sqlalchemy.sql.util import ClauseAdapter

from duly.database.statements import USER_ID
from duly.schemas.metadata import merge_metadata
from duly.utils.name_keys import name_key

ID: BindParameter[Any] = bindparam("id", type_=Uuid())
"""The resource that a statement is about."""

Values = Callable[[CTE], Mapping[str, ColumnElement[Any]]]
"""Columns by name and what they are set to, given the CTE `owner` of `records.revisions`."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a field that clients may set is stored.

    `values` returns the columns that it sets; `new_values`, if it differs, the same for a new
    resource. `params` returns the parameters in them, given the owner's id and what the client
    sent. Responses show that under the field's name, except for the columns in `computed`, which
    PostgreSQL computes. The result of an operation in a batch shows an `is_long` field only if it
    was set there. `merge` applies a patch to the current value; it raises `ValueError` if they do
    not fit.
    """

    values: Values
    params: Callable[[UUID, Any], Mapping[str, Any]]
    new_values: Values | None = None
    computed: tuple[str, ...] = ()
    is_long: bool = False
    merge: Callable[[Any, Any], Any] | None = None


def stored_as_sent(column: Column[Any]) -> Field:
    """A field that one column of the same name stores unchanged."""
    value = bindparam(column.name, type_=column.type)
    return Field(lambda _: {column.name: value}, lambda _, sent: {column.name: sent})


def searchable_text(
    column: Column[Any], words: Column[Any], vector: Callable[[UUID, Any], str]
) -> Field:
    """A text that may be long, and the column of its words, which `vector` computes."""
    text = bindparam(column.name, type_=column.type)
    text_words = cast(bindparam(words.name, type_=Text()), TSVECTOR)
    return Field(
        lambda _: {column.name: text, words.name: text_words},
        lambda user_id, sent: {column.name: sent, words.name: vector(user_id, sent)},
        is_long=True,
    )


def json_object(column: Column[Any]) -> Field:
    """The client's JSON object."""
    value = bindparam(column.name, type_=JSONB())
    return Field(
        lambda _: {column.name: value},
        lambda _, sent: {column.name: Jsonb(sent)},
        computed=(column.name,),  # PostgreSQL writes numbers in its own form
        is_long=True,
        merge=merge_metadata,
    )


def name_with_key(column: Column[Any], key: Column[Any]) -> Field:
    """A name, and its key, which is the same for all names that count as equal."""
    name, its_key = (bindparam(one.name, type_=one.type) for one in (column, key))
    return Field(
        lambda _: {column.name: name, key.name: its_key},
        lambda _, sent: {column.name: sent, key.name: name_key(sent)},
    )


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class ResourceType:
    """One type of owned resource.

    `shown` are the columns of a response, `version` among them. `counter` is the column of the
    owner's row that counts the resources, those in the trash included. `siblings` are the columns
    that resources of one manual order have in common. With `has_unique_name`, no two resources of
    a user have the same `name_key`. `has_trash`: whether a deleted resource can be restored.
    `is_referred_to`: whether other resources can refer to one when they are created. `rare` are the
    fields that most new resources lack, and what they are then; their columns have that default.
    """

    name: str
    table: Table
    shown: tuple[ColumnElement[Any], ...]
    fields: Mapping[str, Field]
    counter: Column[Any]
    siblings: tuple[Column[Any], ...] = ()
    has_unique_name: bool = False
    has_trash: bool = False
    is_referred_to: bool = False
    rare: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    @property
    def plural(self) -> str:
        """The name of several, as in paths."""
        return f"{self.name}s"

    @property
    def is_named(self) -> ColumnElement[bool]:
        """The caller's resource with the id `ID`."""
        return and_(self.table.c.user_id == USER_ID, self.table.c.id == ID)

    @property
    def is_trashable(self) -> bool:
        """Whether a resource can be in the trash, on its own or with another one."""
        return "trashed_at" in self.table.c

    @property
    def is_live(self) -> ColumnElement[bool]:
        """The resource is not in the trash."""
        return self.table.c.trashed_at.is_(None) if self.is_trashable else true()

    @property
    def is_trashed(self) -> ColumnElement[bool]:
        """The resource is in the trash."""
        return self.table.c.trashed_at.is_not(None) if self.is_trashable else false()

    @property
    def long_fields(self) -> frozenset[str]:
        """The names of the fields that may be long."""
        return frozenset(name for name, field in self.fields.items() if field.is_long)


def returning_shown(
    kind: ResourceType, change: Insert | Update, shown: Sequence[ColumnElement[Any]]
) -> tuple[CTE, list[ColumnElement[Any]]]:
    """`WITH changed AS (…)`: the rows that a change returns, and the columns `shown` of these.

    Columns such as `due` are composed from the rows, not in RETURNING: Citus allows no function there
    that depends on the session's settings, as the text of a date does.
    """
    read = {
        column.name: column
        for one in shown
        for column in visitors.iterate(one)
        if isinstance(column, Column)
    }
    changed = change.returning(*({"id": kind.table.c.id} | read).values()).cte("changed")
    rows = ClauseAdapter(changed)
    return changed, [rows.traverse(one) for one in shown]


def listed(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition in the form that lists and their partial indexes have.

    Without statistics, PostgreSQL expects `IS NULL` to match one row in 200, so it mistakes a list
    of thousands for a few rows and sorts them. It cannot estimate this form. Look-ups by
    key use the plain condition, so that they do not read an index of lists.
    """
    return func.coalesce(condition, false())


def mostly(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition, never null, in a form that PostgreSQL expects nearly all rows to meet.

    It expects half of the rows to meet other conditions that it cannot estimate, and then prefers
    to sort.
    """
    return func.nullif(condition, false()).is_not(None)
