"""Settings, from the environment and `.env`; `.env.example` lists them with their defaults."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from dotenv import dotenv_values
from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from duly.core.errors import StartupError
from duly.utils.dsn import HOW_TO_ENCODE, is_readable

_PREFIX = "DULY_"
_ENV_FILE = ".env"

MIN_SECRET_BYTES = 32
MAX_ACCESS_TOKEN_MINUTES = 60
_MIN_DISTINCT = 8

# Keys that stand in tutorials, and words that mark a key nobody has changed.
_WELL_KNOWN_SECRETS = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "your-256-bit-secret-your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
    }
)
_PLACEHOLDER = re.compile(r"change.?(me|this|it)|your.?secret|example|placeholder", re.IGNORECASE)
_REDIS_OPTIONS = {"db", "protocol", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)")


class Settings(BaseSettings):
    """All that an operator can set. Each field's `description` is its line in `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=_ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL 15 or newer; the embedded one in DULY_DATA_DIR when unset",
    )
    database_direct_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_DIRECT_URL",
        description="a way past the pooler, for migrations",
    )
    secret_key: SecretStr | None = Field(
        None,
        description=f"signs tokens, {MIN_SECRET_BYTES} bytes or more; required with DATABASE_URL",
    )
    previous_secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="former keys, comma-separated, whose tokens are still accepted"
    )
    data_dir: Path = Field(Path("duly_data"), description="where the embedded database lives")
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="the port to listen on")
    workers: int = Field(1, ge=1, le=64, description="server processes")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console, or auto: console on a terminal, else json"
    )
    log_addresses: bool = Field(
        True, description="whether log lines hold the addresses of clients"
    )
    migrate_at_start: bool = Field(
        False, description="bring the database of DATABASE_URL to the newest schema at start"
    )
    pool_size: int = Field(10, ge=1, le=200, description="database connections a worker")
    database_timeout: float = Field(
        5.0,
        gt=0,
        le=60,
        description="seconds of database time for one request; when they are over, the response is 503",
    )
    prepared_statements: bool = Field(
        False, description="server-side prepared statements; only without a transaction pooler"
    )
    registration: Literal["open", "closed"] = Field(
        "open", description="whether anybody may register: open or closed"
    )
    access_token_minutes: int = Field(
        15, ge=1, le=MAX_ACCESS_TOKEN_MINUTES, description="life of an access token"
    )
    refresh_token_days: int = Field(30, ge=1, le=365, description="life of an unused session")
    max_sessions: int = Field(
        100, ge=1, le=10_000, description="sessions per user; a new one ends the oldest"
    )
    bcrypt_cost: int = Field(12, ge=4, le=16, description="work factor of password hashes")
    password_threads: int = Field(
        2, ge=1, le=16, description="threads per worker that hash passwords"
    )
    rate_limit: str = Field("600/minute", description="each user's general budget, or off")
    max_streams: int = Field(
        20, ge=1, le=10_000, description="open event streams per user and worker"
    )
    login_account_limit: str = Field(
        "10/minute", description="failed sign-ins for an account from one address"
    )
    login_address_limit: str = Field("100/hour", description="failed sign-ins from an address")
    login_total_limit: str = Field(
        "1000/day",
        description="failed sign-ins for an account from all addresses but those it is used from",
    )
    register_limit: str = Field("30/minute", description="registrations from an address")
    refresh_limit: str = Field("60/minute", description="refreshes of a session")
    rate_limit_storage: SecretStr = Field(
        SecretStr("memory"),
        description="memory, each worker its own, or redis://… for one that all workers share",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="proxy addresses, comma-separated, whose X-Forwarded-* headers are trusted",
    )
    max_tasks: int = Field(
        100_000, ge=1, le=10_000_000, description="tasks per user, the trash included"
    )
    require_if_match: bool = Field(
        False, description="refuse to change a task without If-Match, with 428"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call the API, comma-separated; none by default"
    )

    @field_validator("cors_origins", "previous_secret_keys", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("rate_limit_storage")
    @classmethod
    def _check_storage(cls, storage: SecretStr) -> SecretStr:
        if not _is_storage(storage.get_secret_value()):
            raise ValueError(
                "it must be memory or the URL of a Redis, such as redis://host:6379/0; "
                f"percent-encode a password in it, as this command does: {HOW_TO_ENCODE}"
            )
        return storage

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        # Browsers send origins in lower case and without a slash.
        listed = tuple(origin.removesuffix("/").lower() for origin in origins)
        if not all(re.fullmatch(r"https?://[^/\s*?#@]+", origin) for origin in listed):
            raise ValueError(
                "each origin must be scheme://host[:port], such as https://app.example.org; "
                "paths and wildcards are not supported"
            )
        return listed

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _check_dsn(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None and not dsn.get_secret_value().startswith(
            ("postgresql://", "postgres://")
        ):
            raise ValueError("it must start with postgresql://")
        if dsn is not None and not is_readable(dsn.get_secret_value()):
            raise ValueError(
                "it can't be read as postgresql://user:password@host:port/database?option=value; "
                f"percent-encode the password, as this command does: {HOW_TO_ENCODE}"
            )
        return dsn

    @field_validator("secret_key", "previous_secret_keys")
    @classmethod
    def _check_secrets(
        cls, value: SecretStr | tuple[SecretStr, ...] | None
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        for secret in value if isinstance(value, tuple) else filter(None, [value]):
            check_secret(secret.get_secret_value())
        return value

    @field_validator(
        "rate_limit",
        "login_account_limit",
        "login_address_limit",
        "login_total_limit",
        "register_limit",
        "refresh_limit",
    )
    @classmethod
    def _check_rate(cls, rate: str, info: object) -> str:
        field_name = getattr(info, "field_name", "")
        if _RATE.fullmatch(rate) or (rate == "off" and field_name == "rate_limit"):
            return rate
        raise ValueError("it must look like 600/minute (second, minute, hour or day)")

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the one that Duly runs itself."""
        return self.database_url is None


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


def check_secret(secret: str) -> None:
    """Raise `ValueError` for a signing key that is short, well known, or easily guessed."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes long")
    if (
        secret.lower() in _WELL_KNOWN_SECRETS
        or _PLACEHOLDER.search(secret)
        or len(set(secret)) < _MIN_DISTINCT
    ):
        raise ValueError("well known or easily guessed; create one with openssl rand -hex 32")


def environment_name(field: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{_PREFIX}{field.upper()}"


def unknown_settings() -> dict[str, str | None]:
    """The names that begin as settings do but are not, each with the setting most like it.

    They are ignored, and often mistyped.
    """
    known = {environment_name(field) for field in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(_ENV_FILE))}
    unknown = sorted(name for name in given - known if name.startswith(_PREFIX))
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.75)), None)
        for name in unknown
    }


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` are those that the command line gives.

    Raises `StartupError` with one line that names the setting at fault.
    """
    given = {
        environment_name(name) if name.startswith("database_") else name: value
        for name, value in overrides.items()
        if value is not None
    }
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # checked by pydantic
    except OSError as error:
        raise StartupError(f"can't read {_ENV_FILE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError(f"can't read {_ENV_FILE}: it must be text in UTF-8") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else "settings"
        name = environment_name(place) if place in Settings.model_fields else place
        raise StartupError(f"{name}: {_reason(first['msg'])}") from None
    if not settings.is_embedded and settings.secret_key is None:
        raise StartupError(
            "DULY_SECRET_KEY: it is required with DATABASE_URL; make one with openssl rand -hex 32"
        )
    return settings


def _reason(message: str) -> str:
    text = message.removeprefix("Value error, ").strip()
    return text[0].lower() + text[1:]
