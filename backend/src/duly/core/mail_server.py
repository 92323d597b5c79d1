"""The SMTP server that mail is sent through, and the addresses in mail."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from duly.utils.emails import check_email, mail_address

_PORTS = {"smtp": 587, "smtps": 465}

HOW = (
    "must have the form smtp://user:password@host:587 or smtps://user:password@host:465; "
    "characters such as @ and / in user and password must be percent-encoded"
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server.

    With `starttls`, the connection must be encrypted before anything is sent; with `if_offered`,
    it is if the server can do that.
    """

    host: str
    port: int
    username: str | None
    password: str | None
    security: Literal["tls", "starttls", "if_offered"]


def read_mail_server(url: str) -> MailServer:
    """Parse an SMTP URL. Raise `ValueError` with what it must be."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(HOW) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if (
        parts.scheme not in _PORTS
        or not host
        or port == 0
        or parts.netloc.count("@") > 1
        or parts.path not in {"", "/"}
        or parts.fragment
        or (parts.username is None) != (parts.password is None)
        or options.keys() - {"starttls"}
        or options.get("starttls", "required") not in {"required", "if_offered"}
    ):
        raise ValueError(HOW)
    return MailServer(
        host,
        port or _PORTS[parts.scheme],
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        _security(parts.scheme, host, options.get("starttls")),
    )


def read_sender(text: str) -> Address:
    """Parse an address with or without a name. Raise `ValueError` with what it must be."""
    named = re.fullmatch(r'\s*"?([^"<>]*?)"?\s*<([^<>]+)>\s*', text)
    name, address = named.groups() if named else ("", text)
    try:
        return mail_address(check_email(address), name)
    except ValueError:
        raise ValueError(
            "must be an email address, such as Duly <duly@example.org> or duly@example.org"
        ) from None


def _security(
    scheme: str, host: str, starttls: str | None
) -> Literal["tls", "starttls", "if_offered"]:
    if scheme == "smtps":
        return "tls"
    if starttls is None:
        return "if_offered" if _is_loopback(host) else "starttls"
    return "if_offered" if starttls == "if_offered" else "starttls"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
