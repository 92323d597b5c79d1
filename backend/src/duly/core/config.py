"""Settings, from the environment and `.env`; `.env.example` lists them with their defaults."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from dotenv import dotenv_values
from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from duly.core.errors import StartupError
from duly.core.secret_check import MIN_SECRET_BYTES
from duly.core.setting_values import (
    HOW_TO_CREATE,
    WEB_APP_ON,
    CounterStorage,
    Dsn,
    IssuersFile,
    Listed,
    MailServerUrl,
    OptionalRate,
    Origin,
    PreviousSigningKey,
    PublicUrl,
    Rate,
    SecretKey,
    Sender,
    SigningKey,
    SignInProvidersFile,
    WebAppChoice,
)
from duly.core.trust_files import URL, is_safe
from duly.core.urls import origin_of

_PREFIX = "DULY_"
ENV_FILE = ".env"

MAX_ACCESS_TOKEN_MINUTES = 60


class Settings(BaseSettings):
    """All settings. `.env.example` and docs/deployment.md list them with their descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: Dsn | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="URL of PostgreSQL 15 or newer; if unset, an embedded one runs in DULY_DATA_DIR",
    )
    database_direct_url: Dsn | None = Field(
        None,
        validation_alias="DATABASE_DIRECT_URL",
        description="direct connection (no pooler), for migrations and LISTEN",
    )
    secret_key: SecretKey | None = Field(
        None,
        description=f"key that signs tokens, at least {MIN_SECRET_BYTES} bytes; required with DATABASE_URL",
    )
    previous_secret_keys: Listed[SecretKey] = Field(
        (), description="comma-separated earlier keys whose tokens are still accepted"
    )
    signing_key: SigningKey | None = Field(
        None,
        description="Ed25519 key (PEM, or the path of a file) that signs access tokens, so that others can verify them",
    )
    previous_signing_keys: Listed[PreviousSigningKey] = Field(
        (), description="comma-separated earlier keys of this kind, still accepted and published"
    )
    data_dir: Path = Field(Path("duly_data"), description="directory of the embedded database")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=64, description="number of worker processes")
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="port that serves /metrics for Prometheus; if unset, nothing is counted",
    )
    metrics_host: str = Field("127.0.0.1", description="address to listen on for /metrics")
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=60,
        description="seconds to keep connections open after SIGTERM, for restarts behind a proxy",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console, or auto (console on a terminal, otherwise json)"
    )
    log_addresses: bool = Field(
        True,
        description="whether log lines and last uses of API tokens include clients' network addresses",
    )
    migrate_at_start: bool = Field(
        False, description="migrate the database of DATABASE_URL at start"
    )
    pool_size: int = Field(10, ge=1, le=200, description="database connections per worker")
    request_timeout: float = Field(
        10.0,
        gt=0,
        le=60,
        description="time limit of a request in seconds; when it expires, the response is 503",
    )
    prepared_statements: Literal["auto", "on", "off"] = Field(
        "auto",
        description="auto, on or off: prepare statements on the server; auto: unless pooled",
    )
    registration: Literal["open", "closed"] = Field(
        "open", description="open or closed: whether new users can register themselves"
    )
    local_accounts: bool = Field(
        True, description="whether users can register and sign in with passwords"
    )
    issuers: IssuersFile | None = Field(
        None, description="path of a TOML file with other issuers whose tokens are accepted"
    )
    sign_in_providers: SignInProvidersFile | None = Field(
        None,
        description="path of a TOML file with OpenID Connect providers that users can sign in with",
    )
    access_token_minutes: int = Field(
        15, ge=1, le=MAX_ACCESS_TOKEN_MINUTES, description="lifetime of an access token in minutes"
    )
    refresh_token_days: int = Field(
        30, ge=1, le=365, description="days until an unused session expires"
    )
    max_sessions: int = Field(
        100,
        ge=1,
        le=10_000,
        description="sessions per user; a new one beyond it ends the least recently used",
    )
    max_api_tokens: int = Field(
        100, ge=1, le=10_000, description="API tokens per user, including expired ones"
    )
    bcrypt_cost: int = Field(12, ge=4, le=16, description="bcrypt work factor of password hashes")
    password_threads: int = Field(
        2, ge=1, le=16, description="threads per worker that hash passwords"
    )
    rate_limit: OptionalRate = Field("600/minute", description="requests of a user, or off")
    max_streams: int = Field(
        20, ge=1, le=10_000, description="open event streams per user and worker"
    )
    login_account_limit: Rate = Field(
        "10/minute", description="failed sign-ins to an account from one address"
    )
    login_address_limit: Rate = Field("100/hour", description="failed sign-ins from an address")
    login_total_limit: Rate = Field(
        "1000/day",
        description="failed sign-ins to an account, except from addresses where it signed in recently",
    )
    register_limit: Rate = Field("30/minute", description="registrations from an address")
    refresh_limit: Rate = Field("60/minute", description="refreshes of a session")
    rate_limit_storage: CounterStorage = Field(
        SecretStr("memory"),
        description="memory (each worker counts by itself) or redis://… (all workers share the counts)",
    )
    trusted_proxies: Listed[IPvAnyNetwork] = Field(
        (),
        description="comma-separated proxy addresses or networks whose X-Forwarded-* headers are trusted",
    )
    max_tasks: int = Field(
        100_000, ge=1, le=10_000_000, description="tasks per user, including those in the trash"
    )
    max_lists: int = Field(
        1_000, ge=1, le=1_000_000, description="lists per user, including the trash"
    )
    max_sections: int = Field(
        5_000, ge=1, le=1_000_000, description="sections per user, including the trash"
    )
    max_labels: int = Field(1_000, ge=1, le=1_000_000, description="labels per user")
    max_filters: int = Field(1_000, ge=1, le=1_000_000, description="saved filters per user")
    smtp_url: MailServerUrl | None = Field(
        None,
        description="SMTP server, smtp://user:password@host:587 or smtps://…; without one, no mail is sent",
    )
    mail_from: Sender | None = Field(
        None,
        description="sender of mail, such as Duly <duly@example.org>; required with DULY_SMTP_URL",
    )
    public_url: PublicUrl | None = Field(
        None,
        description="URL of this service for users, to which passkeys are bound, such as https://duly.example.org; required with DULY_SMTP_URL and DULY_SIGN_IN_PROVIDERS",
    )
    mail_account_limit: Rate = Field("5/hour", description="mails requested for an email address")
    mail_address_limit: Rate = Field(
        "60/hour", description="mails requested from a network address"
    )
    require_verified_email: bool = Field(
        False, description="whether users must verify their email address before they use tasks"
    )
    require_if_match: bool = Field(
        False, description="reject changes of a resource without If-Match, with 428"
    )
    web_app: WebAppChoice = Field(
        WEB_APP_ON,
        description="the web app at /: on (if this installation contains it), off, or a directory with another one",
    )
    cors_origins: Listed[Origin] = Field(
        (), description="comma-separated origins whose pages may call the API; none by default"
    )

    @property
    def is_embedded(self) -> bool:
        """Whether Duly runs the database itself."""
        return self.database_url is None


