"""A sign-in provider that an application knows without ever having asked it, and codes of it."""

import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from duly.core.discovery import ProviderMetadata
from duly.database.scope import UserScope
from duly.services import sign_in_codes
from tests.support.issuers import write_tables

NAME = "google"
# The example of RFC 7636, which the schema has, too.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

_METADATA = ProviderMetadata(
    "https://id.example.org/authorize",
    "https://id.example.org/token",
    "https://id.example.org/jwks",
    None,
    frozenset({"RS256"}),
    frozenset({"client_secret_basic"}),
    sends_issuer=False,
)


def write_provider(directory: Path) -> Path:
    """The file with the provider."""
    fields = {"name": NAME, "title": "G", "issuer": "https://id.example.org", "client_id": "duly"}
    return write_tables(directory / "providers.toml", "provider", fields)


def know_provider(app: FastAPI) -> None:
    """As if the provider had been asked a moment ago."""
    discovery = app.state.context.sign_in_providers.get(NAME)._discovery
    discovery._known, discovery._fetched_at = _METADATA, time.monotonic()


async def create_code(context: Any, scope: UserScope) -> str:
    """The code of a sign-in that began with `CHALLENGE`."""
    return await sign_in_codes.create(scope, context.keyring, NAME, CHALLENGE)
