"""The rules by which the schema and all statements run on a Citus cluster, checked without one.

They were found on Citus 13.2: see docs/decisions/0036-citus.md.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import DateTime, Index, Table, UniqueConstraint

import duly
from duly.database.distribution import placements
from duly.database.statements import CrossUserStatement
from duly.models import User, metadata
from tests.attack.predicates import Source, sources

SPREAD = {table: column for table, column in placements() if column is not None}
EVERYWHERE = {table for table, column in placements() if column is None}
SPREAD_TABLES = [metadata.tables[name] for name in SPREAD]

_WRITTEN = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_ROW_LOCK = re.compile(r"FOR (NO KEY )?UPDATE")
_VOLATILE = re.compile(r"\b(clock_timestamp|gen_random_uuid|random|nextval|pg_current_xact_id)\(")
_READ = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO|USING) (\w+)")
_BESIDE_AN_INSERT = re.compile(r"\AWITH RECURSIVE|\(INSERT INTO")
_ON_CONFLICT = re.compile(r"ON CONFLICT [^;]*?WHERE ([^;]*?)(?= RETURNING|$)", re.DOTALL)
_BRANCHING = re.compile(r"\bcoalesce\(|\bCASE\b")
_RETURNING = re.compile(r"\bRETURNING\b")
_NOT_IMMUTABLE = re.compile(r"now\(\)|AS TEXT\)|jsonb?_\w+\(|to_char\(")
_PARAMETER = re.compile(r"%\(\w+\)s(?!::)")
_SLICE = re.compile(r"=\(+[^=]*\)\[[^\]]*:[^\]]*\]\)*(?=,|\s)")
_TIMES = "|".join(
    sorted(
        {
            column.name
            for table in metadata.tables.values()
            for column in table.columns
            if isinstance(column.type, DateTime)
        }
    )
)
_SUM_OF_A_TIME = re.compile(rf"\w+\.(?:{_TIMES}) [-+] (?!\w+\.(?:{_TIMES}))")


def sql_of(source: Source) -> str:
    return source.sql.decode()


def written_by(source: Source) -> set[str]:
    return set(_WRITTEN.findall(_ROW_LOCK.sub("", sql_of(source)))) & {*metadata.tables}


def enclosed(text: str, start: int) -> str:
    """The text from `start` to the end of its parentheses, or of its CASE."""
    depth = 0
    for number, character in enumerate(text[start:], start):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (depth == 0 and character == ")") or text.startswith(" END", number):
            return text[start:number]
    return text[start:]


def returned_by(sql: str) -> Iterator[str]:
    """The columns of each RETURNING, up to the parenthesis that closes its statement."""
    for found in _RETURNING.finditer(sql):
        depth = 0
        for number, character in enumerate(sql[found.end() :], found.end()):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0:
                yield sql[found.end() : number]
                break
        else:
            yield sql[found.end() :]


def statements_over_all_users() -> Iterator[str]:
    """The SQL of each statement of a module that names no owner."""
    for item in pkgutil.walk_packages(duly.__path__, "duly."):
        if "migrations" in item.name or item.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(item.name)).values():
            for one in parts_of(value):
                if isinstance(one, CrossUserStatement):
                    yield one.sql.decode()


def parts_of(value: Any) -> Iterator[Any]:
    """The value itself, or what a container of any depth has."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from parts_of(one)
    else:
        yield value


def changes_with(flaw: Callable[[Source], object]) -> list[str]:
    """The names of the statements that change spread tables and have a flaw."""
    return [source.name for source in sources() if written_by(source) & {*SPREAD} and flaw(source)]


def has_present_in_a_case(source: Source) -> bool:
    sql = sql_of(source)
    return any("now()" in enclosed(sql, found.start()) for found in _BRANCHING.finditer(sql))


def test_every_table_has_a_place_and_users_come_first() -> None:
    names = [placement.table for placement in placements()]

    assert sorted(names) == sorted(metadata.tables)
    assert names[0] == User.__tablename__


@pytest.mark.parametrize("table", SPREAD_TABLES, ids=lambda table: table.name)
def test_each_unique_key_of_a_spread_table_names_its_column(table: Table) -> None:
    column = table.columns[SPREAD[table.name]]
    keys: list[Any] = [
        table.primary_key,
        *(one for one in table.constraints if isinstance(one, UniqueConstraint)),
        *(one for one in table.indexes if isinstance(one, Index) and one.unique),
    ]

    assert all(column in [*key.columns] for key in keys)


@pytest.mark.parametrize("table", SPREAD_TABLES, ids=lambda table: table.name)
def test_each_foreign_key_of_a_spread_table_stays_on_its_node(table: Table) -> None:
    for constraint in table.foreign_key_constraints:
        other = constraint.referred_table.name
        pairs = {(one.parent.name, one.column.name) for one in constraint.elements}
        assert other in EVERYWHERE or (SPREAD[table.name], SPREAD[other]) in pairs


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
def test_a_table_on_every_node_refers_to_no_spread_one(name: str) -> None:
    referred = {one.referred_table.name for one in metadata.tables[name].foreign_key_constraints}

    assert not referred & {*SPREAD}


def test_a_change_of_spread_tables_changes_no_table_of_every_node() -> None:
    assert changes_with(lambda one: written_by(one) & EVERYWHERE) == []


def test_a_change_calls_no_function_that_varies_within_a_statement() -> None:
    assert changes_with(lambda one: _VOLATILE.search(sql_of(one))) == []


def test_the_condition_of_a_conflict_depends_on_rows_only() -> None:
    assert changes_with(lambda one: "now()" in "".join(_ON_CONFLICT.findall(sql_of(one)))) == []


def test_the_present_is_in_no_case_of_a_change() -> None:
    assert changes_with(has_present_in_a_case) == []


def test_returned_columns_depend_on_the_row_only() -> None:
    assert (
        changes_with(lambda one: any(map(_NOT_IMMUTABLE.search, returned_by(sql_of(one))))) == []
    )


def test_a_change_adds_no_interval_to_a_column_with_a_time() -> None:
    assert changes_with(lambda one: _SUM_OF_A_TIME.search(sql_of(one))) == []


def test_no_column_is_set_to_a_bare_slice() -> None:
    assert changes_with(lambda one: _SLICE.search(sql_of(one))) == []


def test_a_recursive_query_beside_an_insert_is_nested_in_a_cte() -> None:
    """Citus moves the CTEs of an INSERT to its SELECT, but not the RECURSIVE before them.

    An INSERT that is a CTE, with a recursive one beside it, belongs to no node.
    """
    inserts = [one for one in sources() if "INSERT INTO" in sql_of(one)]
    recursive = [one for one in inserts if "WITH RECURSIVE" in sql_of(one)]

    assert recursive
    assert [one.name for one in recursive if _BESIDE_AN_INSERT.search(sql_of(one))] == []


def test_a_statement_over_all_users_locks_rows_only_of_tables_on_every_node() -> None:
    locking = [one for one in statements_over_all_users() if _ROW_LOCK.search(one)]

    assert locking
    assert [one for one in locking if {*_READ.findall(one)} & {*SPREAD}] == []


def test_each_parameter_has_a_type() -> None:
    assert [one.name for one in sources() if _PARAMETER.search(sql_of(one))] == []
