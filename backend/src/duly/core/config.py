"""Settings, from the environment and `.env`; `.env.example` lists them with their defaults."""

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from duly.core.errors import StartupError

MIN_SECRET_BYTES = 32
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
_RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)")


class Settings(BaseSettings):
    """All that an operator can set. Each field's `description` is its line in `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix="DULY_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
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
    access_token_minutes: int = Field(15, ge=1, le=60, description="life of an access token")
    refresh_token_days: int = Field(30, ge=1, le=365, description="life of an unused session")
    bcrypt_cost: int = Field(12, ge=4, le=16, description="work factor of password hashes")
    password_threads: int = Field(
        1, ge=1, le=16, description="threads a worker that hash passwords"
    )
    rate_limit: str = Field("600/minute", description="each user's general budget, or off")
    login_account_limit: str = Field(
        "10/minute", description="failed sign-ins for an account from one address"
    )
    login_address_limit: str = Field("100/hour", description="failed sign-ins from an address")
    register_limit: str = Field("30/minute", description="registrations from an address")
    refresh_limit: str = Field("60/minute", description="refreshes of a session")
    rate_limit_storage: SecretStr = Field(
        SecretStr("memory"),
        description="memory, each worker its own, or redis://… for one that all workers share",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="addresses or networks, comma-separated, whose X-Forwarded-* are believed",
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
        if not re.match(r"memory$|rediss?(\+unix)?://", storage.get_secret_value()):
            raise ValueError("it must be memory or the URL of a Redis, such as redis://host:6379")
        return storage

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ValueError("an origin is scheme://host[:port], without a path")
        return origins

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _check_dsn(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None and not dsn.get_secret_value().startswith(
            ("postgresql://", "postgres://")
        ):
            raise ValueError("it must start with postgresql://")
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


def check_secret(secret: str) -> None:
    """Raise `ValueError` for a signing key that is short, well known, or easily guessed."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"it must have at least {MIN_SECRET_BYTES} bytes")
    if (
        secret.lower() in _WELL_KNOWN_SECRETS
        or _PLACEHOLDER.search(secret)
        or len(set(secret)) < _MIN_DISTINCT
    ):
        raise ValueError("it is well known or easily guessed: make one with openssl rand -hex 32")


def signing_secret(settings: Settings) -> str:
    """The key that signs tokens: the one set, or one made once and kept in the data directory.

    Raises `StartupError` where it can't be kept.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data_dir / "secret_key"
    try:
        if not path.exists():
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            # Linked into place whole, so that whoever comes second reads the first one's key.
            draft = path.with_suffix(f".{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(MIN_SECRET_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise StartupError(f"can't keep a signing key in {path}: {error.strerror}") from None


def environment_name(field: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"DULY_{field.upper()}"


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
