"""Bodies with thousands of errors: the first ones are reported, at little cost."""

import tracemalloc
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from duly.api.bodies import BodyValidator
from duly.schemas.batches import Batch
from duly.schemas.tasks import TaskCreate


def unknown(count: int) -> dict[str, Any]:
    return {f"unknown_{number}": 1 for number in range(count)}


def in_a_batch(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {"operations": [{"op": "create", "type": "task", "data": body} for body in bodies]}


VALID = {"title": "t", "due": {"date": "2026-12-01"}, "metadata": unknown(100)}
HOSTILE: dict[str, tuple[Any, Any]] = {
    "one object": (TaskCreate, {**VALID, **unknown(4_000)}),
    "wrong types": (TaskCreate, {**unknown(4_000), "title": 1, "priority": "1"}),
    "several objects": (
        TaskCreate,
        {**unknown(1_000), "due": unknown(1_000), "recurrence": unknown(1_000), "title": "t"},
    ),
    "an operation": (Batch, in_a_batch(VALID, VALID, {**VALID, **unknown(4_000)}, VALID)),
    "all operations": (Batch, in_a_batch(*[{**VALID, **unknown(40)}] * 100)),
}


def all_errors(model: Any, body: Any) -> list[Any]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(model).validate_python(body, from_attributes=True)
    return caught.value.errors()


@pytest.mark.parametrize("name", HOSTILE)
def test_first_errors_of_a_body_with_thousands_are_reported(name: str) -> None:
    model, body = HOSTILE[name]

    _, errors = BodyValidator(model).validate(body, loc=("body",))

    expected = [(("body", *item["loc"]), item["type"]) for item in all_errors(model, body)[:20]]
    assert [(item["loc"], item["type"]) for item in errors] == expected


def test_body_of_an_unexpected_type_is_one_error() -> None:
    bodies: list[Any] = [None, [], [{}] * 10_000, "text", {"operations": [[]] * 50}]
    for body in bodies:
        _, errors = BodyValidator(Batch).validate(body, loc=("body",))

        assert len(errors) == 1


def test_only_few_of_thousands_of_errors_are_described() -> None:
    model, body = HOSTILE["one object"]
    validator = BodyValidator(model)

    tracemalloc.start()
    try:
        validator.validate(body, loc=("body",))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 200_000  # the descriptions of all errors have two million bytes
