"""The check that a statement touches the rows of one owner only.

Every occurrence of an owned table in a statement, under any alias and at any depth, must be
restricted to `USER_ID`: by a conjunct `owner = :user_id` of the WHERE or the JOIN that filters its
rows, or, in an INSERT, by the value of its owner column. The check follows what the compiler
renders, not the tree that it is given, so everything that reaches the SQL is checked; only
constructs registered with `sqlalchemy.ext.compiler` could avoid it, and nothing here may import
that. It rejects more than it must: a construct that it cannot analyze, such as raw SQL, does not
compile.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Alias,
    Boolean,
    Column,
    Delete,
    Insert,
    LargeBinary,
    Select,
    Table,
    Update,
    Uuid,
    bindparam,
)
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import (
    PGCompiler_psycopg,
    PGDialect_psycopg,
    PGIdentifierPreparer_psycopg,
)
from sqlalchemy.sql import elements, operators
from sqlalchemy.sql.elements import BindParameter, ClauseElement, ColumnElement, Grouping
from sqlalchemy.sql.selectable import FromClauseAlias, Join, SelectBase
from sqlmodel import SQLModel

from duly.models.base import owner_column, shared_access

USER_ID: BindParameter[Any] = bindparam("user_id", type_=Uuid())
"""The owner of every row that a statement touches. Only `UserScope` sets its value."""

# The form of an operator. Anything else could be raw SQL.
_OPERATOR = re.compile(r"(?!.*(--|/\*))[-+*/<>=~!@#%^&|?]{1,3}")

# Functions that depend on their arguments only. Others, such as query_to_xml, can read tables.
_FUNCTION = re.compile(
    "array|array_position|array_remove|cardinality|clock_timestamp|coalesce|count|greatest|"
    "jsonb?_build_object|jsonb_object_agg|max|now|nullif|replace|row_number|substr|timezone|"
    "to_char|unnest"
)

# Types that may be named in SQL. Others could contain SQL.
_TYPE = re.compile(
    r"(BIGINT|BOOLEAN|BYTEA|DATE|INTEGER|INTERVAL|JSONB?|NUMERIC|SMALLINT|TEXT|"
    r"TIMESTAMP WITH(OUT)? TIME ZONE|TSQUERY|TSVECTOR|UUID|VARCHAR)"
    r"""(\(\d+(, \d+)?\))?(\[\])?( COLLATE "C")?"""
)

# A quote or a backslash could end a literal in SQL, and psycopg replaces what follows a percent sign.
_PLAIN_TEXT = re.compile(r"[^'\\%\0]*")

Occurrence = Table | Alias


class UnscopedStatement(Exception):
    """The statement could touch rows of more than one owner, or cannot be shown not to."""


def compile_owned(statement: ClauseElement) -> Any:
    """Compile a statement over the rows of one owner. Raise `UnscopedStatement` for any other."""
    if not isinstance(statement, (SelectBase, Insert, Update, Delete)):
        raise UnscopedStatement(f"{type(statement).__name__} is not a statement over rows")
    return statement.compile(dialect=_OWNED_DIALECT)


@dataclass(slots=True)
class _Level:
    """One SELECT, UPDATE or DELETE: the owned tables that it renders and the filters of their rows."""

    occurrences: list[Occurrence] = field(default_factory=list)
    reads_shared: bool = False
    guards: list[tuple[frozenset[Any], list[ColumnElement[Any]]]] = field(default_factory=list)


class _Compiler(PGCompiler_psycopg):
    """PostgreSQL's compiler, which writes constants into the SQL.

    As parameters, they would be sent with every call: a list of tasks has thirty of them.
    """

    def visit_bindparam(self, bindparam: Any, *args: Any, **kw: Any) -> str:
        value = bindparam.value
        # Only a `unique` one can have no other value in a call.
        if bindparam.unique and (type(value) is int or _is_plain_text(value)):
            text = f"'{value}'" if isinstance(value, str) else f"{value}"
            return str(self.render_bind_cast(bindparam.type, bindparam.type, text))
        return str(super().visit_bindparam(bindparam, *args, **kw))


def _is_plain_text(value: Any) -> bool:
    """Whether a value is a text that is the same in SQL, between quotes, whatever the settings."""
    return type(value) is str and _PLAIN_TEXT.fullmatch(value) is not None


class _CheckingCompiler(_Compiler):
    """The compiler of statements of one owner: each owned table that it renders is restricted."""

    _levels: list[_Level]
    advances_revision = False

    def visit_select(self, select_stmt: Select[Any], *args: Any, **kw: Any) -> str:
        return self._checked(
            super().visit_select, select_stmt, _where_of(select_stmt), *args, **kw
        )

    def visit_update(self, update_stmt: Update, *args: Any, **kw: Any) -> str:
        values: Any = update_stmt._values
        if not values:
            raise UnscopedStatement(
                "UPDATE must name the columns it sets: it would set all, including the owner"
            )
        self._reject_new_owner(update_stmt.table, values)
        columns = _plain(update_stmt.table).c
        self.advances_revision |= any(
            columns[getattr(key, "key", key)].info.get("revision") for key in values
        )
        return self._checked(
            super().visit_update, update_stmt, _where_of(update_stmt), *args, **kw
        )

    def visit_delete(self, delete_stmt: Delete, *args: Any, **kw: Any) -> str:
        return self._checked(
            super().visit_delete, delete_stmt, _where_of(delete_stmt), *args, **kw
        )

    def visit_insert(self, insert_stmt: Insert, *args: Any, **kw: Any) -> str:
        owner = _owner_of(insert_stmt.table)
        if owner is not None and not all(map(_is_user_id, _values_given(insert_stmt, owner))):
            raise UnscopedStatement(f"INSERT must set {owner} = :user_id")
        if owner is None:
            _require_access(insert_stmt.table, "INSERT")
        return self._checked(super().visit_insert, insert_stmt, [], *args, **kw)

    def visit_on_conflict_do_update(self, on_conflict: Any, **kw: Any) -> str:
        statement: Any = self.stack[-1]["selectable"]
        owner = _owner_of(statement.table)
        target = on_conflict.inferred_target_elements or ()
        if owner is None:
            _require_access(statement.table, "UPDATE")
        elif not any(owner.name in _names(column) for column in target):
            raise UnscopedStatement(f"ON CONFLICT must name {owner}")
        self._reject_new_owner(statement.table, dict(on_conflict.update_values_to_set))
        return str(super().visit_on_conflict_do_update(on_conflict, **kw))

    def visit_table(self, table: Any, *args: Any, **kw: Any) -> str:
        if kw.get("asfrom") and _owner_of(table) is None:
            _require_access(table, "UPDATE" if kw.get("iscrud") else "SELECT")
            self._levels[-1].reads_shared = True
        elif kw.get("asfrom"):
            alias: Any = kw.get("enclosing_alias")
            is_aliased = alias is not None and alias.element is table
            self._levels[-1].occurrences.append(alias if is_aliased else table)
        return str(super().visit_table(table, *args, **kw))

    def visit_alias(self, alias: Any, *args: Any, **kw: Any) -> str:
        if isinstance(alias.element, FromClauseAlias):
            raise UnscopedStatement(f"{alias.name} is an alias of an alias: name the table")
        return str(super().visit_alias(alias, *args, **kw))

    def visit_join(self, join: Join, *args: Any, **kw: Any) -> str:
        # ON filters both sides of an inner join, the right side of a left join, and neither side of
        # a full join.
        if not join.full:
            filtered = _tables_in(join.right)
            if not join.isouter:
                filtered |= _tables_in(join.left)
            self._levels[-1].guards.append((filtered, list(_conjuncts(join.onclause))))
        return str(super().visit_join(join, *args, **kw))

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:
        if column.is_literal and column.name != "*":
            raise UnscopedStatement("raw SQL cannot be checked")
        return str(super().visit_column(column, *args, **kw))

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        if not _OPERATOR.fullmatch(operator.opstring):
            raise UnscopedStatement("raw SQL cannot be checked")
        return str(super().visit_custom_op_binary(element, operator, **kw))

    def visit_function(self, func: Any, *args: Any, **kw: Any) -> str:
        if func.packagenames or not _FUNCTION.fullmatch(func.name):
            raise UnscopedStatement(
                f"{func.name}() could read tables: only the functions in _FUNCTION are allowed"
            )
        return str(super().visit_function(func, *args, **kw))

    def visit_cte(self, cte: Any, *args: Any, **kw: Any) -> Any:
        # Where a CTE of that name is out of scope, the name refers to the table.
        if cte.name in SQLModel.metadata.tables or cte.name.startswith("pg_"):
            raise UnscopedStatement(f"a CTE cannot be named {cte.name}: that is a table's name")
        return super().visit_cte(cte, *args, **kw)

    def _reject_raw_sql(self, *_: Any, **__: Any) -> str:
        raise UnscopedStatement("raw SQL cannot be checked")

    visit_textclause = visit_textual_select = visit_tstring = _reject_raw_sql
    visit_custom_op_unary_operator = visit_custom_op_unary_modifier = _reject_raw_sql
    visit_extract = visit_sequence = get_statement_hint_text = _reject_raw_sql

    def _reject_new_owner(self, table: Any, values: Mapping[Any, Any]) -> None:
        owner = _owner_of(table)
        if owner is not None and any(owner.name in _names(key) for key in values):
            raise UnscopedStatement(f"{owner} cannot be changed")

    def _checked(
        self, visit: Any, statement: Any, where: list[ColumnElement[Any]], *args: Any, **kw: Any
    ) -> str:
        """Render one level with `visit`, then check that each owned table in it is filtered."""
        if not hasattr(self, "_levels"):
            self._levels = []
        self._levels.append(_Level())
        sql = visit(statement, *args, **kw)
        level = self._levels.pop()
        if level.reads_shared and getattr(statement, "_for_update_arg", None) is not None:
            raise UnscopedStatement("rows that all users read cannot be locked")
        for occurrence in level.occurrences:
            conjuncts = [*where]
            for tables, conditions in level.guards:
                if occurrence in tables:
                    conjuncts += conditions
            if not any(_restricts_to_user(conjunct, occurrence) for conjunct in conjuncts):
                raise UnscopedStatement(f"{occurrence.name} must be restricted to :user_id")
        return str(sql)


class _Types(PGTypeCompiler):
    def process(self, type_: Any, **kw: Any) -> str:
        named = str(super().process(type_, **kw))
        if not _TYPE.fullmatch(named):
            raise UnscopedStatement(f"{type(type_).__name__} is not an allowed type: see _TYPE")
        return named


class _Identifiers(PGIdentifierPreparer_psycopg):
    def quote(self, ident: str, *_: Any) -> str:
        return str(super().quote(str(ident)))  # not a quoted_name, which can disable quoting


class _Boolean(Boolean):
    render_bind_cast = True


class _LargeBinary(LargeBinary):
    render_bind_cast = True


class Dialect(PGDialect_psycopg):
    """PostgreSQL's dialect, which casts every parameter: values are sent as text, without types."""

    statement_compiler = _Compiler
    colspecs = {  # noqa: RUF012  # as the base class declares it
        **PGDialect_psycopg.colspecs,
        Boolean: _Boolean,
        LargeBinary: _LargeBinary,
    }


