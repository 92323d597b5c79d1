"""A real SMTP server on the loopback that keeps the mail it gets, or misbehaves."""

import asyncio
import email
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from duly.core.config import Settings

_PATIENCE = 20.0
_LINK = re.compile(r"https?://\S+#token=[A-Za-z0-9_-]+")


@dataclass
class Postbox:
    """What arrives. `refusals` are replies to the next recipients, `faults` to the next messages."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "die":
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]  # a socket's
        elif fault == "stall":
            await asyncio.sleep(_PATIENCE)
        elif fault:
            return fault
        else:
            assert isinstance(envelope.content, bytes)
            message = email.message_from_bytes(envelope.content, policy=default)
            self.messages.append(message)
            self.was_encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    async def mail_to(self, address: str, count: int = 1) -> list[EmailMessage]:
        """The mails to an address, once there are `count` of them."""

        async def have_come() -> bool:
            return len(self.found(address)) >= count

        await until(have_come)
        return self.found(address)

    async def link_to(self, address: str) -> str:
        """The token of the link in the last of the mails to an address."""
        [*_, last] = await self.mail_to(address)
        return token_in(last)

    def found(self, address: str) -> list[EmailMessage]:
        """The mails to an address that have arrived."""
        return [message for message in self.messages if message["To"] == address]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another thread or the database says."""
    async with asyncio.timeout(_PATIENCE):
        while not await condition():  # noqa: ASYNC110  # neither has an event
            await asyncio.sleep(0.02)


def text_of(message: EmailMessage) -> str:
    """The plain text of a mail."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html_of(message: EmailMessage) -> str:
    """The HTML of a mail."""
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def link_in(message: EmailMessage) -> str:
    """The one link in the text of a mail."""
    [link] = _LINK.findall(text_of(message))
    return str(link)


def token_in(message: EmailMessage) -> str:
    """The token of the one link in a mail."""
    return link_in(message).partition("#token=")[2]


class _Controller(Controller):
    """Runs the server in a thread, on a port that the system chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # it has no types


@contextmanager
def postbox(**options: Any) -> Iterator[Postbox]:
    """Run an SMTP server for the block. `options` are those of aiosmtpd's controller."""
    box = Postbox()
    if options.pop("has_accounts", False):
        options |= {"authenticator": box.authenticate, "auth_required": True}
    controller = _Controller(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


def settings_for(settings: Settings, dsn: str, port: int, **changes: Any) -> Settings:
    """Settings of an application that sends its mail to a port of the loopback."""
    return settings.model_copy(
        update={
            "database_url": SecretStr(dsn),
            "smtp_url": SecretStr(f"smtp://127.0.0.1:{port}"),
            "mail_from": "Duly <duly@example.org>",
            "public_url": "https://duly.example.org",
            "mail_address_limit": "100000/hour",
            **changes,
        }
    )
