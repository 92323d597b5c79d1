"""What tests need to know of a resource type: valid bodies for it, read from the schema."""

from typing import Any, get_args

from pydantic import BaseModel

from duly.records.types import ResourceType
from duly.schemas import resource_types
from duly.schemas.operations import Create


def body_for(kind: ResourceType, text: str, *, is_odd: bool = False) -> dict[str, Any]:
    """A valid body: `text` in every field that must be there, and all switches as `is_odd`."""
    body: dict[str, Any] = {}
    for name, field in _create_body(kind).model_fields.items():
        if field.is_required():
            body[name] = text
        elif field.annotation is bool:
            body[name] = is_odd
    return body


def create_of(kind: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """The operation of a batch that creates a resource."""
    return {"op": "create", "type": kind.name, "data": body}


def delete_of(kind: ResourceType, resource_id: str) -> dict[str, Any]:
    """The operation of a batch that deletes a resource."""
    return {"op": "delete", "type": kind.name, "id": resource_id}


def erase_of(kind: ResourceType, resource_id: str) -> dict[str, Any]:
    """The operation of a batch that deletes a resource permanently."""
    options = {"data": {"permanent": True}} if kind.has_trash else {}
    return {**delete_of(kind, resource_id), **options}


def _create_body(kind: ResourceType) -> type[BaseModel]:
    [operations] = [
        members
        for members in map(_members, _members(resource_types.Operation))
        if kind.name in get_args(members[0].model_fields["type"].annotation)
    ]
    [create] = [member for member in operations if issubclass(member, Create)]
    annotation: Any = create.model_fields["data"].annotation
    body: type[BaseModel] = annotation
    return body


def _members(union: Any) -> tuple[Any, ...]:
    """The types that a discriminated union is made of."""
    return get_args(get_args(union.__value__)[0])
