"""The predicates of the service: each place where a statement names its owner, and the same without."""

import importlib.util
import inspect
import itertools
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

import duly.records
import duly.services
from duly.database import statements
from duly.database.connection import Connection
from duly.models import metadata
from duly.models.base import owner_column
from duly.schemas.tasks import TaskSort
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.resources import sorts_of

_OWNER = r"%\(user_id\)s::UUID"
_PREDICATE = re.compile(rf"\b(\w+)\.(?:user_id|id) = {_OWNER}")
_GIVEN = re.compile(_OWNER)
# Who has lived here longest: a victim, where there are any.
_STRANGER = (
    "coalesce((SELECT u.id FROM users u WHERE u.id <> %(user_id)s::UUID ORDER BY u.id LIMIT 1), "
    "%(user_id)s::UUID)"
)


@dataclass(frozen=True)
class Source:
    """One statement of the service: where it stands, how it was written, what it became."""

    name: str
    construct: Any
    sql: bytes
    is_change: bool

    def compile(self, construct: Any) -> bytes:
        """Compile another form of it. Raises `UnscopedStatement`."""
        compile_ = statements.owned_change if self.is_change else statements.owned
        return compile_(construct).sql

    @property
    def is_guarded(self) -> bool:
        """Whether it has a predicate that the proof demands: one on an owned table."""
        return any(
            owner_column(metadata.tables[match[1]]) is not None
            for match in _PREDICATE.finditer(self.sql.decode())
        )


@dataclass(frozen=True)
class Mutant:
    """A statement with one predicate taken out: the `number`th of it."""

    source: Source
    number: int
    predicate: str
    sql: bytes

    @property
    def name(self) -> str:
        return f"{self.source.name}#{self.number}"


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _subsets(*names: str) -> list[frozenset[str]]:
    sizes = range(1, len(names) + 1)
    return [frozenset(some) for n in sizes for some in itertools.combinations(names, n)]


def _choices(*flags: str) -> Iterator[dict[str, bool]]:
    for chosen in itertools.product((True, False), repeat=len(flags)):
        yield dict(zip(flags, chosen, strict=True))


# Statements that are built when first used: with all that they can be built for.
_OF_A_TYPE: list[Call] = [((kind,), {}) for kind in RESOURCE_TYPES]
_OF_A_TRASH: list[Call] = [((kind,), {}) for kind in RESOURCE_TYPES if kind.has_trash]
PLAINLY_LISTED = [
    kind
    for kind in RESOURCE_TYPES
    if not hasattr(importlib.import_module(f"duly.services.{kind.plural}"), "read_page")
]
"""The types whose lists have no filters, and no statement of their own."""
BUILDERS: Mapping[str, list[Call]] = {
    "records.changes._read": _OF_A_TYPE,
    "records.changes._setting": [
        ((kind, fields), {}) for kind in RESOURCE_TYPES for fields in _subsets(*kind.fields)
    ],
    "records.changes.erasing": _OF_A_TYPE,
    "records.changes.restoring": _OF_A_TRASH,
    "records.changes.trashing": _OF_A_TRASH,
    "records.creation._insert": [
        ((kind,), chosen) for kind in RESOURCE_TYPES for chosen in _choices("under_client_id")
    ],
    "records.creation._lookup": _OF_A_TYPE,
    "records.export._page": [
        ((kind,), chosen) for kind in RESOURCE_TYPES for chosen in _choices("is_resumed")
    ],
    "records.pages._plain": [
        ((kind, sort), chosen)
        for kind in PLAINLY_LISTED
        for sort in sorts_of(kind)
        for chosen in _choices("is_resumed", "is_counted")
    ],
    "services.users._update": [
        ((fields,), {})
        for fields in _subsets("name", "email", "timezone", "week_start", "language")
    ],
    "services.tasks._page": [
        ((sort,), {"is_completed": is_completed, **chosen})
        for sort in TaskSort
        for is_completed in (None, True, False)
        for chosen in _choices("is_searched", "is_resumed", "is_counted", "is_trashed")
    ],
    "services.session_lists._page": [((), chosen) for chosen in _choices("resumed", "counted")],
    "services.task_filters._matching": [
        ((references,), {}) for references in _subsets("list", "section", "label")
    ],
}


