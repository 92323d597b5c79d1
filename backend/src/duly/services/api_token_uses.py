"""API tokens as requests send them: which token a hash belongs to, and its last use."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.database.scope import AcrossUsers
from duly.database.statements import USER_ID, OwnedStatement, across_users, owned
from duly.models import ApiToken, ApiTokenDigest, User
from duly.utils.tables import table_of

_tokens = table_of(ApiToken)
_digests = table_of(ApiTokenDigest)
_users = table_of(User)

_FIND = across_users(
    select(_digests.c.user_id, _digests.c.token_id).where(
        _digests.c.digest == bindparam("digest", type_=LargeBinary())
    )
)
_READ = owned(
    select(
        _tokens.c.revocation_id,
        _tokens.c.scopes,
        _tokens.c.expires_at,
        # The issuers of the others say what they have verified.
        or_(_users.c.email_verified_at.is_not(None), _users.c.password_hash.is_(None)).label(
            "is_verified"
        ),
    ).where(
        _tokens.c.user_id == USER_ID,
        _tokens.c.id == bindparam("token_id", type_=Uuid()),
        or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > func.now()),
        _users.c.id == USER_ID,
        _users.c.disabled_at.is_(None),
    )
)


def _noting() -> OwnedStatement:
    """Note the last uses of a user's tokens. A row that another transaction has locked is left out."""
    used = (
        func.unnest(
            bindparam("token_ids", type_=ARRAY(Uuid())),
            bindparam("ages", type_=ARRAY(INTERVAL())),
            bindparam("addresses", type_=ARRAY(Text())),
        )
        .table_valued(
            column("token_id", Uuid()),
            column("age", INTERVAL()),
            column("address", Text()),
            name="used",
        )
        .render_derived("used")
    )
    found = (
        select(_tokens.c.id, (func.now() - used.c.age).label("at"), used.c.address)
        .where(_tokens.c.user_id == USER_ID, _tokens.c.id == used.c.token_id)
        .with_for_update(of=_tokens, key_share=True, skip_locked=True)
        .cte("found")
    )
    return owned(
        update(_tokens)
        .where(
            _tokens.c.user_id == USER_ID,
            _tokens.c.id == found.c.id,
            func.coalesce(_tokens.c.last_used_at < found.c.at, true()),
        )
        .values(last_used_at=found.c.at, last_used_from=found.c.address)
        .returning(_tokens.c.id)
    )


_NOTE = _noting()


class Found(NamedTuple):
    """A valid token. `expires_at` is None if it never expires."""

    user_id: UUID
    id: UUID
    revocation_id: UUID
    scopes: list[str]
    expires_at: datetime | None
    is_verified: bool
    """Whether the user's address is verified, as far as Duly has to know."""


async def find(across_users: AcrossUsers, digest: bytes) -> Found | None:
    """The token with a hash, unless it has expired or its account is disabled."""
    named = await across_users.one(_FIND, digest=digest)
    if named is None:
        return None
    user_id, token_id = named["user_id"], named["token_id"]
    row = await across_users.user(user_id).one(_READ, token_id=token_id)
    return None if row is None else Found(user_id, token_id, **row)


class Use(NamedTuple):
    """The use of a token: when, by `time.monotonic`, and from which address, if that is stored."""

    user_id: UUID
    token_id: UUID
    at: float
    address: str | None


async def note(across_users: AcrossUsers, uses: list[Use], now: float) -> None:
    """Store when and from where tokens were last used. Deleted tokens are left out."""
    of_users: defaultdict[UUID, list[Use]] = defaultdict(list)
    for use in uses:
        of_users[use.user_id].append(use)
    for user_id, own in of_users.items():
        await across_users.user(user_id).all(
            _NOTE,
            token_ids=[use.token_id for use in own],
            ages=[timedelta(seconds=now - use.at) for use in own],
            addresses=[use.address for use in own],
        )
