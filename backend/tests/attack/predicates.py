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

import duly.services
from duly.database import pool, statements
from duly.models import metadata
from duly.models.base import owner_column
from duly.schemas.tasks import TaskSort

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


def _subsets(*names: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    sizes = range(1, len(names) + 1)
    return [((frozenset(some),), {}) for n in sizes for some in itertools.combinations(names, n)]


def _pages() -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    flags = ("searched", "resumed", "counted", "trashed")
    return [
        ((sort,), {"completed": completed, **dict(zip(flags, chosen, strict=True))})
        for sort in TaskSort
        for completed in (None, True, False)
        for chosen in itertools.product((True, False), repeat=len(flags))
    ]


# Statements that are made when first used: with all that they can be made for.
BUILDERS: Mapping[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "tasks._update": _subsets("title", "description", "is_completed"),
    "users._update": _subsets("name", "email", "timezone"),
    "task_lists._page": _pages(),
    "session_lists._page": [
        ((), {"resumed": resumed, "counted": counted})
        for resumed, counted in itertools.product((True, False), repeat=2)
    ],
}


@cache
def sources() -> list[Source]:
    """Every statement of the service that names its owner.

    The modules are run once more, to see what they compile.
    """
    written: dict[bytes, Any] = {}
    compile_ = statements._compile

    def note(statement: Any, dialect: Any) -> Any:
        compiled = compile_(statement, dialect)
        if dialect is statements._OWNED_DIALECT:
            written.setdefault(compiled[0], statement)
        return compiled

    found: dict[str, bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "_compile", note)
        for name in (item.name for item in pkgutil.iter_modules(duly.services.__path__)):
            for attribute, value in vars(_run_again(name)).items():
                if statement := _statement_of(value):
                    found[f"{name}.{attribute}"] = statement.sql
                elif _is_builder(value, name):
                    for args, options in BUILDERS[f"{name}.{attribute}"]:
                        label = f"{name}.{attribute}{_label(args, options)}"
                        found[label] = _statement_of(value(*args, **options)).sql
    assert set(found.values()) == set(written), "a statement that belongs to no module"
    return [Source(name, written[sql], sql) for name, sql in found.items()]


def _statement_of(value: Any) -> Any:
    """A statement, be it by itself or the `statement` of something."""
    value = getattr(value, "statement", value)
    return value if isinstance(value, statements.OwnedStatement) else None


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
    return made is statements.OwnedStatement or "statement" in getattr(made, "__slots__", ())


def _run_again(name: str) -> Any:
    origin = importlib.util.find_spec(f"duly.services.{name}")
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
    fetch = pool._fetch

    async def note(connection: Any, sql: bytes, params: Any) -> Any:
        if is_wanted():
            seen.add(sql)
        return await fetch(connection, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_fetch", note)
        yield seen


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """Let the applications run the mutant in place of the statement."""
    fetch = pool._fetch

    async def swap(connection: Any, sql: bytes, params: Any) -> Any:
        return await fetch(connection, mutant.sql if sql == mutant.source.sql else sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_fetch", swap)
        yield
