"""Arguments of endpoints, read and validated as their signatures declare them.

FastAPI reads a signature into a `Dependant`, from which it also writes the OpenAPI schema. To
evaluate that for each request, as FastAPI does, takes most of a request's time, so here it becomes
one function when the application starts. The validators are FastAPI's, except those of bodies.
"""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from duly.api.bodies import BodyValidator
from duly.api.requests import ABSENT, Request

Errors = list[dict[str, Any]]
Arguments = Callable[[Request, Errors], dict[str, Any]]
"""Returns the arguments of a call. If it has appended errors, some are missing."""


class _Field(Protocol):
    """A parameter as FastAPI declares it, with its validator."""

    name: str
    field_info: FieldInfo

    @property
    def alias(self) -> str: ...

    @property
    def default(self) -> Any: ...

    @property
    def validate(self) -> "_Validate": ...


class _Validate(Protocol):
    """Returns the valid value and no errors, or else errors."""

    def __call__(
        self, value: Any, *, loc: tuple[str, ...]
    ) -> tuple[Any, list[dict[str, Any]]]: ...


_Reader = Callable[[Request, Errors], Any]


def compile_arguments(dependant: Dependant) -> Arguments:
    """Return the function that reads the arguments of `dependant.call`.

    Raise `TypeError` for what endpoints do not use: dependencies that wait or clean up, cookies,
    several body parameters.
    """
    checks = [_dependency(part) for part in dependant.dependencies if part.name is None]
    readers = {part.name: _dependency(part) for part in dependant.dependencies if part.name}
    readers |= {field.name: _path(field) for field in dependant.path_params}
    readers |= {field.name: _query(field) for field in dependant.query_params}
    readers |= {field.name: _header(field) for field in dependant.header_params}
    readers |= {field.name: _body(field) for field in dependant.body_params}
    if dependant.request_param_name:
        readers[dependant.request_param_name] = lambda request, _: request
    if dependant.cookie_params or len(dependant.body_params) > 1:
        raise TypeError(f"{dependant.call} has parameters that are not supported")
    pairs = tuple(readers.items())

    def read(request: Request, errors: Errors) -> dict[str, Any]:
        for check in checks:
            check(request, errors)
        return {name: reader(request, errors) for name, reader in pairs}

    return read


def _dependency(dependant: Dependant) -> _Reader:
    call: Any = dependant.call
    if isinstance(call, SecurityBase):
        return lambda _, __: None  # the route has authenticated the request
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(is_kind(call) for is_kind in kinds):
        raise TypeError(f"{call} must be a plain function")
    read = compile_arguments(dependant)

    def run(request: Request, errors: Errors) -> Any:
        before = len(errors)
        arguments = read(request, errors)
        return call(**arguments) if len(errors) == before else None

    return run


def _path(field: _Field) -> _Reader:
    name = field.alias
    return _value(field, ("path", name), lambda request: request.path_values[name])


def _query(field: _Field) -> _Reader:
    name = field.alias
    if _is_model(field):
        return _value(field, ("query",), lambda request: request.query_values)
    return _value(field, ("query", name), lambda request: request.query_values.get(name, ABSENT))


def _header(field: _Field) -> _Reader:
    name = (field.field_info.alias or field.name.replace("_", "-")).lower()
    key = name.encode()

    def value_of(request: Request) -> Any:
        value = request.field(key)
        return ABSENT if value is None else value

    return _value(field, ("header", name), value_of)


def _body(field: _Field) -> _Reader:
    if not _is_model(field) and isinstance(field.field_info, Form):
        raise TypeError(f"the form {field.name} must be a model")
    validator = BodyValidator(field.field_info.annotation)
    return _value(field, ("body",), lambda request: request.content, validator.validate)


def _is_model(field: _Field) -> bool:
    annotation = field.field_info.annotation
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


def _value(
    field: _Field,
    location: tuple[str, ...],
    value_of: Callable[[Request], Any],
    validate: _Validate | None = None,
) -> _Reader:
    is_required, default = field.field_info.is_required(), field.default
    validate = validate or field.validate

    def read(request: Request, errors: Errors) -> Any:
        value = value_of(request)
        if value is ABSENT:
            if is_required:
                errors.append({"type": "missing", "loc": location, "msg": "Field required"})
            return default
        result, found = validate(value, loc=location)
        errors.extend(found)
        return result

    return read