@cache
def sources() -> list[Source]:
    """Every statement of the service that names its owner.

    The modules are run once more, to see what they compile.
    """
    written: dict[bytes, tuple[Any, bool]] = {}
    compile_ = statements._owned

    def note(statement: Any, *, is_change: bool) -> Any:
        compiled = compile_(statement, is_change=is_change)
        written.setdefault(compiled.sql, (statement, is_change))
        return compiled

    found: dict[bytes, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "_owned", note)
        for name in _modules():
            for attribute, value in vars(_run_again(name)).items():
                calls = BUILDERS[f"{name}.{attribute}"] if _is_builder(value, name) else None
                made = (
                    {"": value}
                    if calls is None
                    else {
                        _label(args, options): value(*args, **options) for args, options in calls
                    }
                )
                for label, one in made.items():
                    for sql, part in _statements_of(one):
                        found.setdefault(sql, f"{name}.{attribute}{label}{part}")
    assert set(found) == set(written), "a statement that belongs to no module"
    return [
        Source(name, construct, sql, is_change)
        for sql, name in found.items()
        for construct, is_change in [written[sql]]
    ]


def _modules() -> list[str]:
    return [
        f"{package.__name__.removeprefix('duly.')}.{item.name}"
        for package in (duly.records, duly.services)
        for item in pkgutil.iter_modules(package.__path__)
    ]


def _statements_of(value: Any) -> Iterator[tuple[bytes, str]]:
    """A statement, or those of a change: the one that writes, and the one that explains."""
    for part, statement in (
        ("", value),
        ("", getattr(value, "statement", None)),
        (".lookup", getattr(value, "lookup", None)),
    ):
        if isinstance(statement, statements.OwnedStatement):
            yield statement.sql, part


def _label(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    parts = [*map(_name_of, args), *(f"{key}={value}" for key, value in options.items())]
    return f"({' '.join(parts)})"


def _name_of(arg: Any) -> str:
    if isinstance(arg, frozenset):
        return ",".join(sorted(arg))
    # The order of a list is an enum: its value counts, not the member's name.
    return str(arg) if isinstance(arg, str) else str(getattr(arg, "name", arg))


def _is_builder(value: Any, module: str) -> bool:
    function: Any = getattr(value, "__wrapped__", None)
    if function is None or function.__module__ != f"again_{module}":
        return False
    made = inspect.signature(function).return_annotation
    return made is statements.OwnedStatement or getattr(made, "__name__", "") == "Change"


def _run_again(name: str) -> Any:
    origin = importlib.util.find_spec(f"duly.{name}")
    assert origin is not None
    spec = importlib.util.spec_from_file_location(f"again_{name}", origin.origin or "")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, f"again_{name}", module)
        spec.loader.exec_module(module)
    return module


def mutants(source: Source) -> Iterator[Mutant]:
    """The statement without each of its predicates in turn: a predicate that holds for all, or a row
    that is given to somebody else.
    """
    sql = source.sql.decode()
    predicates = list(_PREDICATE.finditer(sql))
    given = [
        match
        for match in _GIVEN.finditer(sql)
        if not any(
            predicate.start() <= match.start() < predicate.end() for predicate in predicates
        )
    ]
    changes = [(match, "true") for match in predicates] + [(match, _STRANGER) for match in given]
    for number, (match, text) in enumerate(changes):
        changed = sql[: match.start()] + text + sql[match.end() :]
        yield Mutant(source, number, match.group(), changed.encode())


@contextmanager
def observed(is_wanted: Callable[[], bool]) -> Iterator[set[bytes]]:
    """The statements that the applications run while `is_wanted`; to be cleared at will."""
    seen: set[bytes] = set()

    def note(sql: bytes) -> bytes:
        if is_wanted():
            seen.add(sql)
        return sql

    with _each_statement(note):
        yield seen


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """Let the applications run the mutant in place of the statement."""
    with _each_statement(lambda sql: mutant.sql if sql == mutant.source.sql else sql):
        yield


@contextmanager
def _each_statement(change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Let each statement run as `change` returns it."""
    fetch, fetch_many = Connection.fetch, Connection.fetch_many

    async def fetch_changed(connection: Connection, sql: bytes, params: Any) -> Any:
        return await fetch(connection, change(sql), params)

    async def fetch_many_changed(connection: Connection, calls: Any) -> Any:
        return await fetch_many(connection, [(change(sql), params) for sql, params in calls])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "fetch", fetch_changed)
        patch.setattr(Connection, "fetch_many", fetch_many_changed)
        yield
