"""The client's own data, kept with a resource."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from duly.utils.encoding import encode

MAX_BYTES = 4096
MAX_DEPTH = 32

# NUL, and halves of surrogate pairs.
_NOT_STORABLE = re.compile(r"[\0\ud800-\udfff]")


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """Return metadata that can be stored. Raise `ValueError` for any other."""
    _check_parts(value)
    if len(encode(value)) > MAX_BYTES:
        raise _too_long()
    return value


def merge_metadata(current: dict[str, Any], patch: dict[str, Any] | None) -> dict[str, Any]:
    """Return metadata after a JSON merge patch; null empties it. Raise `ValueError`."""
    return {} if patch is None else check_metadata(merged(current, patch))


def merged(current: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` after a JSON merge patch (RFC 7396)."""
    result = {**current}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            inner = result.get(name)
            result[name] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _too_long() -> ValueError:
    return ValueError(f"Must be at most {MAX_BYTES:,} bytes long as JSON")


def _check_parts(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        if len(level) > MAX_BYTES:  # each takes a byte; to check them all takes milliseconds
            raise _too_long()
        if not all(map(_is_storable, level)):
            raise ValueError("Must not contain NUL characters or numbers beyond double precision")
        level = [part for parent in level for part in _parts_of(parent)]
        if not level:
            return
    raise ValueError(f"Must not be nested more than {MAX_DEPTH} levels deep")


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return _NOT_STORABLE.search(value) is None
    return not isinstance(value, float) or math.isfinite(value)


def _check_patch(value: dict[str, Any]) -> dict[str, Any]:
    _check_parts(value)  # before it is merged, which goes as deep as it does
    return value


MetadataPatch = Annotated[
    dict[str, Any],
    AfterValidator(_check_patch),
    Field(description="Changes to `metadata`, as a JSON merge patch.", examples=[{"emoji": "🧀"}]),
]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(check_metadata),
    Field(
        description="Your own JSON object, up to 4 KiB. Duly stores it and does not read it.",
        examples=[{"emoji": "🥛"}],
    ),
]
