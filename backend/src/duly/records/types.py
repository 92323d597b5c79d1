"""Resource types: the table, the columns of responses, and the fields that clients may set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    false,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from duly.database.statements import USER_ID

ID: BindParameter[Any] = bindparam("id", type_=Uuid())
"""The resource that a statement is about."""

Values = Callable[[CTE], Mapping[str, ColumnElement[Any]]]
"""Columns by name and what they are set to, given the CTE `owner` of `records.revisions`."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a field that clients may set is stored.

    `values` returns the columns that it sets; `new_values`, if it differs, the same for a new
    resource. `params` returns the parameters in them, given the owner's id and what the client
    sent. The result of an operation in a batch shows an `is_long` field only if it was set there.
    """

    values: Values
    params: Callable[[UUID, Any], Mapping[str, Any]]
    new_values: Values | None = None
    is_long: bool = False


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


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class ResourceType:
    """One type of owned resource.

    `shown` are the columns of a response, `version` among them. `counter` is the column of the
    owner's row that counts the resources, those in the trash included.
    """

    name: str
    table: Table
    shown: tuple[ColumnElement[Any], ...]
    fields: Mapping[str, Field]
    counter: Column[Any]

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
    def has_trash(self) -> bool:
        """Whether a deleted resource can be restored."""
        return "trashed_at" in self.table.c

    @property
    def is_live(self) -> ColumnElement[bool]:
        """The resource is not in the trash."""
        return self.table.c.trashed_at.is_(None) if self.has_trash else true()

    @property
    def is_trashed(self) -> ColumnElement[bool]:
        """The resource is in the trash."""
        return self.table.c.trashed_at.is_not(None) if self.has_trash else false()

    @property
    def long_fields(self) -> frozenset[str]:
        """The names of the fields that may be long."""
        return frozenset(name for name, field in self.fields.items() if field.is_long)
