"""Mail that waits to be sent: asked for by requests, taken by any worker's mailer.

A request only says which mail is to go where. Whether there is an account, and which link the mail
has, is found out when it is sent: so nobody can tell from a response whether an account exists, and
no link is stored.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Float,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.config import Settings
from duly.core.errors import MailNotConfigured
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.database.values import Row
from duly.models import OutgoingMail
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

RESET = "reset"
VERIFY = "verify"
ADDRESS = "address"
"""The kinds of mail: a link to set a new password, a link to verify an address, and a note to an
address that is about to be replaced."""

_mails = table_of(OutgoingMail)

_ID = bindparam("id", type_=Uuid())
_PAUSE = bindparam("pause", type_=INTERVAL())

_ADD = across_users(
    insert(_mails)
    .values(
        id=_ID,
        kind=bindparam("kind", type_=Text()),
        email=bindparam("email", type_=Text()),
        account_id=bindparam("account_id", type_=Uuid()),
        next_attempt_at=func.now(),
    )
    .returning(_mails.c.id)
)
_due = (
    select(_mails.c.id)
    .where(_mails.c.next_attempt_at <= func.now())
    .order_by(_mails.c.next_attempt_at)
    .limit(bindparam("count", type_=Integer()))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE = across_users(
    update(_mails)
    .where(_mails.c.id == _due.c.id)
    .values(attempts=_mails.c.attempts + 1, next_attempt_at=func.now() + _PAUSE)
    .returning(
        _mails.c.id,
        _mails.c.kind,
        _mails.c.email,
        _mails.c.account_id,
        _mails.c.attempts,
        _mails.c.created_at,
    )
)
_NEXT = across_users(
    select(
        cast(func.extract("epoch", func.min(_mails.c.next_attempt_at) - func.now()), Float).label(
            "seconds"
        )
    )
)
_POSTPONE = across_users(
    update(_mails)
    .where(_mails.c.id == _ID)
    .values(next_attempt_at=func.now(type_=DateTime(timezone=True)) + _PAUSE)
    .returning(_mails.c.id)
)
_REMOVE = across_users(delete(_mails).where(_mails.c.id == _ID).returning(_mails.c.id))
_OLD = timedelta(days=2)

_old = delete(_mails).where(
    _mails.c.created_at < func.now() - bindparam("age", _OLD, type_=INTERVAL())
)
PURGE = across_users(
    select(func.count().label("count")).select_from(_old.returning(_mails.c.id).cte("gone"))
)
"""Delete mail that is too old for any mailer, since there is none any more; return the count."""


def require_mail(settings: Settings) -> None:
    """Raise `MailNotConfigured` without an SMTP server."""
    if settings.smtp_url is None:
        raise MailNotConfigured


async def add(scope: AcrossUsers, kind: str, email: str, account_id: UUID | None = None) -> None:
    """Have a mail sent. Wake the mailer once this is committed."""
    await scope.one(_ADD, id=new_id(), kind=kind, email=email, account_id=account_id)


async def take(scope: AcrossUsers, count: int, lease: timedelta) -> list[Row]:
    """Take up to `count` mails that are due. After `lease`, others may take them again."""
    return await scope.all(_TAKE, count=count, pause=lease)


async def seconds_until_next(scope: AcrossUsers) -> float | None:
    """The seconds until a mail is due, or None if there is none."""
    row = await scope.one(_NEXT)
    return None if row is None or row["seconds"] is None else max(0.0, row["seconds"])


async def postpone(scope: AcrossUsers, mail_id: UUID, pause: timedelta) -> None:
    """Try a mail again after `pause`."""
    await scope.one(_POSTPONE, id=mail_id, pause=pause)


async def remove(scope: AcrossUsers, mail_id: UUID) -> None:
    """Forget a mail that was sent, or that is never to be sent."""
    await scope.one(_REMOVE, id=mail_id)
