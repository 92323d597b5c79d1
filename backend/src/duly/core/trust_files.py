"""TOML files that list servers which Duly trusts. They are checked when Duly starts."""

import ipaddress
import re
import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

TEXT = "a string of 1 to 255 visible ASCII characters"
URL = "an https URL, or an http URL of a loopback address"

_MAX_BYTES = 1_000_000
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")


class Named(Protocol):
    """An entry of a file."""

    @property
    def name(self) -> str: ...  # noqa: D102  # unique in its file


Entry = TypeVar("Entry", bound=Named)


def read_entries(
    path: Path, kind: str, label: str, read: Callable[[dict[str, Any], Collection[str]], Entry]
) -> tuple[Entry, ...]:
    """Read a file of `[[kind]]` tables with `read`, which gets each table and the names before it.

    Raise `ValueError` with one line that names the table by its field `label`, the field that is
    wrong, and what it may be.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.loads(file.read(_MAX_BYTES).decode())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file must be text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the file must be TOML: {error}") from None
    found = tables.pop(kind, [])
    if tables or not found or not is_list_of(found, dict):
        raise ValueError(f"the file must consist of one or more [[{kind}]] tables")
    entries: dict[str, Entry] = {}
    for number, table in enumerate(found, start=1):
        try:
            entry = read(table, entries)
        except ValueError as error:
            text = table.get(label)
            name = f" ({text})" if is_text(text) else ""
            raise ValueError(f"{kind} {number}{name}: {error}") from None
        entries[entry.name] = entry
    return tuple(entries.values())


def check_fields(table: dict[str, Any], known: Collection[str]) -> None:
    """Raise `ValueError` for an unknown field."""
    if unknown := sorted({*table} - {*known}):
        raise ValueError(f"{ascii(unknown[0])[1:-1]} is not one of {', '.join(known)}")


def check(field: str, what: str, *, holds: bool) -> None:
    """Raise `ValueError` saying what a field must be, unless that holds."""
    if not holds:
        raise ValueError(f"{field} must be {what}")


def is_text(value: Any) -> bool:
    """Whether a value is what `TEXT` says."""
    return isinstance(value, str) and _VISIBLE.fullmatch(value) is not None


def is_list_of(value: Any, kind: type) -> bool:
    """Whether a value is a list of one or more values of a type."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, kind) for one in value)


def is_safe(url: str) -> bool:
    """Whether a URL is what `URL` says: nobody between can replace what is read from it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
