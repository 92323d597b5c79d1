"""Bodies, paths and operations of a resource type, read from its declaration and its schemas.

A new type needs nothing here, unless a field takes values that cannot be read from its schema:
then `values_of` asks for `examples` in the schema.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from inspect import isclass
from itertools import count
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from duly.records.types import ResourceType
from duly.schemas import resource_types
from duly.schemas.operations import Create, Update
from duly.schemas.page import ListQuery
from duly.services.resource_types import OPERATIONS, RESOURCE_TYPES
from tests.support.accounts import Account

EACH_TYPE = pytest.mark.parametrize("kind", RESOURCE_TYPES, ids=repr)
EACH_TYPE_WITH_TRASH = pytest.mark.parametrize(
    "kind", [kind for kind in RESOURCE_TYPES if kind.has_trash], ids=repr
)

_FORMATS = {
    "date-time": ["2026-01-31T09:30:00.000000Z", "2026-02-28T23:59:59.000000Z"],
    "date": ["2026-01-31", "2026-02-28"],
    "uuid": [],  # a reference; nothing to refer to is known here
}

REFERRED_ID = "01936d5e-8f1c-7000-8000-0000000000aa"


def body_for(kind: ResourceType, text: str, *, is_odd: bool = False) -> dict[str, Any]:
    """A valid body: required fields only, with `text` in texts, and all switches as `is_odd`.

    What it refers to is what `prepare` creates.
    """
    body: dict[str, Any] = {}
    for name, field in create_body(kind).model_fields.items():
        if field.annotation is bool:
            body[name] = is_odd
        elif field.is_required() and name not in _references(kind):
            body[name] = values_of(kind, name, [_distinct(kind, text)])[0]
    return {**body, **_references(kind)}


def whole_body(kind: ResourceType, text: str) -> dict[str, Any]:
    """A valid body with all fields that can be changed, too, and the required ones.

    `text` is in texts, and null only if nothing else fits.
    """
    return {**replacement_for(kind, text), **_references(kind)}


def replacement_for(kind: ResourceType, text: str) -> dict[str, Any]:
    """A valid body of PUT with all fields, except for optional references."""
    texts = [_distinct(kind, text)]
    return {name: values_of(kind, name, texts)[0] for name in fields_of(kind)}


def changes_to(kind: ResourceType, body: dict[str, Any], text: str) -> dict[str, Any]:
    """Changes that set each field to another value than `body` does, as far as there is one."""
    was = stored_fields(kind, body)
    others = {
        name: [
            value for value in values_of(kind, name, [_distinct(kind, text)]) if value != was[name]
        ]
        for name in fields_of(kind)
    }
    return {name: values[0] for name, values in others.items() if values}


def stored_fields(kind: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """What a resource shows after `body` has created or replaced it: defaults included."""
    whole = create_body(kind).model_validate({**_references(kind), **body})
    stored = whole.model_dump(mode="json")
    return {name: value for name, value in stored.items() if name in kind_fields(kind)}


def kind_fields(kind: ResourceType) -> tuple[str, ...]:
    """The fields of the type that responses show as they were sent."""
    return tuple(kind.fields)


async def prepare(account: Account, kind: ResourceType) -> None:
    """Create what bodies of the type refer to. Doing it again changes nothing."""
    for other, body in referred_by(kind):
        response = await account.post(f"/{other.plural}", body)
        assert response.is_success, response.text


def referred_by(kind: ResourceType) -> list[tuple[ResourceType, dict[str, Any]]]:
    """The resources that bodies of the type refer to: their types, and the bodies to create them."""
    return [
        (other, {**body_for(other, "referred to"), "id": REFERRED_ID})
        for other in required_references(kind).values()
    ]


def _references(kind: ResourceType) -> dict[str, str]:
    return dict.fromkeys(required_references(kind), REFERRED_ID)


@cache
def required_references(kind: ResourceType) -> dict[str, ResourceType]:
    """The types that required fields refer to, by field, from the foreign keys of the table."""
    required = {
        name for name, field in create_body(kind).model_fields.items() if field.is_required()
    }
    by_table = {other.table: other for other in RESOURCE_TYPES}
    return {
        column.name: by_table[key.referred_table]
        for key in kind.table.foreign_key_constraints
        for column in key.columns
        if column.name in required and key.referred_table in by_table
    }


_distinct_numbers = count()


def _distinct(kind: ResourceType, text: str) -> str:
    """The text, or one that begins with it, if no two resources may have the same name."""
    return f"{text} {next(_distinct_numbers):09}" if kind.has_unique_name else text


def invalid_body(kind: ResourceType) -> dict[str, Any]:
    """A body in which every field is invalid."""
    return {name: {"not": "valid"} for name in fields_of(kind)}


def values_of(kind: ResourceType, name: str, texts: Sequence[str]) -> list[Any]:
    """Valid values of a field: `texts` if it takes them, others by its schema, null last."""
    found: list[Any] = []
    for option in _options(kind, name):
        found += _values(kind, name, option, texts)
    assert found, f"no valid value of {kind.name}.{name} is known: add `examples` to its schema"
    return sorted(found, key=lambda value: value is None)


def sorts_of(kind: ResourceType) -> list[str]:
    """Every order in which the type can be listed, the default one first."""
    field = query_of(kind).model_fields["sort"]
    sorts: Any = field.annotation
    return sorted(map(str, sorts), key=lambda sort: sort != field.default)


def create_of(kind: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """The operation of a batch that creates a resource."""
    return {"op": "create", "type": kind.name, "data": body}


def update_of(kind: ResourceType, resource_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """The operation of a batch that changes a resource."""
    return {"op": "update", "type": kind.name, "id": resource_id, "data": body}


def delete_of(kind: ResourceType, resource_id: str) -> dict[str, Any]:
    """The operation of a batch that deletes a resource."""
    return {"op": "delete", "type": kind.name, "id": resource_id}


def erase_of(kind: ResourceType, resource_id: str) -> dict[str, Any]:
    """The operation of a batch that deletes a resource permanently."""
    options = {"data": {"permanent": True}} if kind.has_trash else {}
    return {**delete_of(kind, resource_id), **options}


def actions_of(kind: ResourceType) -> tuple[str, ...]:
    """The actions of the type, which are routes and operations of batches."""
    return tuple(OPERATIONS[kind.name].actions)


def plain_actions_of(kind: ResourceType) -> tuple[str, ...]:
    """The actions that need no body."""
    needing = {
        op
        for member in operations_of(kind)
        if "data" in member.model_fields and member.model_fields["data"].is_required()
        for op in get_args(member.model_fields["op"].annotation)
    }
    return tuple(action for action in actions_of(kind) if action not in needing)


def operations_of(kind: ResourceType) -> tuple[type[BaseModel], ...]:
    """The operations of batches on a type."""
    [operations] = [
        members_of(member)
        for member in members_of(resource_types.Operation)
        if type_name_of(member) == kind.name
    ]
    return operations


def erasing_query(kind: ResourceType) -> str:
    """The query of a DELETE that is permanent."""
    return "?permanent=true" if kind.has_trash else ""


def path_of(kind: ResourceType, resource_id: str) -> str:
    """The path of a resource."""
    return f"/{kind.plural}/{resource_id}"


async def create_one(
    account: Account, kind: ResourceType, text: str = "one", **fields: Any
) -> dict[str, Any]:
    """A new resource with all fields set."""
    await prepare(account, kind)
    response = await account.post(f"/{kind.plural}", {**whole_body(kind, text), **fields})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def erase(account: Account, kind: ResourceType, resource_id: str) -> None:
    """Delete a resource permanently."""
    response = await account.delete(path_of(kind, resource_id) + erasing_query(kind))
    assert response.status_code == 204, response.text


@cache
def create_body(kind: ResourceType) -> type[BaseModel]:
    """The body that creates a resource."""
    return _data_of(kind, Create)


@cache
def patch_body(kind: ResourceType) -> type[BaseModel]:
    """The body that changes a resource."""
    return _data_of(kind, Update)


@cache
def query_of(kind: ResourceType) -> type[ListQuery]:
    """The query of the type's list, from the module of its schemas."""
    module = import_module(f"duly.schemas.{kind.plural}")
    queries = [one for one in vars(module).values() if isclass(one) and issubclass(one, ListQuery)]
    [query] = [one for one in queries if one is not ListQuery]
    return query


