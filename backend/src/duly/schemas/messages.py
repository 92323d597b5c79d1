"""Messages for invalid input, by Pydantic's error type. Its own describe Python or quote input."""

from collections.abc import Mapping
from typing import Any

from duly.schemas import patterns
from duly.utils.encoding import MAX_MEMBERS, MAX_VALUES

_UNKNOWN = "Must be valid"

_SIMPLE = {
    "bool_parsing": "Must be true or false",
    "bool_type": "Must be true or false",
    "dict_type": "Must be an object",
    "int_from_float": "Must be a whole number",
    "int_parsing": "Must be a whole number",
    "int_parsing_size": "Must be a whole number of at most 18 digits",
    "int_type": "Must be a whole number",
    "json_invalid": "Must be valid JSON in UTF-8",
    "json_repeated_member": "Must not repeat a member of an object",
    "json_too_many_members": f"Must have at most {MAX_MEMBERS:,} members in all its objects",
    "json_too_many_values": f"Must have at most {MAX_VALUES:,} values in all its arrays and objects",
    "repeated_parameter": "Must be sent once",
    "list_type": "Must be an array",
    "missing": "Must be present",
    "model_attributes_type": "Must be an object",
    "model_type": "Must be an object",
    "string_type": "Must be a string",
    "string_unicode": "Must be valid UTF-8",
    "uuid_parsing": "Must be a UUID, such as 01936d5e-8f1c-7000-8000-000000000001",
    "uuid_type": "Must be a UUID, such as 01936d5e-8f1c-7000-8000-000000000001",
}

# With the limits in the context of Pydantic's error, which never contains input.
_WITH_LIMITS = {
    "enum": "Must be one of: {expected}",
    "greater_than_equal": "Must be {ge} or more",
    "less_than_equal": "Must be {le} or less",
    "literal_error": "Must be one of: {expected}",
    "string_too_long": "Must be at most {max_length} characters long",
    "string_too_short": "Must be at least {min_length} characters long",
    "too_long": "Must have at most {max_length} {units}",
    "too_short": "Must have at least {min_length} {units}",
    "union_tag_invalid": "Must have {discriminator} set to one of: {expected_tags}",
    "union_tag_not_found": "Must have {discriminator}",
}


def message_of(error: Mapping[str, Any]) -> str:
    """Return the message for an error of Pydantic. It never repeats input."""
    kind = error["type"]
    if kind in {"value_error", "filter", "contradiction"}:  # Duly's own validators raise these
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return _unknown(error)
    if kind == "string_pattern_mismatch":
        return patterns.MESSAGES.get(error["ctx"]["pattern"], _UNKNOWN)
    limits = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    # Pydantic's `field_type` for text whose length is checked after a validator ran on it.
    limits["units"] = "characters" if limits.get("field_type") == "Value" else "items"
    if limits.get("min_length") == "1" and kind in {"string_too_short", "too_short"}:
        return "Must not be empty"
    if kind in _WITH_LIMITS:
        return _WITH_LIMITS[kind].format_map(limits)
    return _SIMPLE.get(kind, _UNKNOWN)


def _unknown(error: Mapping[str, Any]) -> str:
    if error["loc"][0] != "body":
        return "Unknown parameter"
    return "Read-only field" if error.get("is_read_only") else "Unknown field"


def _plain(value: object) -> str:
    """Return a limit as text: `'a', 'b' or 'c'` becomes `a, b, c`, and 10080 becomes 10,080."""
    if type(value) is int:
        return f"{value:,}"
    return str(value).replace("' or '", "', '").replace("'", "")
