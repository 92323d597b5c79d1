"""The predicates of the service: each place where a statement names its owner, and the same without."""

import importlib.util
import inspect
import itertools
import pkgutil
import re
import sys
from collections import Counter
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
from duly.records import creation
from duly.records.creation import PLAIN
from duly.records.page_statements import Resumption
from duly.records.types import ResourceType
from duly.schemas.tasks import TaskSort
from duly.services import filters, sections, task_pages, tasks
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.resources import sorts_of

_OWNER = r"%\(user_id\)s::UUID"
_PREDICATE = re.compile(rf"\b(\w+)\.(user_id|id) = {_OWNER}")
_GIVEN = re.compile(_OWNER)
_ARGUMENTS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
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
        """Whether it has a predicate that the proof demands: one on an owned table, or its alias."""
        return any(
            match[2] == "user_id"
            if match[1] not in metadata.tables
            else owner_column(metadata.tables[match[1]]) is not None
            for match in _PREDICATE.finditer(self.sql.decode())
        )


@dataclass(frozen=True)
class Mutant:
    """A statement with one predicate taken out: the `number`th of it, the `repeat`th of equal ones."""

    source: Source
    number: int
    predicate: str
    repeat: int
    sql: bytes

    @property
    def name(self) -> str:
        return f"{self.source.name}#{self.number}"

    @property
    def origin(self) -> str:
        """Where the predicate is written. All statements that one function builds share it."""
        builder = _ARGUMENTS.sub("", self.source.name)
        return f"{builder} {self.predicate.partition(' ')[0]} {self.repeat}"


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _subsets(*names: str) -> list[frozenset[str]]:
    sizes = range(1, len(names) + 1)
    return [frozenset(some) for n in sizes for some in itertools.combinations(names, n)]


def _choices(*flags: str) -> Iterator[dict[str, bool]]:
    for chosen in itertools.product((True, False), repeat=len(flags)):
        yield dict(zip(flags, chosen, strict=True))


# Statements that are built when first used: with all that they can be built for.
_OF_A_TYPE: list[Call] = [((kind,), {}) for kind in RESOURCE_TYPES]
_MARKS = (Resumption.START, Resumption.AFTER_KEY)
_REFERENCES = ("list_id", "section_id", "parent_id", "label_id")


def _fields_of(kind: ResourceType) -> list[frozenset[str]]:
    """Fields that are set together: those of a section but for its list, and of a task each alone
    or, by PUT, all but its place.
    """
    if kind is not tasks.TYPE:
        return _subsets(*(name for name in kind.fields if name != "list_id"))
    own = sorted({*kind.fields} - {"list_id", "section_id", "parent_id"})
    alone = [frozenset({name}) for name in own]
    return [*alone, frozenset(own) - {"is_completed"}, frozenset(own)]


SHAPES: Mapping[str, Mapping[str, creation.Shape]] = {
    "section": {"in list": sections._IN_LIST},
    "task": {"plain": PLAIN, "in list": tasks._IN_LIST, "labelled": tasks._LABELLED},
}
"""What the statements that create a resource consist of, by type; of other types, the plain one."""


def _shapes_of(kind: ResourceType) -> list[creation.Shape]:
    return [*SHAPES.get(kind.name, {"plain": PLAIN}).values()]


def _places_of(kind: ResourceType) -> list[frozenset[str]]:
    """The columns that siblings have in common, in so far as they are not null."""
    match kind.name:
        case "section":
            return [frozenset({"list_id"})]
        case "task":
            return [
                frozenset(names)
                for names in (
                    (),
                    ("list_id",),
                    ("list_id", "section_id"),
                    ("parent_id",),
                    ("list_id", "parent_id"),
                    ("list_id", "section_id", "parent_id"),
                )
            ]
    return [frozenset()]


def _plainly_listed() -> Iterator[Call]:
    """Pages of the types that have no statement of their own: trashed or not, of a list or not."""
    for kind in PLAINLY_LISTED:
        trash = (False, True) if kind.has_trash else (False,)
        within = [frozenset[str](), frozenset({"list_id"})]
        for sort, mark, is_counted, is_trashed, columns in itertools.product(
            sorts_of(kind), _MARKS, (True, False), trash, within[: 1 + bool(kind.siblings)]
        ):
            yield (kind, sort, mark, is_counted, is_trashed, columns), {}


def _listed_tasks() -> Iterator[Call]:
    """Lists of tasks: every order, and every filter in the default one."""
    for sort, is_searched, is_counted in itertools.product(TaskSort, (True, False), (True, False)):
        has_nulls = task_pages.SORTS[sort.removeprefix("-")].has_nulls
        for mark in Resumption if has_nulls else _MARKS:
            yield _list_of(
                sort=sort, is_searched=is_searched, is_counted=is_counted, resumption=mark
            )
    for is_completed, is_trashed, is_searched, is_counted, mark, reference in itertools.product(
        (None, True, False), (True, False), (True, False), (True, False), _MARKS, _references()
    ):
        yield _list_of(
            is_completed=is_completed,
            is_trashed=is_trashed,
            is_searched=is_searched,
            is_counted=is_counted,
            resumption=mark,
            leaves_out_archived="list_id" not in reference and reference.get("section_id") != "id",
            **reference,
        )
    for is_counted, mark in itertools.product((True, False), _MARKS):
        yield _list_of(is_counted=is_counted, resumption=mark, leaves_out_archived=False)


