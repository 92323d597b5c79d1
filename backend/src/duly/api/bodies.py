"""Bodies, validated: of an invalid one, a few errors, and whether a field is read-only."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType

from duly.api.failures import MAX_FIELDS
from duly.schemas.base import RequestBody

_MANY_ERRORS = 1_000
"""Describing more than these takes longer than validating a shortened body."""

_Models = tuple[type[BaseModel], ...]
"""The schemas that an object may have: several, if it is an operation of a batch."""


class BodyValidator:
    """Validates bodies of one type."""

    def __init__(self, annotation: Any) -> None:
        self._adapter = TypeAdapter[Any](annotation)
        self._models = tuple(_models_in(annotation))

    def validate(self, value: Any, *, loc: tuple[str, ...]) -> tuple[Any, list[dict[str, Any]]]:
        """Return the body and no errors, or None and errors as Pydantic describes them.

        An unknown field that responses have also gets `is_read_only`.
        """
        try:
            return self._adapter.validate_python(value, from_attributes=True), []
        except ValidationError as error:
            return None, [self._described(item, loc) for item in self._first_errors(error, value)]

    def _first_errors(self, error: ValidationError, value: Any) -> list[Any]:
        if error.error_count() > _MANY_ERRORS:
            try:
                self._adapter.validate_python(
                    _shortened(value, self._models), from_attributes=True
                )
            except ValidationError as shorter:
                error = shorter
        return error.errors(include_url=False, include_input=False)[:MAX_FIELDS]

    def _described(self, item: dict[str, Any], loc: tuple[str, ...]) -> dict[str, Any]:
        described = {**item, "loc": (*loc, *item["loc"])}
        if item["type"] == "extra_forbidden":
            described["is_read_only"] = _is_read_only(self._models, item["loc"])
        return described


def _shortened(value: Any, models: _Models) -> Any:
    """Return a body without most of the unknown fields of each object."""
    if not models:
        return value
    if isinstance(value, list):
        return [_shortened(item, models) for item in value]
    if not isinstance(value, dict):
        return value
    fields = _fields_of(models)
    unknown = set(islice((name for name in value if name not in fields), MAX_FIELDS))
    return {
        name: _shortened(item, fields.get(name, ()))
        for name, item in value.items()
        if name in fields or name in unknown
    }


def _is_read_only(models: _Models, path: Sequence[str | int]) -> bool:
    """Whether an unknown field is one of the responses that represent the same object."""
    *above, name = path
    for part in above:
        if isinstance(part, str):
            fields = _fields_of(models)
            models = fields[part] if part in fields else _tagged(models, part)
    shown = [model.response_schema for model in models if issubclass(model, RequestBody)]
    return any(name in _fields_of((model,)) for model in shown if model is not None)


@cache
def _tagged(models: _Models, tag: str) -> _Models:
    """The operations of a batch that have this `type` or `op`."""
    return tuple(
        model
        for model in models
        if any(tag in get_args(field.annotation) for field in model.model_fields.values())
    )


@cache
def _fields_of(models: _Models) -> dict[str, _Models]:
    """The names of fields as clients send them, each with the schemas that its objects may have."""
    fields: dict[str, _Models] = {}
    for model in models:
        for name, field in model.model_fields.items():
            sent = field.alias or name
            fields[sent] = (*fields.get(sent, ()), *_models_in(field.annotation))
    return fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
