"""The file that lists OpenID Connect providers to sign in with. It is checked when Duly starts."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from duly.core.urls import MAX_URL

CALLBACK_PATH = "/api/v1/auth/oidc/{provider}/callback"
"""Where providers send browsers back to, below the public URL."""

CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105  # a method
CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105  # as above
NONE = "none"
"""How a client authenticates at the token endpoint, by the names of OpenID Connect."""

_FIELDS = (
    "name",
    "title",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "token_endpoint_auth_method",
    "scopes",
    "return_to",
    "create_accounts",
)

_MAX_SECRET = 4096
_MAX_TITLE = 60
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x22\x24-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, and Duly's registration as its client."""

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    token_endpoint_auth_method: str | None
    """By default, what the provider supports."""
    scopes: str
    return_to: frozenset[str]
    """URLs that users may return to, besides those of the allowed origins."""
    create_accounts: bool

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself (OpenID Connect Discovery 1.0, 4)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def read_sign_in_providers(path: Path) -> tuple[Provider, ...]:
    """Read the file. Raise `ValueError` with one line that names the provider, the field, and what
    it may be.
    """

    def read(table: dict[str, Any], others: Collection[str]) -> Provider:
        return _read_provider(table, others, path.parent)

    return read_entries(path, "provider", "name", read)


def _read_provider(table: dict[str, Any], others: Collection[str], directory: Path) -> Provider:
    check_fields(table, _FIELDS)
    name: Any = table.get("name")
    title: Any = table.get("title")
    issuer: Any = table.get("issuer")
    scopes: Any = table.get("scopes", "openid email profile")
    create_accounts = table.get("create_accounts", True)
    check(
        "name",
        "1 to 32 lowercase letters, digits and hyphens, and not exchange",
        holds=isinstance(name, str) and bool(_NAME.fullmatch(name)) and name != "exchange",
    )
    check("name", "unique", holds=name not in others)
    check(
        "title",
        f"a string of 1 to {_MAX_TITLE} characters",
        holds=isinstance(title, str)
        and title.isprintable()
        and 1 <= len(title.strip()) <= _MAX_TITLE,
    )
    check("issuer", f"{URL}, without a query", holds=_is_issuer(issuer))
    check("client_id", TEXT, holds=is_text(table.get("client_id")))
    check(
        "scopes",
        "scopes separated by spaces, with openid among them",
        holds=isinstance(scopes, str)
        and bool(_SCOPE.fullmatch(scopes))
        and "openid" in scopes.split(),
    )
    check("create_accounts", "true or false", holds=isinstance(create_accounts, bool))
    secret = _read_secret(table, directory)
    return Provider(
        name,
        title.strip(),
        issuer,
        table["client_id"],
        secret,
        _read_method(table, secret),
        scopes,
        _read_return_to(table.get("return_to")),
        create_accounts,
    )


def _is_issuer(url: Any) -> bool:
    return is_text(url) and is_safe(url) and not urlsplit(url).query and "?" not in url


def _read_secret(table: dict[str, Any], directory: Path) -> str | None:
    """Return the client secret; None for a public client."""
    if "client_secret_file" not in table:
        secret = table.get("client_secret")
        is_valid = secret is None or _is_secret(secret)
        check("client_secret", _HOW_SECRET, holds=is_valid)
        return secret
    if "client_secret" in table:
        raise ValueError("set only one of client_secret and client_secret_file")
    file = table["client_secret_file"]
    check("client_secret_file", "the path of a file", holds=isinstance(file, str) and file != "")
    path = directory / file
    try:
        with path.open("rb") as opened:
            secret = opened.read(_MAX_SECRET + 2).decode().strip()
    except OSError as error:
        raise ValueError(f"client_secret_file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        secret = ""
    check("client_secret_file", f"the path of a file with {_HOW_SECRET}", holds=_is_secret(secret))
    return secret


_HOW_SECRET = f"1 to {_MAX_SECRET} visible ASCII characters"


def _is_secret(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,4096}", value) is not None


def _read_method(table: dict[str, Any], secret: str | None) -> str | None:
    if secret is None:
        check(
            "token_endpoint_auth_method",
            "absent without a client secret",
            holds="token_endpoint_auth_method" not in table,
        )
        return NONE
    method: str | None = table.get("token_endpoint_auth_method")
    check(
        "token_endpoint_auth_method",
        f"{CLIENT_SECRET_BASIC} or {CLIENT_SECRET_POST}",
        holds=method in (None, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST),  # or a list
    )
    return method


def _read_return_to(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    check(
        "return_to",
        f"a list of absolute URLs of at most {MAX_URL} characters without a fragment, such as "
        "com.example.app:/signed-in",
        holds=is_list_of(value, str)
        and all(len(url) <= MAX_URL and _ABSOLUTE.fullmatch(url) for url in value)
        and not any(url.lower().startswith(_ACTIVE) for url in value),
    )
    return frozenset(value)


_ACTIVE = ("javascript:", "data:", "vbscript:", "file:", "blob:")
"""Schemes that run or show what a URL contains."""