def members_of(union: Any) -> tuple[Any, ...]:
    """The types that a discriminated union consists of; a single type is a union of one."""
    if not hasattr(union, "__value__"):
        return (union,)
    value = union.__value__
    [whole, *_] = get_args(value) if get_origin(value) is Annotated else (value,)
    return get_args(whole) or (whole,)


def type_name_of(member: Any) -> str:
    """The name of the resource type that a member of a discriminated union is about."""
    [first, *_] = members_of(member)
    name: str = get_args(first.model_fields["type"].annotation)[0]
    return name


def fields_of(kind: ResourceType) -> dict[str, Any]:
    """The fields that create, replace and patch take alike."""
    fields = create_body(kind).model_fields
    return {
        name: field
        for name, field in fields.items()
        if name in kind.fields and name in patch_body(kind).model_fields
    }


def _data_of(kind: ResourceType, operation: type[BaseModel]) -> type[BaseModel]:
    [found] = [member for member in operations_of(kind) if issubclass(member, operation)]
    data: Any = found.model_fields["data"].annotation
    body: type[BaseModel] = data
    return body


@cache
def _options(kind: ResourceType, name: str) -> list[dict[str, Any]]:
    """The JSON schemas that a field may have, one by one."""
    schema = create_body(kind).model_json_schema()
    field = schema["properties"][name]
    shared = {key: value for key, value in field.items() if key != "anyOf"}
    options = field.get("anyOf", [{}])
    return [
        {**shared, **schema["$defs"][option["$ref"].rpartition("/")[2]]}
        if "$ref" in option
        else {**shared, **option}
        for option in ({**shared, **one} if "$ref" in shared else one for one in options)
    ]


def _values(
    kind: ResourceType, name: str, schema: dict[str, Any], texts: Sequence[str]
) -> list[Any]:
    if "enum" in schema:
        return list(schema["enum"])
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    match schema.get("type"):
        case "null":
            return [None]
        case "boolean":
            return [True, False]
        case "integer" | "number":
            found = [*schema.get("examples", ()), least, least + 1]
        case "array":
            found = [*schema.get("examples", ()), []]
        case "string" if schema.get("format") in _FORMATS:
            found = [*schema.get("examples", ()), *_FORMATS[schema["format"]]]
        case "string" if all(is_valid(kind, name, text) for text in texts):
            found = list(texts)
        case _:
            found = list(schema.get("examples", ()))
    return [value for value in found if is_valid(kind, name, value)]


def is_valid(kind: ResourceType, name: str, value: Any) -> bool:
    """Whether a field takes a value."""
    try:
        _adapter(kind, name).validate_python(value)
    except ValidationError:
        return False
    return True


@cache
def _adapter(kind: ResourceType, name: str) -> TypeAdapter[Any]:
    field = create_body(kind).model_fields[name]
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated)