def _references() -> Iterator[dict[str, str]]:
    yield {}
    for name in _REFERENCES:
        yield {name: "id"}
        yield {name: "inbox" if name == "list_id" else "none"}


def _list_of(**options: Any) -> Call:
    return (task_pages.Shape(**options),), {}


PLAINLY_LISTED = [kind for kind in RESOURCE_TYPES if kind.name != "task"]
"""The types whose lists have few filters, and no statement of their own."""
BUILDERS: Mapping[str, list[Call]] = {
    "records.changes._read": _OF_A_TYPE,
    "records.changes._setting": [
        ((kind, fields), {}) for kind in RESOURCE_TYPES for fields in _fields_of(kind)
    ],
    "records.changes.erasing": [((filters.TYPE,), {})],
    "records.creation._created": [((tasks.TYPE,), {})],
    "records.creation._insert": [
        ((kind, shape, is_under_client_id, is_placed, is_short), {})
        for kind in RESOURCE_TYPES
        for shape in _shapes_of(kind)
        for is_under_client_id, is_placed in itertools.product((True, False), repeat=2)
        for is_short in ((True, False) if kind.rare else (True,))
    ],
    "records.creation._lookup": [
        ((kind, shape), {}) for kind in RESOURCE_TYPES for shape in _shapes_of(kind)
    ],
    "records.export._page": [
        ((kind,), chosen) for kind in RESOURCE_TYPES for chosen in _choices("is_resumed")
    ],
    "records.moves.placing": [
        ((kind,), chosen) for kind in RESOURCE_TYPES for chosen in _choices("is_last")
    ],
    "records.order._first": [
        ((kind, place), {}) for kind in RESOURCE_TYPES for place in _places_of(kind)
    ],
    "records.order._beside": [
        ((kind, place), chosen)
        for kind in RESOURCE_TYPES
        for place in _places_of(kind)
        for chosen in _choices("is_before", "is_inclusive")
    ],
    "records.order._setting_positions": _OF_A_TYPE,
    "records.retention._trash_of_one": [
        ((kind,), {}) for kind in RESOURCE_TYPES if kind.is_trashable
    ],
    "records.pages._plain": list(_plainly_listed()),
    "services.users._update": [
        ((frozenset({name}),), {})
        for name in ("name", "email", "timezone", "week_start", "language")
    ],
    "services.task_filters._matching": [
        ((references,), {}) for references in _subsets("list", "section", "label")
    ],
    "services.task_pages.list_statement": list(_listed_tasks()),
    **{
        f"services.{name}._page": [((), chosen) for chosen in _choices("resumed", "counted")]
        for name in ("session_lists", "api_token_lists", "security_events")
    },
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
                        label_of(args, options): value(*args, **options) for args, options in calls
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
    """A statement, several of them, or those of a change: what writes, and what explains."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        named: Any = enumerate(value)
    else:
        named = value.items() if isinstance(value, Mapping) else [("", value)]
    for label, one in named:
        for part, statement in (
            ("", one),
            ("", getattr(one, "statement", None)),
            (".lookup", getattr(one, "lookup", None)),
        ):
            if isinstance(statement, statements.OwnedStatement):
                yield statement.sql, f"[{label}]{part}" if label != "" else part


def label_of(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """What distinguishes the statements of one builder."""
    parts = [*map(_name_of, args), *(f"{key}={value}" for key, value in options.items())]
    return f"({' '.join(parts)})"


def _name_of(arg: Any) -> str:
    if isinstance(arg, frozenset):
        return ",".join(sorted(arg))
    if isinstance(arg, creation.Shape):
        return next(name for some in SHAPES.values() for name, one in some.items() if one is arg)
    if isinstance(arg, task_pages.Shape):
        changed = {name: value for name, value in arg._asdict().items() if value not in {None, ""}}
        return ",".join(f"{name}={value}" for name, value in changed.items())
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
    repeats: Counter[str] = Counter()
    for number, (match, text) in enumerate(changes):
        changed = sql[: match.start()] + text + sql[match.end() :]
        repeats[match[0]] += 1
        yield Mutant(source, number, match[0], repeats[match[0]], changed.encode())


def source_of(name: str) -> Source:
    """The statement of a name."""
    return next(source for source in sources() if source.name == name)


def mutant_of(name: str) -> Mutant:
    """The mutant of a name."""
    [mutant] = [one for one in mutants(source_of(name.partition("#")[0])) if one.name == name]
    return mutant


@contextmanager
def observed(is_wanted: Callable[[], bool]) -> Iterator[set[bytes]]:
    """The statements that the applications run while `is_wanted`; to be cleared at will."""
    seen: set[bytes] = set()

    def note(sql: bytes) -> bytes:
        if is_wanted():
            seen.add(sql)
        return sql

    with each_statement(note):
        yield seen


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """Let the applications run the mutant in place of the statement."""
    with each_statement(lambda sql: mutant.sql if sql == mutant.source.sql else sql):
        yield


@contextmanager
def each_statement(change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Let each statement run as `change` returns it."""
    fetch, fetch_many = Connection.fetch, Connection.fetch_many

    async def fetch_changed(connection: Connection, sql: bytes, params: Any, **how: Any) -> Any:
        return await fetch(connection, change(sql), params, **how)

    async def fetch_many_changed(connection: Connection, calls: Any) -> Any:
        return await fetch_many(connection, [(change(sql), params) for sql, params in calls])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "fetch", fetch_changed)
        patch.setattr(Connection, "fetch_many", fetch_many_changed)
        yield
