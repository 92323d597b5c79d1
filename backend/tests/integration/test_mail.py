"""Mail: it is sent through a real SMTP server, once, and none is lost when that fails."""

import asyncio
import io
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from duly.core.config import Settings
from duly.runtime import mailer, maintenance
from tests.support.accounts import register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import captured_logs, running
from tests.support.postbox import Postbox, html_of, link_in, postbox, settings_for, text_of, until

HOST = "127.0.0.1"


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after moments instead of minutes."""
    monkeypatch.setattr(mailer, "_FIRST_PAUSE", timedelta(milliseconds=50))
    monkeypatch.setattr(mailer, "_DELAY", (0.0, 0.0))


@asynccontextmanager
async def sending(
    settings: Settings, dsn: str, port: int, address: str, **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings_for(settings, dsn, port, **changes), address) as client:
        yield client


async def waiting(dsn: str) -> list[tuple[Any, ...]]:
    return await execute(dsn, "SELECT kind, email, attempts FROM outgoing_mails")


async def none_waits(dsn: str) -> None:
    async def is_empty() -> bool:
        return await waiting(dsn) == []

    await until(is_empty)


async def is_logged(logs: io.StringIO, event: str) -> None:
    async def has_line() -> bool:
        return f'"event":"{event}"' in logs.getvalue()

    await until(has_line)


async def test_mail_has_all_that_a_mail_program_needs(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        [message] = await box.mail_to(account.email)
        await none_waits(own_dsn)

    assert message["From"] == "Duly <duly@example.org>"
    assert message["Subject"] == "Confirm your email address"
    assert message["Date"] is not None
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    link = link_in(message)
    assert link.startswith("https://duly.example.org/verify-email#token=")
    assert f'<a href="{link}">' in html_of(message)
    assert account.email in text_of(message)
    assert " at duly.example.org." in text_of(message)
    # Nothing is loaded from anywhere, which would report when a mail is read.
    assert "src=" not in html_of(message)
    assert "url(" not in html_of(message)


async def test_mail_is_in_the_language_of_its_reader(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        await box.mail_to(account.email)
        await account.patch("/users/me", {"language": "de"})
        await account.post("/auth/email/resend")
        [_, message] = await box.mail_to(account.email, 2)

    assert message["Subject"] == "Bestätigen Sie Ihre E-Mail-Adresse"
    assert message["Content-Language"] == "de"
    assert '<html lang="de">' in html_of(message)


async def test_first_mail_is_in_the_language_of_the_registration(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client, language="de")
        [message] = await box.mail_to(account.email)

    assert message["Content-Language"] == "de"


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("fault", ["die", "451 try again later"])
async def test_mail_is_tried_again_when_the_server_fails(
    settings: Settings, own_dsn: str, box: Postbox, address: str, fault: str
) -> None:
    box.faults = [fault, fault]
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        [_] = await box.mail_to(account.email)
        await none_waits(own_dsn)

    assert box.faults == []
    assert len(box.found(account.email)) == 1


@pytest.mark.usefixtures("quickly")
async def test_mail_waits_for_a_server_that_is_down(
    settings: Settings, own_dsn: str, address: str
) -> None:
    with postbox() as gone:
        port = gone.port
    with captured_logs(settings) as logs:
        async with sending(settings, own_dsn, port, address) as client:
            account = await register(client)
            await is_logged(logs, "mail.postponed")
    assert account.email not in logs.getvalue()

    with postbox() as box:
        # Another process finds it when it starts.
        async with sending(settings, own_dsn, box.port, address):
            await box.mail_to(account.email)
            await none_waits(own_dsn)


@pytest.mark.usefixtures("quickly")
async def test_slow_server_delays_no_request_and_no_mail_is_lost(
    settings: Settings, own_dsn: str, box: Postbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "ATTEMPT_TIMEOUT", 0.3)
    box.faults = ["stall"]
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        # It answers while the mail server does not.
        assert (await account.get("/users/me")).status_code == 200
        [_] = await box.mail_to(account.email)
        await none_waits(own_dsn)


async def test_address_beyond_ascii_gets_its_mail(
    settings: Settings, own_dsn: str, address: str
) -> None:
    with postbox(enable_SMTPUTF8=True) as box:
        async with sending(settings, own_dsn, box.port, address) as client:
            account = await register(client, email="jürgen@exämple.com")
            await box.mail_to("jürgen@xn--exmple-cua.com")

    assert account.email == "jürgen@exämple.com"


async def test_address_beyond_ascii_is_given_up_if_the_server_cannot_have_it(
    settings: Settings, own_dsn: str, address: str
) -> None:
    with postbox(enable_SMTPUTF8=False) as box:
        async with sending(settings, own_dsn, box.port, address) as client:
            account = await register(client, email="jürgen@example.com")
            await none_waits(own_dsn)

    assert box.found(account.email) == []


@pytest.mark.usefixtures("quickly")
async def test_one_slow_recipient_delays_no_other(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    box.faults = ["stall"]
    async with sending(settings, own_dsn, box.port, address) as client:
        slow = await register(client)

        async def is_stalled() -> bool:
            return box.faults == []

        await until(is_stalled)
        others = [await register(client) for _ in range(10)]
        for account in others:
            await box.mail_to(account.email)
        assert box.found(slow.email) == []
        await execute(own_dsn, "DELETE FROM outgoing_mails")


@pytest.mark.usefixtures("quickly")
async def test_pause_does_not_grow_for_ever(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    box.faults = ["451 later"] * 1_000
    async with sending(settings, own_dsn, box.port, address) as client:
        await register(client)
        await execute(own_dsn, "UPDATE outgoing_mails SET attempts = 100")

        async def is_postponed() -> bool:
            [(_, _, attempts)] = await waiting(own_dsn)
            return bool(attempts > 100)

        await until(is_postponed)
        sql = "SELECT extract(epoch FROM next_attempt_at - now()) FROM outgoing_mails"
        [(seconds,)] = await execute(own_dsn, sql)

    assert 0 < seconds <= 3_600


@pytest.mark.usefixtures("quickly")
async def test_recipient_who_does_not_exist_is_given_up(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    with captured_logs(settings) as logs:
        box.refusals = ["550 no such mailbox"]
        async with sending(settings, own_dsn, box.port, address) as client:
            account = await register(client)
            await none_waits(own_dsn)

    assert box.messages == []
    assert '"event":"mail.given_up"' in logs.getvalue()
    assert "550 no such mailbox" in logs.getvalue()
    assert account.email not in logs.getvalue()


@pytest.mark.usefixtures("quickly")
async def test_what_the_server_repeats_of_a_mail_is_not_logged(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    token = "AaIXAt6GcQ" * 4
    with captured_logs(settings) as logs:
        async with sending(settings, own_dsn, box.port, address) as client:
            email = f"{uuid4()}@Example.com"
            box.faults = [
                f"451 4.7.1 not <{email.lower()}>, see https://example.org/verify-email#token={token}",
                f"554 5.7.1 spam in token={token} and {token}",
            ]
            await register(client, email=email)
            await none_waits(own_dsn)

    assert "451 4.7.1 not …" in logs.getvalue()
    assert "554 5.7.1 spam in … and …" in logs.getvalue()
    assert token not in logs.getvalue()
    assert email.lower() not in logs.getvalue()


@pytest.mark.usefixtures("quickly")
async def test_instance_in_use_sends_what_another_has_left(
    settings: Settings,
    own_dsn: str,
    box: Postbox,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL", 0.1)
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        await box.mail_to(account.email)
        await execute(
            own_dsn,
            "INSERT INTO outgoing_mails (id, kind, email, account_id, next_attempt_at) "
            "VALUES (gen_random_uuid(), 'verify', %s, %s, now())",
            *(account.email, account.id),
        )
        await account.get("/users/me")

        await box.mail_to(account.email, 2)


@pytest.mark.usefixtures("quickly")
async def test_mail_is_given_up_after_a_day(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    box.faults = ["451 later"] * 1_000
    with captured_logs(settings) as logs:
        async with sending(settings, own_dsn, box.port, address) as client:
            account = await register(client)
            await execute(
                own_dsn, "UPDATE outgoing_mails SET created_at = now() - interval '25 hours'"
            )
            await none_waits(own_dsn)

    assert '"event":"mail.given_up"' in logs.getvalue()
    assert box.found(account.email) == []


@pytest.mark.usefixtures("quickly")
async def test_each_mail_is_sent_by_one_of_many_workers(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    async with (
        sending(settings, own_dsn, box.port, address) as one,
        sending(settings, own_dsn, box.port, address) as other,
    ):
        accounts = await asyncio.gather(*(register(client) for client in [one, other] * 10))
        for account in accounts:
            await box.mail_to(account.email)
        await none_waits(own_dsn)

    assert len(box.messages) == len(accounts)


async def test_mail_of_a_worker_that_died_is_sent_by_another(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    await execute(
        own_dsn,
        "INSERT INTO outgoing_mails (id, kind, email, next_attempt_at, attempts) "
        "VALUES (gen_random_uuid(), 'reset', 'ada@example.com', now() + interval '0.5 s', 1)",
    )
    async with sending(settings, own_dsn, box.port, address):
        # It has no account, so it is dropped, once the lease of the worker that took it ends.
        await none_waits(own_dsn)


async def test_nothing_is_asked_of_the_database_while_there_is_no_mail(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    async with sending(settings, own_dsn, box.port, address) as client:
        account = await register(client)
        await box.mail_to(account.email)
        await none_waits(own_dsn)
        context = client._transport.app.state.context  # type: ignore[attr-defined]
        await asyncio.sleep(2)
        used = context.pool.used
        await asyncio.sleep(2)

        assert context.pool.used == used


async def test_password_and_mail_are_encrypted(
    settings: Settings, own_dsn: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_side = certificate(tmp_path, monkeypatch)
    with postbox(tls_context=server_side, require_starttls=True, has_accounts=True) as box:
        url = f"smtp://duly:p%40ss@{HOST}:{box.port}?starttls=required"
        async with sending(
            settings, own_dsn, box.port, address, smtp_url=SecretStr(url)
        ) as client:
            account = await register(client)
            await box.mail_to(account.email)

    assert box.logins == [("duly", "p@ss")]
    assert box.was_encrypted == [True]


async def test_mail_goes_over_tls_from_the_start_with_smtps(
    settings: Settings, own_dsn: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_side = certificate(tmp_path, monkeypatch)
    with postbox(ssl_context=server_side) as box:
        url = f"smtps://{HOST}:{box.port}"
        async with sending(
            settings, own_dsn, box.port, address, smtp_url=SecretStr(url)
        ) as client:
            account = await register(client)
            await box.mail_to(account.email)


@pytest.mark.usefixtures("quickly")
async def test_nothing_is_sent_to_a_server_without_the_right_certificate(
    settings: Settings, own_dsn: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_side = certificate(tmp_path, monkeypatch)
    monkeypatch.delenv("SSL_CERT_FILE")
    with postbox(ssl_context=server_side) as box, captured_logs(settings) as logs:
        url = f"smtps://{HOST}:{box.port}"
        async with sending(
            settings, own_dsn, box.port, address, smtp_url=SecretStr(url)
        ) as client:
            await register(client)
            await is_logged(logs, "mail.postponed")
        await execute(own_dsn, "DELETE FROM outgoing_mails")

    assert "certificate" in logs.getvalue().lower()
    assert box.messages == []


@pytest.mark.usefixtures("quickly")
async def test_nothing_is_sent_unencrypted_where_encryption_is_required(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    url = f"smtp://{HOST}:{box.port}?starttls=required"
    with captured_logs(settings) as logs:
        async with sending(
            settings, own_dsn, box.port, address, smtp_url=SecretStr(url)
        ) as client:
            await register(client)
            await is_logged(logs, "mail.postponed")
        await execute(own_dsn, "DELETE FROM outgoing_mails")

    assert box.messages == []


def certificate(directory: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a certificate for the loopback that clients trust, and return the server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    public, private = directory / "cert.pem", directory / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context
