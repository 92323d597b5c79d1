"""Sends the mail that requests have asked for, so that no request waits for a mail server.

A mail is taken for as long as an attempt may last. If its worker dies meanwhile, another one takes
it again: a mail may come twice, but none is lost. While there is no mail, the database is left alone.
"""

import asyncio
import contextlib
import random
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from urllib.parse import urlsplit

import aiosmtplib

from duly.core.config import Settings
from duly.core.logging import log
from duly.core.mail_server import MailServer, read_mail_server, read_sender
from duly.core.spans import client_span, note_error
from duly.core.tokens import Keyring
from duly.database.scope import AcrossUsers
from duly.database.values import Row
from duly.runtime.background import forever, report
from duly.services import mail_contents, mails
from duly.utils.printable import printable

ATTEMPT_TIMEOUT = 60.0
"""Seconds for one attempt, from connecting to the last response."""

_STEP_TIMEOUT = 20.0
"""Seconds for which one response of the mail server is awaited."""

_CLOSING_TIMEOUT = 5.0
_LEASE = timedelta(seconds=2 * ATTEMPT_TIMEOUT)
_AT_ONCE = 16
_GIVEN_UP_AFTER = timedelta(days=1)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_RETRY_INTERVAL = 5.0
"""Seconds until the database is asked again after it has failed."""

_PERMANENT = 500
"""SMTP codes from here on say that trying again is pointless (RFC 5321, 4.2.1)."""
_MAX_REASON = 200
_PRIVATE = re.compile(r"\S*(?:@|#|://)\S*|[\w%=./+-]{24,}")
"""Addresses, URLs, and what may be a part of a token."""

_START_TLS = {"tls": False, "starttls": True, "if_offered": None}

# Seconds from a request to its mail, at random: what is sent would otherwise delay the next
# request, which would tell whether there was an account.
_DELAY = (0.3, 1.2)


class Mailer:
    """One worker's mailer. Without an SMTP server it does nothing."""

    def __init__(self, settings: Settings, keyring: Keyring, across_users: AcrossUsers) -> None:
        self._settings = settings
        self._keyring = keyring
        self._across_users = across_users
        self._is_needed = asyncio.Event()
        self._is_needed.set()  # an earlier process may have left some mail
        self._next_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None

    def start(self) -> None:
        """Start to send."""
        if self._settings.smtp_url is not None:
            server = read_mail_server(self._settings.smtp_url.get_secret_value())
            work = partial(self._work, server)
            self._task = asyncio.create_task(forever("mail", work, _RETRY_INTERVAL))

    async def close(self) -> None:
        """Stop, once what is being sent has been sent. If that takes too long, it is sent again."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSING_TIMEOUT)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self) -> None:
        """Note that a mail was added."""
        self._is_needed.set()

    async def _work(self, server: MailServer) -> None:
        """Wait until mail is due, and begin to send it, some at once.

        So one slow recipient does not delay all others.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._next_at):
                await self._is_needed.wait()
        await asyncio.sleep(random.uniform(*_DELAY))  # noqa: S311  # no secret
        self._is_needed.clear()
        self._next_at = None
        try:
            if room := _AT_ONCE - len(self._running):
                for mail in await mails.take(self._across_users, room, _LEASE):
                    self._begin(server, mail)
            if len(self._running) < _AT_ONCE:
                pause = await mails.seconds_until_next(self._across_users)
                if pause is not None:
                    self._next_at = asyncio.get_running_loop().time() + pause
        except Exception:
            self._is_needed.set()
            raise

    def _begin(self, server: MailServer, mail: Row) -> None:
        task = asyncio.create_task(self._handle(server, mail))
        self._running.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._is_needed.set()  # there is room, and there may be a mail to be tried again
        if not task.cancelled() and (error := task.exception()) is not None:
            report("mail", error)

    async def _handle(self, server: MailServer, mail: Row) -> None:
        message = await mail_contents.write(
            self._across_users,
            self._keyring,
            read_sender(self._settings.mail_from or ""),
            self._settings.public_url or "",
            mail,
        )
        if message is None:
            await mails.remove(self._across_users, mail["id"])
            return
        attributes = {"duly.mail.kind": mail["kind"], "server.address": server.host}
        with client_span("send mail", attributes) as span:
            failure = await self._send(server, message)
            if failure is not None:
                note_error(span, "rejected" if failure.is_final else "postponed")
        about = {"mail": str(mail["id"]), "kind": mail["kind"], "attempts": mail["attempts"]}
        if failure is None:
            log.info("mail.sent", **about)
        elif failure.is_final or datetime.now(UTC) - mail["created_at"] > _GIVEN_UP_AFTER:
            log.error("mail.given_up", **about, reason=failure.reason)
        else:
            pause = min(_FIRST_PAUSE * 4 ** min(mail["attempts"] - 1, 10), _LONGEST_PAUSE)
            log.warning(
                "mail.postponed", **about, reason=failure.reason, seconds=pause.total_seconds()
            )
            await mails.postpone(self._across_users, mail["id"], pause)
            return
        await mails.remove(self._across_users, mail["id"])

    async def _send(self, server: MailServer, message: EmailMessage) -> "_Failure | None":
        """Try to send a mail; return why that failed, or None."""
        if self._tls is None:
            # It reads some hundred certificates.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        client = client_of(server, self._settings.public_url, self._tls)
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT):
                await client.connect()
                await client.send_message(message)
                with contextlib.suppress(aiosmtplib.SMTPException):  # it was sent
                    await client.quit()
        except aiosmtplib.SMTPRecipientsRefused as refused:
            code, text = refused.recipients[0].code, refused.recipients[0].message
            return _Failure(reason_of(f"{code} {text}"), is_final=code >= _PERMANENT)
        except aiosmtplib.SMTPResponseException as error:
            is_final = isinstance(error, aiosmtplib.SMTPDataError) and error.code >= _PERMANENT
            return _Failure(reason_of(f"{error.code} {error.message}"), is_final=is_final)
        except (aiosmtplib.SMTPException, OSError) as error:  # a timeout is an OSError
            # The server cannot have an address with letters outside of ASCII (RFC 6531).
            is_final = "SMTPUTF8" in str(error)
            return _Failure(reason_of(str(error) or type(error).__name__), is_final=is_final)
        finally:
            client.close()
        return None


def client_of(server: MailServer, public_url: str | None, tls: ssl.SSLContext) -> aiosmtplib.SMTP:
    """Return a client that is not connected yet."""
    is_verified = server.security != "if_offered"
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        timeout=_STEP_TIMEOUT,
        # Looking up the full name of this machine could take seconds.
        local_hostname=urlsplit(public_url or "").hostname,
        use_tls=server.security == "tls",
        start_tls=_START_TLS[server.security],
        validate_certs=is_verified,
        tls_context=tls if is_verified else None,
    )


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a mail was not sent, and whether trying again is pointless."""

    reason: str
    is_final: bool = False


def reason_of(text: str) -> str:
    """Return what a mail server said, in one line, without addresses and links.

    It may repeat the message, whose links contain secrets.
    """
    return printable(" ".join(_PRIVATE.sub("…", text).split())[:_MAX_REASON])
