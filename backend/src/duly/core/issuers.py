"""The file that lists other issuers whose tokens are accepted. It is checked when Duly starts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duly.core.tokens import ISSUER as OWN_NAME
from duly.core.trust_files import (
    TEXT,
    URL,
    check,
    check_fields,
    is_list_of,
    is_safe,
    is_text,
    read_entries,
)

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

_CONDITIONS = 'a table of claims, each with a string, true, false, or a list of these, such as { role = ["anon"] }'


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
    return read_entries(path, "issuer", "issuer", _read_issuer)


def _read_issuer(table: dict[str, Any], others: Collection[str]) -> Issuer:
    check_fields(table, _FIELDS)
    name: Any = table.get("issuer")
    url: Any = table.get("jwks_url")
    algorithms: Any = table.get("algorithms")
    check("issuer", TEXT, holds=is_text(name))
    check("issuer", f"another name than {OWN_NAME}, which is Duly's own", holds=name != OWN_NAME)
    check("issuer", "unique", holds=name not in others)
    check("jwks_url", URL, holds=is_text(url) and is_safe(url))
    check(
        "algorithms",
        f"a list of one or more of {', '.join(ALGORITHMS)}",
        holds=is_list_of(algorithms, str) and {*algorithms} <= {*ALGORITHMS},
    )
    create_accounts = table.get("create_accounts", True)
    check("create_accounts", "true or false", holds=isinstance(create_accounts, bool))
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
    is_valid = bool(values) and all(map(is_text, values))
    check("audience", f"{TEXT}, or a list of these", holds=is_valid)
    return frozenset(values)


def _read_conditions(field: str, table: Any) -> Conditions:
    check(field, _CONDITIONS, holds=isinstance(table, dict))
    conditions = {}
    for claim, value in table.items():
        values = value if isinstance(value, list) else [value]
        is_valid = bool(values) and all(isinstance(one, (str, bool)) for one in values)
        check(field, _CONDITIONS, holds=is_valid)
        conditions[claim] = frozenset(values)
    return conditions
