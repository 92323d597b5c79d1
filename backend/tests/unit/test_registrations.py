"""Every resource type is registered everywhere; if not, the message names the file to change."""

import ast
import io
import pkgutil
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from duly import services
from duly.api.openapi import _TAGS
from duly.api.route_table import API_PREFIX
from duly.api.router import add_routes
from duly.core.config import Settings
from duly.models import User, metadata
from duly.records.types import ResourceType
from duly.schemas import resource_types
from duly.schemas.users import UserExport
from duly.services import filters, labels
from duly.services.resource_types import OPERATIONS, RESOURCE_TYPES
from duly.utils.tables import table_of
from tests.support.documents import ROOT
from tests.support.resources import members_of, type_name_of

SOURCE = ROOT / "backend" / "src" / "duly"
MIGRATIONS = SOURCE / "database" / "migrations" / "versions"
ENV_EXAMPLE = "backend/.env.example"
LINE_LIMIT = 200
"""The most lines of code that a resource type without rules of its own may take."""

CREATE_ERRORS = {"ID_TAKEN", "QUOTA_EXCEEDED", "IDEMPOTENCY_IN_FLIGHT", "IDEMPOTENCY_MISMATCH"}
WRITE_ERRORS = {"NOT_FOUND", "PRECONDITION_FAILED", "PRECONDITION_REQUIRED"}


@dataclass(frozen=True)
class Registration:
    """One place that names every resource type: a file, and what it must contain."""

    name: str
    file: str
    what: str
    is_done: Callable[[ResourceType], bool]

    def check(self, kind: ResourceType) -> None:
        """Fail if a type is missing, with a message that says what to add to which file."""
        what = self.what.format(kind=kind, setting=setting_of(kind))
        if not self.is_done(kind):
            pytest.fail(
                f"{kind.name} is not registered: in {self.file}, add {what}", pytrace=False
            )


def declared_types() -> list[ResourceType]:
    """Every type that a module of services declares, registered or not."""
    modules = [
        import_module(module.name)
        for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}.")
    ]
    found = [one for module in modules for one in vars(module).values()]
    unique = {id(one): one for one in found if isinstance(one, ResourceType)}
    return sorted(unique.values(), key=lambda kind: kind.name)


def actions_of(kind: ResourceType) -> list[str]:
    """The actions of a type; none if it is not registered."""
    return list(OPERATIONS[kind.name].actions) if kind.name in OPERATIONS else []


def setting_of(kind: ResourceType) -> str:
    """The environment variable of the type's quota."""
    return f"DULY_MAX_{kind.plural.upper()}"