def environment_name(field: str) -> str:
    """Return the environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{_PREFIX}{field.upper()}"


def unknown_settings() -> dict[str, str | None]:
    """Return the `DULY_…` names that are not settings, each with the most similar setting.

    They are ignored, and are often typing errors.
    """
    known = {environment_name(field) for field in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
    unknown = sorted(name for name in given - known if name.startswith(_PREFIX))
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.75)), None)
        for name in unknown
    }


def load_settings(**overrides: object) -> Settings:
    """Read the settings. `overrides` come from the command line.

    Raises `StartupError` with one line that names the invalid setting and what it may be.
    """
    given = {
        environment_name(name) if name.startswith("database_") else name: value
        for name, value in overrides.items()
        if value is not None
    }
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # checked by pydantic
    except OSError as error:
        raise StartupError(f"cannot read {ENV_FILE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError(f"cannot read {ENV_FILE}: it must be text in UTF-8") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        field = next((n for n in Settings.model_fields if environment_name(n) == field), field)
        raise StartupError(f"{environment_name(field)}: {_reason(field, first)}") from None
    if not settings.is_embedded and settings.secret_key is None:
        raise StartupError(f"DULY_SECRET_KEY: required with DATABASE_URL; {HOW_TO_CREATE}")
    if settings.metrics_port == settings.port:
        raise StartupError("DULY_METRICS_PORT: must differ from DULY_PORT")
    _require_with_mail(settings)
    _require_a_sign_in(settings)
    if settings.sign_in_providers is not None:
        _require_callback_url(settings.public_url)
    return settings


def _require_with_mail(settings: Settings) -> None:
    if settings.smtp_url is None:
        if settings.require_verified_email:
            raise StartupError("DULY_SMTP_URL: required with DULY_REQUIRE_VERIFIED_EMAIL")
        return
    for name in ("mail_from", "public_url"):
        if getattr(settings, name) is None:
            raise StartupError(f"{environment_name(name)}: required with DULY_SMTP_URL")


def _require_a_sign_in(settings: Settings) -> None:
    others = (settings.issuers, settings.sign_in_providers)
    if not settings.local_accounts and others == (None, None):
        raise StartupError(
            "DULY_LOCAL_ACCOUNTS: false requires DULY_ISSUERS or DULY_SIGN_IN_PROVIDERS; "
            "without them, nobody can sign in"
        )


def _require_callback_url(public_url: str | None) -> None:
    """Providers send users back to this URL, with a code that nobody else may see."""
    if public_url is None:
        raise StartupError("DULY_PUBLIC_URL: required with DULY_SIGN_IN_PROVIDERS")
    if not is_safe(public_url) or origin_of(public_url.lower()) is None:
        raise StartupError(f"DULY_PUBLIC_URL: with DULY_SIGN_IN_PROVIDERS, must be {URL}")


def _reason(field: str, error: Mapping[str, Any]) -> str:
    """Return what a setting must be. Pydantic's own messages describe Python."""
    if error["type"] == "value_error" and field != "trusted_proxies":  # of `setting_values`
        return str(error["msg"]).removeprefix("Value error, ")
    return f"must be {_allowed(field)}"


def _allowed(field: str) -> str:
    """Return a description of the values that a setting accepts."""
    info = Settings.model_fields[field]
    if field == "trusted_proxies":
        return "comma-separated IP addresses or networks, such as 127.0.0.1 or 10.0.0.0/24"
    if info.annotation is bool:
        return "true or false"
    kinds = {kind for kind in get_args(info.annotation) if kind is not type(None)}
    kind = info.annotation if kinds != {int} else int
    if choices := get_args(kind):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    limits = {
        name: getattr(limit, name)
        for limit in info.metadata
        for name in ("ge", "gt", "le")
        if hasattr(limit, name)
    }
    if kind is int:
        return f"a whole number from {limits['ge']} to {limits['le']}"
    if "ge" in limits:
        return f"a number from {limits['ge']} to {limits['le']}"
    return f"a number greater than {limits['gt']} and at most {limits['le']}"