class _OwnedDialect(Dialect):
    statement_compiler = _CheckingCompiler
    preparer = _Identifiers
    type_compiler_cls = _Types
    supports_statement_cache = False


_OWNED_DIALECT = _OwnedDialect()


def _owner_of(table: Any) -> Column[Any] | None:
    """The owner column of a table of the models, or None. Raises `UnscopedStatement` for others."""
    if SQLModel.metadata.tables.get(getattr(table, "key", "")) is not _plain(table):
        raise UnscopedStatement(f"{table} is not a table of the models")
    return owner_column(_plain(table))


def _require_access(table: Any, access: str) -> None:
    """Reject a table without an owner, unless its model allows this access to owned statements."""
    if shared_access(_plain(table)) != access:
        raise UnscopedStatement(f"{table} has no owner, and its model does not allow {access}")


def _plain(table: Any) -> Any:
    return table._deannotate()


def _where_of(statement: Any) -> list[ColumnElement[Any]]:
    return [
        conjunct for condition in statement._where_criteria for conjunct in _conjuncts(condition)
    ]


def _conjuncts(condition: Any) -> Iterator[ColumnElement[Any]]:
    """The conditions that must all hold for `condition` to hold."""
    if isinstance(condition, Grouping):
        yield from _conjuncts(condition.element)
    elif (
        isinstance(condition, elements.BooleanClauseList) and condition.operator is operators.and_
    ):
        for clause in condition.clauses:
            yield from _conjuncts(clause)
    elif condition is not None:
        yield condition