def text_of(path: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def has_row(path: str, *cells: str) -> bool:
    """Whether a document has a table row that contains all `cells`."""
    rows = [line for line in text_of(path).splitlines() if line.startswith("|")]
    return any(all(f"`{cell}`" in row for cell in cells) for row in rows)


def routes() -> dict[str, APIRoute]:
    """The routes of the table, by method and path."""
    router = APIRouter()
    add_routes(router)
    return {
        f"{method} {route.path.removeprefix(API_PREFIX)}": route
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def routes_of(kind: ResourceType) -> dict[str, str]:
    """The routes that a type must have, and the function of each."""
    many, name = f"/{kind.plural}", kind.name
    one = f"{many}/{{{name}_id}}"
    return {
        f"POST {many}": f"create_{name}",
        f"GET {many}": f"list_{kind.plural}",
        f"GET {one}": f"get_{name}",
        f"PUT {one}": f"replace_{name}",
        f"PATCH {one}": f"update_{name}",
        f"DELETE {one}": f"delete_{name}",
        **{f"POST {one}/{action}": f"{action}_{name}" for action in actions_of(kind)},
    }


def has_routes(kind: ResourceType) -> bool:
    """Whether the table has all routes of a type, with its tag and functions."""
    table = routes()
    return all(
        place in table
        and table[place].operation_id == operation
        and table[place].tags == [kind.plural]
        for place, operation in routes_of(kind).items()
    )


def has_errors(kind: ResourceType) -> bool:
    """Whether the routes of a type document the errors of their commands."""
    table = routes()
    for place, operation in routes_of(kind).items():
        if operation.startswith(("get_", "list_")):
            continue
        if place not in table or not error_codes(table[place]) >= (
            CREATE_ERRORS if operation.startswith("create_") else WRITE_ERRORS
        ):
            return False
    return True


def error_codes(route: APIRoute) -> set[str]:
    """The error codes that a route documents."""
    contents = [answer.get("content", {}) for answer in route.responses.values()]
    return {
        code
        for content in contents
        for code in content.get("application/json", {}).get("examples", ())
    }


def is_in_union(union: Any) -> Callable[[ResourceType], bool]:
    """Whether a discriminated union has a member of a type."""
    names = {type_name_of(member) for member in members_of(union)}
    return lambda kind: kind.name in names


def has_all_operations(kind: ResourceType) -> bool:
    """Whether the union of batch operations has exactly the operations of a type."""
    ops: set[str] = set()
    for member in members_of(resource_types.Operation):
        if type_name_of(member) == kind.name:
            for operation in members_of(member):
                ops |= set(get_args(operation.model_fields["op"].annotation))
    return ops == {"create", "update", "delete", "move", *actions_of(kind)}


def is_exported(kind: ResourceType) -> bool:
    """Whether the schema of the export has the live and the trashed resources of a type."""
    fields = UserExport.model_fields
    if kind.plural not in fields:
        return False
    [read] = get_args(fields[kind.plural].annotation)
    [trashed] = get_args(fields["trash"].annotation)
    in_trash = get_args(trashed) or (trashed,)
    shown = {column.name for column in kind.shown}
    return set(read.model_fields) == shown and (not kind.has_trash or read in in_trash)


def has_model(kind: ResourceType) -> bool:
    """Whether a type has a table of its plural name in the metadata."""
    return metadata.tables.get(kind.plural) is kind.table


def has_migration(kind: ResourceType) -> bool:
    """Whether a migration creates the table of a type and the counter of its owner's row."""
    texts = [path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("*.py")]
    table = re.compile(rf'create_(table|resources)\(\s*"{kind.plural}"')
    counter = re.compile(rf'(Column\(|_COUNTERS = \(.*)\s*"{kind.name}_count"')
    return all(any(pattern.search(text) for text in texts) for pattern in (table, counter))


REGISTRATIONS = [
    Registration(
        "operations",
        "backend/src/duly/services/resource_types.py",
        "Operations({kind.plural}.TYPE, …) to OPERATIONS",
        lambda kind: OPERATIONS[kind.name].kind is kind if kind.name in OPERATIONS else False,
    ),
    Registration(
        "model",
        "backend/src/duly/models/__init__.py",
        "the model of the table {kind.plural}",
        has_model,
    ),
    Registration(
        "counter",
        "backend/src/duly/models/users.py",
        "the column {kind.name}_count, the counter of its ResourceType",
        lambda kind: table_of(User).c.get(f"{kind.name}_count") is kind.counter,
    ),
    Registration(
        "migration",
        "backend/src/duly/database/migrations/versions",
        "a migration with the table {kind.plural} and the column users.{kind.name}_count",
        has_migration,
    ),
    Registration(
        "change",
        "backend/src/duly/schemas/resource_types.py",
        "the changes of a {kind.name} to Change",
        is_in_union(resource_types.Change),
    ),
    Registration(
        "operation",
        "backend/src/duly/schemas/resource_types.py",
        "create, update, delete, move and each action of a {kind.name} to Operation",
        has_all_operations,
    ),
    Registration(
        "result",
        "backend/src/duly/schemas/resource_types.py",
        "the result of an operation on a {kind.name} to Result",
        is_in_union(resource_types.Result),
    ),
    Registration(
        "export",
        "backend/src/duly/schemas/users.py",
        "the field {kind.plural} (and its trash, if it has one) to UserExport",
        is_exported,
    ),
    Registration(
        "routes",
        "backend/src/duly/api/route_table.py",
        "a table with a row for each route of /{kind.plural}, with the tag {kind.plural}",
        has_routes,
    ),
    Registration(
        "errors",
        "backend/src/duly/api/route_table.py",
        "_CREATE and _WRITE to the routes of /{kind.plural}",
        has_errors,
    ),
    Registration(
        "tag",
        "backend/src/duly/api/openapi.py",
        "the tag {kind.plural} to _TAGS",
        lambda kind: kind.plural in {tag["name"] for tag in _TAGS},
    ),
    Registration(
        "quota",
        "backend/src/duly/core/config.py",
        "the setting max_{kind.plural}",
        lambda kind: f"max_{kind.plural}" in Settings.model_fields,
    ),
    Registration(
        "quota in the list of settings",
        "docs/deployment.md",
        "a row of {setting}",
        lambda kind: has_row("docs/deployment.md", setting_of(kind)),
    ),
    Registration(
        "quota in the example of settings",
        ENV_EXAMPLE,
        "{setting}",
        lambda kind: setting_of(kind) in text_of(ENV_EXAMPLE),
    ),
    Registration(
        "quota in the API",
        "docs/api.md",
        "a row of {kind.plural} and {setting} to the table of quotas",
        lambda kind: has_row("docs/api.md", kind.plural, setting_of(kind)),
    ),
    Registration(
        "type of a batch in the API",
        "docs/api.md",
        "`{kind.name}` to the row of `type` in the table of batch operations",
        lambda kind: has_row("docs/api.md", "type", kind.name),
    ),
    Registration(
        "section of the API",
        "docs/api.md",
        "a section on {kind.plural}",
        lambda kind: f"\n## {kind.plural.capitalize()}\n" in text_of("docs/api.md"),
    ),
]
EACH_REGISTRATION = pytest.mark.parametrize(
    "registration", REGISTRATIONS, ids=lambda one: one.name
)


@pytest.mark.parametrize("kind", declared_types(), ids=repr)
@EACH_REGISTRATION
def test_resource_type_is_registered(registration: Registration, kind: ResourceType) -> None:
    registration.check(kind)


def test_all_declared_types_are_resource_types() -> None:
    assert declared_types() == sorted(RESOURCE_TYPES, key=lambda kind: kind.name)


@EACH_REGISTRATION
def test_missing_registration_fails_and_names_the_file(registration: Registration) -> None:
    forgotten = replace(labels.TYPE, name="gadget")

    with pytest.raises(pytest.fail.Exception, match="gadget is not registered: in") as failure:
        registration.check(forgotten)

    assert registration.file in str(failure.value)
    assert (ROOT / registration.file).exists()


def code_lines(path: Path) -> set[int]:
    """The lines of a module with code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped and token.string:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def registering_lines(kind: ResourceType) -> list[str]:
    """The lines of code that name a type where types are registered, and what creates its table."""
    names = (
        kind.plural,
        kind.plural.upper(),
        rf"{kind.name.capitalize()}\w*",
        f"{kind.name}_count",
        f"max_{kind.plural}",
    )
    named = re.compile(rf"(?<!\.)\b({'|'.join(names)})\b")
    found: list[str] = []
    # Elsewhere, filters are what lists of tasks are narrowed by.
    registering = {ROOT / one.file for one in REGISTRATIONS if one.file.endswith(".py")}
    for path in sorted(registering | set(MIGRATIONS.glob("*.py"))):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        creating = {
            number
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.name == f"_create_{kind.plural}"
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        found += [
            f"{path.name}: {lines[number - 1].strip()}"
            for number in sorted(code_lines(path))
            if number in creating or named.search(lines[number - 1])
        ]
    return found


def test_filters_take_at_most_two_hundred_lines_of_code() -> None:
    own = [path for path in SOURCE.rglob("filters.py") if "filter_language" not in path.parts]

    registering = registering_lines(filters.TYPE)

    assert len(own) == 4
    assert 25 <= len(registering) <= 45, "\n".join(registering)
    assert sum(len(code_lines(path)) for path in own) + len(registering) <= LINE_LIMIT
