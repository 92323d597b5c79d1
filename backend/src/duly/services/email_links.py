"""Links in mails: each works once, until it expires, or the password or the address changes."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.errors import ValidationFailed
from duly.core.tokens import InvalidToken, Keyring, LinkToken
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import EmailLink, User
from duly.utils.tables import table_of

RESET = "reset"
VERIFY = "verify"

LIFETIMES = {RESET: timedelta(minutes=30), VERIFY: timedelta(days=3)}
PATHS = {RESET: "/reset-password", VERIFY: "/verify-email"}
"""The pages that links lead to."""

_links = table_of(EmailLink)
_users = table_of(User)

_PURPOSE = bindparam("purpose", type_=Text())
_DIGEST = bindparam("digest", type_=LargeBinary())
_is_it = (
    (_links.c.user_id == USER_ID)
    & (_links.c.id == bindparam("link_id", type_=Uuid()))
    & (_links.c.purpose == _PURPOSE)
    & (_links.c.digest == _DIGEST)
    & (_links.c.expires_at > func.now())
    & (_users.c.id == USER_ID)
    & _users.c.disabled_at.is_(None)
    & or_(
        _users.c.credentials_changed_at.is_(None),
        _users.c.credentials_changed_at < _links.c.requested_at,
    )
)
_insert = postgresql.insert(_links).values(
    user_id=USER_ID,
    id=bindparam("link_id", type_=Uuid()),
    purpose=_PURPOSE,
    digest=_DIGEST,
    email=bindparam("email", type_=Text()),
    # `least` ignores a null, and Citus refuses `now()` in COALESCE.
    requested_at=func.least(bindparam("requested_at", type_=DateTime(timezone=True)), func.now()),
    expires_at=func.now() + bindparam("lifetime", type_=INTERVAL()),
)
_STORE = owned(
    _insert.on_conflict_do_update(
        index_elements=["user_id", "id"],
        set_={"digest": _insert.excluded.digest, "expires_at": _insert.excluded.expires_at},
    ).returning(_links.c.id)
)
_FIND = owned(select(_links.c.email).where(_is_it))
_USE = owned(delete(_links).where(_is_it).returning(_links.c.email))


async def create(
    scope: UserScope,
    keyring: Keyring,
    purpose: str,
    *,
    link_id: UUID,
    email: str,
    requested_at: datetime | None = None,
) -> str:
    """Return a link for the user of `scope`, who is to get it at `email`, from its path on.

    It works unless the password or the address has changed since `requested_at`, by default now. The same id always has the same link, which then lives longer. The token is behind a `#`, which
    browsers send to no server.
    """
    token = keyring.issue_link(scope.user_id, link_id)
    await scope.one(
        _STORE,
        link_id=link_id,
        purpose=purpose,
        digest=token.digest,
        email=email,
        requested_at=requested_at,
        lifetime=LIFETIMES[purpose],
    )
    return f"{PATHS[purpose]}#token={token.token}"


def read(keyring: Keyring, token: str) -> LinkToken:
    """Return the token of a link. Raise `ValidationFailed` if it was never issued."""
    try:
        return keyring.read_link(token)
    except InvalidToken:
        raise invalid() from None


async def find(scope: UserScope, purpose: str, token: LinkToken) -> str:
    """Return the address that a link went to. Raise `ValidationFailed` if it does not work."""
    return await _email_of(scope, purpose, token, is_used=False)


async def use(scope: UserScope, purpose: str, token: LinkToken) -> str:
    """Return the same, and end the link."""
    return await _email_of(scope, purpose, token, is_used=True)


def invalid() -> ValidationFailed:
    """The error for every link that does not work, whatever the reason."""
    return ValidationFailed.of(
        "body.token",
        "Must be the token of a link that has neither expired nor been used; request a new one",
        "invalid_token",
    )


async def _email_of(scope: UserScope, purpose: str, token: LinkToken, *, is_used: bool) -> str:
    row = await scope.one(
        _USE if is_used else _FIND, link_id=token.link_id, purpose=purpose, digest=token.digest
    )
    if row is None:
        raise invalid()
    return str(row["email"])
