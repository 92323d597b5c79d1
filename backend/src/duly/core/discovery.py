"""How an OpenID Connect provider describes itself (OpenID Connect Discovery 1.0)."""

from dataclasses import dataclass
from typing import Any

from duly.core.issuers import ALGORITHMS
from duly.core.sign_in_providers import CLIENT_SECRET_BASIC
from duly.core.trust_files import is_list_of, is_safe, is_text
from duly.utils import encoding


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What Duly uses of a description."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: frozenset[str]
    """Those with which the provider signs ID tokens, if Duly accepts them."""
    auth_methods: frozenset[str]
    sends_issuer: bool
    """Whether each response to the browser names the issuer (RFC 9207)."""


def read_metadata(document: bytes, issuer: str) -> ProviderMetadata:
    """Read the description of `issuer`. Raise `ValueError` with the reason if it is unusable."""
    content = encoding.decode(document)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # of a document
    if (given := content.get("issuer")) != issuer:
        shown = given if isinstance(given, str) else "missing"
        raise ValueError(f"the file has the issuer {issuer}, but the provider's is {shown}")
    signed_with = content.get("id_token_signing_alg_values_supported")
    algorithms = frozenset(ALGORITHMS).intersection(_texts(signed_with, "RS256"))
    if not algorithms:
        raise ValueError(f"ID tokens are signed with none of {', '.join(ALGORITHMS)}")
    return ProviderMetadata(
        _endpoint(content, "authorization_endpoint", issuer),
        _endpoint(content, "token_endpoint", issuer),
        _endpoint(content, "jwks_uri", issuer),
        _endpoint(content, "userinfo_endpoint", issuer)
        if "userinfo_endpoint" in content
        else None,
        algorithms,
        _texts(content.get("token_endpoint_auth_methods_supported"), CLIENT_SECRET_BASIC),
        content.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(content: dict[str, Any], name: str, issuer: str) -> str:
    """Return a URL. A provider elsewhere must not point to the loopback of this machine."""
    url: Any = content.get(name)
    if not is_text(url) or not is_safe(url):
        raise ValueError(f"{name} is not a URL that is safe to use")
    if issuer.startswith("https:") and not url.startswith("https:"):
        raise ValueError(f"{name} is not an https URL")
    return str(url)


def _texts(value: Any, default: str) -> frozenset[str]:
    return frozenset(value) if is_list_of(value, str) else frozenset({default})
