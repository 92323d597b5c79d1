"""The types of settings whose values follow rules of their own. Each says what a value must be."""

import re
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from duly.core.ed25519_keys import read_previous_key, read_private_key
from duly.core.issuers import read_issuers
from duly.core.mail_server import read_mail_server, read_sender
from duly.core.secret_check import check_secret
from duly.core.sign_in_providers import read_sign_in_providers
from duly.utils.dsn import HOW_TO_ENCODE, is_readable

WEB_APP_ON = "on"
WEB_APP_OFF = "off"

HOW_TO_CREATE = "create one with `openssl rand -hex 32`"

Item = TypeVar("Item")

_REDIS_OPTIONS = {"db", "protocol", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)")
_HOW_TO_RATE = "must be a number per second, minute, hour or day, such as 600/minute"


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Listed = Annotated[tuple[Item, ...], NoDecode, BeforeValidator(_split)]
"""Items separated by commas."""


def _check_dsn(dsn: SecretStr) -> SecretStr:
    if not dsn.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    if not is_readable(dsn.get_secret_value()):
        raise ValueError(
            "must have the form postgresql://user:password@host:port/database?option=value; "
            f"percent-encode the password with this command: {HOW_TO_ENCODE}"
        )
    return dsn


def _check_secret(secret: SecretStr) -> SecretStr:
    try:
        check_secret(secret.get_secret_value())
    except ValueError as error:
        raise ValueError(f"must not be {error}; {HOW_TO_CREATE}") from None
    return secret


def _check_signing_key(key: SecretStr) -> SecretStr:
    read_private_key(key.get_secret_value())
    return key


def _check_previous_key(key: SecretStr) -> SecretStr:
    read_previous_key(key.get_secret_value())
    return key


def _check_issuers(file: Path) -> Path:
    read_issuers(file)
    return file


def _check_sign_in_providers(file: Path) -> Path:
    read_sign_in_providers(file)
    return file


def _check_web_app(choice: str) -> str:
    if choice not in {WEB_APP_ON, WEB_APP_OFF} and not Path(choice, "index.html").is_file():
        raise ValueError("must be on, off, or a directory with an index.html")
    return choice


def _check_rate(rate: str) -> str:
    if _RATE.fullmatch(rate) is None:
        raise ValueError(_HOW_TO_RATE)
    return rate


def _check_optional_rate(rate: str) -> str:
    if rate != "off" and _RATE.fullmatch(rate) is None:
        raise ValueError(f"{_HOW_TO_RATE}, or off")
    return rate


def _check_counters(storage: SecretStr) -> SecretStr:
    if not _is_storage(storage.get_secret_value()):
        raise ValueError(
            "must be memory or the URL of a Redis, such as redis://host:6379/0; "
            f"percent-encode its password with this command: {HOW_TO_ENCODE}"
        )
    return storage


def _is_storage(uri: str) -> bool:
    if uri == "memory" or re.fullmatch(r"redis\+unix:///[^?#]+(\?db=\d+)?", uri):
        return True
    try:
        url = urlsplit(uri)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    is_redis = url.scheme in {"redis", "rediss"} and url.netloc.count("@") <= 1
    has_path = re.fullmatch(r"/?|/[0-9]{1,3}", url.path) is not None
    # An option that the client does not know would fail with each request.
    options = {name for name, _ in parse_qsl(url.query, keep_blank_values=True)}
    return is_redis and has_host and has_path and not url.fragment and options <= _REDIS_OPTIONS


def _check_origin(origin: str) -> str:
    # Browsers send origins in lower case and without a slash.
    sent = origin.removesuffix("/").lower()
    if re.fullmatch(r"https?://[^/\s*?#@]+", sent) is None:
        raise ValueError(
            "must be comma-separated origins of the form scheme://host[:port], such as "
            "https://app.example.org; paths and wildcards are not supported"
        )
    return sent


def _check_mail_server(url: SecretStr) -> SecretStr:
    read_mail_server(url.get_secret_value())
    return url


def _check_sender(sender: str) -> str:
    read_sender(sender)
    return sender


def _check_public_url(url: str) -> str:
    if re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", url) is None:
        raise ValueError(
            "must be an http or https URL without a query, such as https://duly.example.org"
        )
    return url.rstrip("/")


Dsn = Annotated[SecretStr, AfterValidator(_check_dsn)]
SecretKey = Annotated[SecretStr, AfterValidator(_check_secret)]
SigningKey = Annotated[SecretStr, AfterValidator(_check_signing_key)]
PreviousSigningKey = Annotated[SecretStr, AfterValidator(_check_previous_key)]
IssuersFile = Annotated[Path, AfterValidator(_check_issuers)]
SignInProvidersFile = Annotated[Path, AfterValidator(_check_sign_in_providers)]
WebAppChoice = Annotated[str, AfterValidator(_check_web_app)]
Rate = Annotated[str, AfterValidator(_check_rate)]
OptionalRate = Annotated[str, AfterValidator(_check_optional_rate)]
CounterStorage = Annotated[SecretStr, AfterValidator(_check_counters)]
Origin = Annotated[str, AfterValidator(_check_origin)]
MailServerUrl = Annotated[SecretStr, AfterValidator(_check_mail_server)]
Sender = Annotated[str, AfterValidator(_check_sender)]
PublicUrl = Annotated[str, AfterValidator(_check_public_url)]