def _restricts_to_user(condition: ColumnElement[Any], occurrence: Occurrence) -> bool:
    if not (
        isinstance(condition, elements.BinaryExpression) and condition.operator is operators.eq
    ):
        return False
    left, right = condition.left, condition.right
    return (_is_owner(left, occurrence) and _is_user_id(right)) or (
        _is_owner(right, occurrence) and _is_user_id(left)
    )


def _is_owner(column: Any, occurrence: Occurrence) -> bool:
    if not isinstance(column, elements.ColumnClause) or column.table is None:
        return False
    table = _plain(column.table)
    if table is not _plain(occurrence):
        return False
    source = table if isinstance(table, Table) else table.element
    owner = _owner_of(source)
    return owner is not None and column.name == owner.name


def _is_user_id(value: Any) -> bool:
    if isinstance(value, (elements.Label, Grouping)):
        value = value.element
    return (
        isinstance(value, BindParameter)
        and value.key == USER_ID.key
        and not value.type._has_bind_expression
    )


def _names(key: Any) -> tuple[str, ...]:
    """The names of the column that a key of VALUES or SET, or a conflict target, refers to."""
    if isinstance(key, str):
        return (key,)
    if isinstance(key, elements.ColumnClause):
        return (key.key, key.name)
    raise UnscopedStatement(f"{key} is neither a column nor the name of a column")


def _values_given(insert: Insert, owner: Column[Any]) -> Iterator[Any]:
    """The owner values of the rows that `insert` creates, or None for a row without one."""
    if isinstance(insert.select, Select):
        names, columns = insert._select_names or (), insert.select.selected_columns
        pairs: Any = zip(names, columns, strict=False)
        yield from [column for name, column in pairs if name == owner.name] or [None]
        return
    for row in [row for group in insert._multi_values for row in group] or [insert._values or {}]:
        pairs = row.items() if isinstance(row, Mapping) else ()
        yield from [value for key, value in pairs if owner.name in _names(key)] or [None]


def _tables_in(clause: Any) -> frozenset[Any]:
    if isinstance(clause, Join):
        return _tables_in(clause.left) | _tables_in(clause.right)
    return frozenset([clause])
