"""Examines an installation: its settings, files and keys, and the services that it calls."""

import asyncio
import shutil
import ssl
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib

from duly.core.config import ENV_FILE, Settings, unknown_settings
from duly.core.discovery import read_metadata
from duly.core.errors import StartupError
from duly.core.issuers import read_issuers
from duly.core.key_sets import read_key_set
from duly.core.mail_server import read_mail_server
from duly.core.sign_in_providers import read_sign_in_providers
from duly.core.signing_key import secret_key_path, signing_secret
from duly.runtime.mailer import client_of, reason_of
from duly.services.findings import Finding, ok, problem, warning
from duly.utils.sizes import readable

_MIN_FREE = 64 * 2**20
_LITTLE_FREE = 2**30
_MIN_TEMPORARY = 100 * 2**20
_MAIL_TIMEOUT = 20.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Look at the settings and at what is on this machine."""
    yield from _settings(settings)
    yield from _keys(settings)
    yield from _disk(settings)


def examine_services(settings: Settings) -> Iterator[Finding]:
    """Call the other services that are configured, as Duly does."""
    if settings.smtp_url is not None:
        yield asyncio.run(_mail(settings))
    if settings.rate_limit_storage.get_secret_value() != "memory":
        yield asyncio.run(_redis(settings))
    yield from asyncio.run(_issuers(settings))


def _settings(settings: Settings) -> Iterator[Finding]:
    unknown = unknown_settings()
    for name, suggestion in unknown.items():
        advice = f"rename it to {suggestion}" if suggestion else "remove it"
        yield warning("settings", f"{name} is not a setting, and ignored", advice)
    if not unknown:
        yield ok("settings", f"{len(settings.model_fields_set)} set, all known")
    file = Path(ENV_FILE)
    if file.is_file() and file.stat().st_mode & _OTHERS:
        yield warning(
            "settings", f"{ENV_FILE} can be read by other users", f"run `chmod 600 {ENV_FILE}`"
        )


def _keys(settings: Settings) -> Iterator[Finding]:
    path = secret_key_path(settings)
    if settings.secret_key is None and not path.exists():
        yield ok("secret key", "none yet; the first start creates one")
        return
    try:
        length = len(signing_secret(settings).encode())
    except StartupError as error:
        yield problem("secret key", str(error), "see `duly restore --with-secret-key`")
        return
    place = "of DULY_SECRET_KEY" if settings.secret_key is not None else f"in {path}"
    yield ok("secret key", f"{length} bytes, {place}, not easy to guess")
    if settings.secret_key is None and path.stat().st_mode & _OTHERS:
        yield problem("secret key", "other users can read it", f"run `chmod 600 {path}`")
    if settings.previous_secret_keys:
        yield ok("secret key", f"{len(settings.previous_secret_keys)} earlier, still accepted")


def _disk(settings: Settings) -> Iterator[Finding]:
    if settings.is_embedded and settings.data_dir.exists():
        yield _space(
            "disk",
            settings.data_dir.absolute(),
            _MIN_FREE,
            "free some: PostgreSQL cannot write when it is full",
        )
    try:
        directory = Path(tempfile.gettempdir())
    except OSError:
        yield problem("temporary files", "there is no directory for them", "set TMPDIR")
        return
    advice = "free some, or set TMPDIR: exports need it"
    yield _space("temporary files", directory, _MIN_TEMPORARY, advice)


def _space(check: str, directory: Path, minimum: int, advice: str) -> Finding:
    try:
        usage = shutil.disk_usage(directory)
    except OSError as error:
        return problem(check, f"cannot look at {directory}: {error.strerror}", "check the disk")
    message = f"{readable(usage.free)} free of {readable(usage.total)} in {directory}"
    if usage.free < minimum:
        return problem(check, message, advice)
    if usage.free < _LITTLE_FREE:
        return warning(check, message, advice)
    return ok(check, message)


async def _mail(settings: Settings) -> Finding:
    """Connect and sign in to the mail server, and send nothing."""
    assert settings.smtp_url is not None
    server = read_mail_server(settings.smtp_url.get_secret_value())
    client = client_of(server, settings.public_url, ssl.create_default_context())
    place = f"{server.host}:{server.port}"
    try:
        async with asyncio.timeout(_MAIL_TIMEOUT):
            await client.connect()
            await client.quit()
    except (aiosmtplib.SMTPException, OSError) as error:
        reason = reason_of(str(error) or type(error).__name__)
        advice = "check DULY_SMTP_URL; until then, mail waits, and is given up after a day"
        return problem("mail", f"{place}: {reason}", advice)
    finally:
        client.close()
    return ok(
        "mail", f"{place} accepts connections" + (" and the password" * bool(server.password))
    )


async def _redis(settings: Settings) -> Finding:
    from redis.exceptions import RedisError  # only where one is configured

    from duly.runtime.shared_counters import SharedStorage

    storage = SharedStorage(settings.rate_limit_storage.get_secret_value())
    try:
        await storage.ping()
    except RedisError as error:
        advice = "check DULY_RATE_LIMIT_STORAGE; until then, each worker counts by itself"
        return problem("rate limits", f"{storage.name}: {error}", advice)
    finally:
        await storage.close()
    return ok("rate limits", f"{storage.name} responds")


async def _issuers(settings: Settings) -> list[Finding]:
    """Fetch the keys of issuers, and how sign-in providers describe themselves."""
    issuers = read_issuers(settings.issuers) if settings.issuers else ()
    path = settings.sign_in_providers
    providers = read_sign_in_providers(path) if path else ()
    if not issuers and not providers:
        return []
    from duly.runtime.fetching import Fetcher, FetchFailed  # it imports httpx

    fetcher, found = Fetcher(), []
    try:
        for issuer in issuers:
            try:
                keys = read_key_set(await fetcher.fetch(issuer.jwks_url), issuer.algorithms)
            except (FetchFailed, ValueError) as error:
                advice = "check jwks_url, and the way to it; its tokens are refused with 503"
                found.append(problem("issuers", f"{issuer.name}: {error}", advice))
                continue
            found.append(
                ok("issuers", f"{issuer.name}: {len(keys)} keys")
                if keys
                else problem("issuers", f"{issuer.name}: no usable key", "check its algorithms")
            )
        for provider in providers:
            try:
                read_metadata(await fetcher.fetch(provider.discovery_url), provider.issuer)
            except (FetchFailed, ValueError) as error:
                advice = "check its issuer, and the way to it; users cannot sign in there"
                found.append(problem("sign-in providers", f"{provider.name}: {error}", advice))
            else:
                found.append(ok("sign-in providers", f"{provider.name} can be reached"))
    finally:
        await fetcher.close()
    return found
