"""The file that lists other issuers whose tokens are accepted. It is checked when Duly starts."""

import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duly.core.tokens import ISSUER as OWN_NAME

ALGORITHMS = (
    *("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("EdDSA", "Ed25519"),
)
"""Never `none`, and none with a shared secret. `EdDSA` is that of Ed25519 only."""

_FIELDS = (
    "issuer",
    "jwks_url",
    "audience",
    "algorithms",
    "create_accounts",
    "required",
    "refuse",
)

Value = str | bool
Conditions = Mapping[str, frozenset[Value]]

_MAX_BYTES = 1_000_000
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_TEXT = "a string of 1 to 255 visible ASCII characters"
_CONDITIONS = 'a table of claims, each with a string, true, false, or a list of these, such as { role = ["anon"] }'
_URL = "an https URL, or an http URL of a loopback address"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer, and what its tokens must be.

    Without an `audience`, their `aud` is not checked. A token needs one of the values of each claim in
    `required`, and may have none of those in `refuse`.
    """

    name: str
    jwks_url: str
    algorithms: frozenset[str]
    audience: frozenset[str]
    required: Conditions
    refuse: Conditions
    create_accounts: bool


def read_issuers(path: Path) -> tuple[Issuer, ...]:
    """Read the file. Raise `ValueError` with one line that names the issuer, the field, and what
    it may be.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.loads(file.read(_MAX_BYTES).decode())
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file must be text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the file must be TOML: {error}") from None
    entries = tables.pop("issuer", [])
    if tables or not entries or not _is_list_of(entries, dict):
        raise ValueError("the file must consist of one or more [[issuer]] tables")
    issuers: dict[str, Issuer] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            issuer = _read_issuer(entry, issuers)
        except ValueError as error:
            name = entry.get("issuer")
            label = f" ({name})" if _is_text(name) else ""
            raise ValueError(f"issuer {number}{label}: {error}") from None
        issuers[issuer.name] = issuer
    return tuple(issuers.values())


def _read_issuer(table: dict[str, Any], others: Collection[str]) -> Issuer:
    if unknown := sorted({*table} - {*_FIELDS}):
        raise ValueError(f"{ascii(unknown[0])[1:-1]} is not one of {', '.join(_FIELDS)}")
    name: Any = table.get("issuer")
    url: Any = table.get("jwks_url")
    algorithms: Any = table.get("algorithms")
    _check("issuer", _TEXT, holds=_is_text(name))
    _check("issuer", f"another name than {OWN_NAME}, which is Duly's own", holds=name != OWN_NAME)
    _check("issuer", "another name than that of each other table", holds=name not in others)
    _check("jwks_url", _URL, holds=_is_text(url) and _is_safe(url))
    _check(
        "algorithms",
        f"a list of one or more of {', '.join(ALGORITHMS)}",
        holds=_is_list_of(algorithms, str) and {*algorithms} <= {*ALGORITHMS},
    )
    create_accounts = table.get("create_accounts", True)
    _check("create_accounts", "true or false", holds=isinstance(create_accounts, bool))
    if "audience" not in table and not table.get("required"):
        raise ValueError("audience must be set, or a claim in required, such as azp")
    return Issuer(
        name,
        url,
        frozenset(algorithms),
        _read_audience(table["audience"]) if "audience" in table else frozenset(),
        _read_conditions("required", table.get("required", {})),
        _read_conditions("refuse", table.get("refuse", {})),
        create_accounts,
    )


def _read_audience(value: Any) -> frozenset[str]:
    values = value if isinstance(value, list) else [value]
    is_valid = bool(values) and all(map(_is_text, values))
    _check("audience", f"{_TEXT}, or a list of these", holds=is_valid)
    return frozenset(values)


def _read_conditions(field: str, table: Any) -> Conditions:
    _check(field, _CONDITIONS, holds=isinstance(table, dict))
    conditions = {}
    for claim, value in table.items():
        values = value if isinstance(value, list) else [value]
        is_valid = bool(values) and all(isinstance(one, (str, bool)) for one in values)
        _check(field, _CONDITIONS, holds=is_valid)
        conditions[claim] = frozenset(values)
    return conditions


def _check(field: str, what: str, *, holds: bool) -> None:
    if not holds:
        raise ValueError(f"{field} must be {what}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and _VISIBLE.fullmatch(value) is not None


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, kind) for one in value)


def _is_safe(url: str) -> bool:
    """Whether nobody between can replace the keys that are read from a URL."""
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
