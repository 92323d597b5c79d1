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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    Delete,
    Insert,
    LargeBinary,
    Select,
    Update,
)
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import (
    PGCompiler_psycopg,
    PGDialect_psycopg,
    PGIdentifierPreparer_psycopg,
)
from sqlalchemy.sql.elements import ClauseElement, ColumnElement
from sqlalchemy.sql.selectable import FromClauseAlias, Join, SelectBase
from sqlmodel import SQLModel

from duly.database.owner_conditions import (
    Occurrence,
    UnscopedStatement,
    column_names,
    conjuncts,
    is_user_id,
    owner_of,
    plain,
    require_access,
    restricts_to_user,
    tables_in,
    values_given,
    where_of,
)

# The form of an operator. Anything else could be raw SQL.
_OPERATOR = re.compile(r"(?!.*(--|/\*))[-+*/<>=~!@#%^&|?]{1,3}")

# Functions that depend on their arguments only. Others, such as query_to_xml, can read tables.
_FUNCTION = re.compile(
    "array|array_position|array_remove|cardinality|coalesce|count|"
    "gen_random_uuid|greatest|jsonb?_build_object|jsonb_object_agg|least|max|now|nullif|replace|row_number|substr|timezone|"
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
        return self._checked(super().visit_select, select_stmt, where_of(select_stmt), *args, **kw)

    def visit_update(self, update_stmt: Update, *args: Any, **kw: Any) -> str:
        values: Any = update_stmt._values
        if not values:
            raise UnscopedStatement(
                "UPDATE must name the columns it sets: it would set all, including the owner"
            )
        self._reject_new_owner(update_stmt.table, values)
        columns = plain(update_stmt.table).c
        self.advances_revision |= any(
            columns[getattr(key, "key", key)].info.get("revision") for key in values
        )
        return self._checked(super().visit_update, update_stmt, where_of(update_stmt), *args, **kw)

    def visit_delete(self, delete_stmt: Delete, *args: Any, **kw: Any) -> str:
        return self._checked(super().visit_delete, delete_stmt, where_of(delete_stmt), *args, **kw)

    def visit_insert(self, insert_stmt: Insert, *args: Any, **kw: Any) -> str:
        owner = owner_of(insert_stmt.table)
        if owner is not None and not all(map(is_user_id, values_given(insert_stmt, owner))):
            raise UnscopedStatement(f"INSERT must set {owner} = :user_id")
        if owner is None:
            require_access(insert_stmt.table, "INSERT")
        return self._checked(super().visit_insert, insert_stmt, [], *args, **kw)

    def visit_on_conflict_do_update(self, on_conflict: Any, **kw: Any) -> str:
        statement: Any = self.stack[-1]["selectable"]
        owner = owner_of(statement.table)
        target = on_conflict.inferred_target_elements or ()
        if owner is None:
            require_access(statement.table, "UPDATE")
        elif not any(owner.name in column_names(column) for column in target):
            raise UnscopedStatement(f"ON CONFLICT must name {owner}")
        self._reject_new_owner(statement.table, dict(on_conflict.update_values_to_set))
        return str(super().visit_on_conflict_do_update(on_conflict, **kw))

    def visit_table(self, table: Any, *args: Any, **kw: Any) -> str:
        if kw.get("asfrom") and owner_of(table) is None:
            require_access(table, "UPDATE" if kw.get("iscrud") else "SELECT")
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
            filtered = tables_in(join.right)
            if not join.isouter:
                filtered |= tables_in(join.left)
            self._levels[-1].guards.append((filtered, list(conjuncts(join.onclause))))
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
        owner = owner_of(table)
        if owner is not None and any(owner.name in column_names(key) for key in values):
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
            if not any(restricts_to_user(conjunct, occurrence) for conjunct in conjuncts):
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
