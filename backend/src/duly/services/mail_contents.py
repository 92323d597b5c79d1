"""What a mail says when it is sent, or that there is nothing to send any more."""

from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from duly.core.letters import compose
from duly.core.tokens import Keyring
from duly.database.scope import AcrossUsers
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import User
from duly.services import email_keys, email_links, mails
from duly.utils.emails import email_key, is_same_mailbox
from duly.utils.tables import table_of

_users = table_of(User)

_RECIPIENT = owned(
    select(
        _users.c.email,
        _users.c.email_verified_at,
        _users.c.pending_email,
        _users.c.language,
        _users.c.password_hash.is_not(None).label("has_password"),
    ).where(_users.c.id == USER_ID, _users.c.disabled_at.is_(None))
)


async def write(
    across_users: AcrossUsers, keyring: Keyring, sender: Address, public_url: str, mail: Row
) -> EmailMessage | None:
    """Write a mail and store the link that is in it.

    Return None if it is not to be sent: there is no such account, or it has changed.
    """
    async with across_users.transaction() as transaction:
        user_id = mail["account_id"] or await email_keys.find(transaction, mail["email"])
        if user_id is None:
            return None
        scope = transaction.user(user_id)
        user = await scope.one(_RECIPIENT)
        to = None if user is None else _address(mail, user)
        if user is None or to is None:
            return None
        link = None
        if (purpose := mail["kind"]) in email_links.PATHS:
            link = public_url + await email_links.create(
                scope,
                keyring,
                purpose,
                link_id=mail["id"],
                email=to,
                requested_at=mail["created_at"],
            )
    return compose(
        mail["kind"],
        user["language"],
        mail_id=mail["id"],
        sender=sender,
        service=urlsplit(public_url).netloc,
        email=to,
        link=link,
        new_email=user["pending_email"] or "",
    )


def _address(mail: Row, user: dict[str, Any]) -> str | None:
    """Return where a mail goes: always an address of the account, never the one that was typed."""
    key = email_key(mail["email"])
    is_current = key == email_key(user["email"] or "")
    pending: str | None = user["pending_email"]
    if mail["kind"] == mails.RESET:
        return str(user["email"]) if is_current and user["has_password"] else None
    if mail["kind"] == mails.ADDRESS:
        return str(user["email"]) if is_current and pending is not None else None
    if pending is not None and is_same_mailbox(mail["email"], pending):
        return pending
    return str(user["email"]) if is_current and user["email_verified_at"] is None else None
