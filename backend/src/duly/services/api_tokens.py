"""API tokens: created, and deleted one by one or all at once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from duly.core import api_tokens
from duly.core.errors import (
    EmailNotVerified,
    NotFound,
    QuotaExceeded,
    Unauthenticated,
    ValidationFailed,
)
from duly.core.logging import log
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, across_users, owned
from duly.database.values import Row
from duly.models import ApiToken, ApiTokenDigest, RevokedSession
from duly.records.commands import lock
from duly.runtime.context import Caller, Client, Context
from duly.schemas.api_tokens import NewApiToken
from duly.services import security_events
from duly.services.sessions import end, revoke
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of
from duly.utils.times import utc

LONGEST_LIFETIME = timedelta(days=3653)

_tokens = table_of(ApiToken)
_digests = table_of(ApiTokenDigest)
_revoked = table_of(RevokedSession)

COLUMNS = (
    _tokens.c.id,
    _tokens.c.name,
    _tokens.c.scopes,
    utc(_tokens.c.created_at),
    utc(_tokens.c.expires_at),
    utc(_tokens.c.last_used_at),
    _tokens.c.last_used_from,
)
"""`schemas.api_tokens.ApiTokenRead`"""

_TOKEN_ID = bindparam("token_id", type_=Uuid())
_DIGEST = bindparam("digest", type_=LargeBinary())


def _creating() -> OwnedStatement:
    """Create a token unless the user has `limit` tokens.

    It runs under the lock of the user's row, in a statement of its own, so that it sees all tokens
    created before.
    """
    count = select(func.count()).select_from(_tokens).where(_tokens.c.user_id == USER_ID)
    values: dict[str, ColumnElement[Any]] = {
        "user_id": USER_ID,
        "id": _TOKEN_ID,
        "name": bindparam("name", type_=Text()),
        "scopes": bindparam("scopes", type_=ARRAY(Text())),
        "expires_at": bindparam("expires_at", type_=DateTime(timezone=True)),
    }
    return owned(
        insert(_tokens)
        .from_select(
            list(values),
            select(*values.values()).where(
                count.scalar_subquery() < bindparam("limit", type_=Integer())
            ),
        )
        .returning(*COLUMNS)
    )


_CREATE = _creating()
# Statements of their own: Citus has none that change both a user's rows and those of all nodes.
_NOTE = owned(
    insert(_digests)
    .values(digest=_DIGEST, user_id=USER_ID, token_id=_TOKEN_ID)
    .returning(_digests.c.digest)
)
_FORGET_ONE = owned(
    delete(_digests)
    .where(_digests.c.user_id == USER_ID, _digests.c.token_id == _TOKEN_ID)
    .returning(_digests.c.digest)
)
_FORGET_ALL = owned(
    delete(_digests).where(_digests.c.user_id == USER_ID).returning(_digests.c.digest)
)
_FIND_REVOKED = across_users(
    select(_revoked.c.session_id).where(
        _revoked.c.session_id == bindparam("session_id", type_=Uuid())
    )
)


def _deleting(is_token: ColumnElement[bool]) -> OwnedStatement:
    """Delete tokens; return the ids by which their end is announced."""
    return owned(
        delete(_tokens)
        .where(_tokens.c.user_id == USER_ID, is_token)
        .returning(_tokens.c.revocation_id.label("id"))
    )


_DELETE_ONE = _deleting(_tokens.c.id == _TOKEN_ID)
_DELETE_ALL = _deleting(true())


_FIND_REVOCATION_IDS = owned(
    select(_tokens.c.id, _tokens.c.revocation_id)
    .where(_tokens.c.user_id == USER_ID)
    .with_for_update()  # so each is announced once
)
_new = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid())), bindparam("revocation_ids", type_=ARRAY(Uuid()))
    )
    .table_valued(column("id", Uuid()), column("revocation_id", Uuid()), name="new")
    .render_derived("new")
)
_RENEW = owned(
    update(_tokens)
    .where(_tokens.c.user_id == USER_ID, _tokens.c.id == _new.c.id)
    .values(revocation_id=_new.c.revocation_id)
    .returning(_tokens.c.id)
)


async def create(context: Context, caller: Caller, body: NewApiToken, client: Client) -> Row:
    """Create a token, and return it with its secret.

    Raise `ValidationFailed`, `QuotaExceeded`, `EmailNotVerified` if the caller lacks the scopes,
    and `Unauthenticated` if the account is gone, or if the caller's session has ended while this
    request waited for its turn.
    """
    if not caller.scopes.issuperset(body.scopes):
        raise EmailNotVerified
    _check_expiry(body.expires_at)
    token, limit = api_tokens.create(), context.settings.max_api_tokens
    async with context.across_users.transaction() as all_users:
        scope = all_users.user(caller.scope.user_id)
        await lock(scope)
        # Or a token could be created after a new password has ended all sessions and tokens.
        if await all_users.one(_FIND_REVOKED, session_id=caller.session_id) is not None:
            raise Unauthenticated
        created = await scope.one(
            _CREATE,
            token_id=new_id(),
            name=body.name,
            scopes=body.scopes,
            expires_at=body.expires_at,
            limit=limit,
        )
        if created is None:
            raise QuotaExceeded("api_tokens", limit, "Too many API tokens. Delete some of them.")
        await scope.one(_NOTE, token_id=created["id"], digest=api_tokens.digest(token))
        await security_events.record(scope, "api_token.created", client)
    log.info("api_token.created", api_token_id=str(created["id"]), scopes=body.scopes)
    return {**created, "token": token}


async def delete_one(context: Context, caller: Caller, token_id: UUID, client: Client) -> None:
    """Delete one of the caller's tokens. Raise `NotFound`."""
    async with caller.scope.transaction() as scope:
        if not await end(context, scope, _DELETE_ONE, token_id=token_id):
            raise NotFound
        await scope.all(_FORGET_ONE, token_id=token_id)
        await security_events.record(scope, "api_token.deleted", client)
    log.info("api_token.deleted", api_token_id=str(token_id))


async def delete_all(context: Context, scope: UserScope) -> int:
    """Delete all tokens of a user, and return how many. Every worker notices within a second."""
    deleted = await end(context, scope, _DELETE_ALL)
    if deleted:
        await scope.all(_FORGET_ALL)
    return len(deleted)


async def announce_all(context: Context, scope: UserScope) -> None:
    """Let every worker read the tokens of a user again within a second.

    `scope` must be in the transaction that has enabled or disabled the account, whose row it locks.
    """
    tokens = await scope.all(_FIND_REVOCATION_IDS)
    if tokens:
        ids = [token["id"] for token in tokens]
        await scope.all(_RENEW, ids=ids, revocation_ids=[uuid4() for _ in ids])
        await revoke(context, scope, [token["revocation_id"] for token in tokens])


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    now = datetime.now(UTC)
    if not now < expires_at <= now + LONGEST_LIFETIME:
        raise ValidationFailed.of(
            "body.expires_at", "Must be in the future, and at most ten years from now", "future"
        )
