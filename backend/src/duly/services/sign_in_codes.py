"""Codes with which an app fetches the session of a user who has signed in at a provider.

Each works once, within a minute. The page that a browser returns to has it in its URL.
"""

import hashlib
import time
from datetime import timedelta

from sqlalchemy import LargeBinary, Text, Uuid, bindparam, delete, func, insert
from sqlalchemy.dialects.postgresql import INTERVAL

from duly.core.tokens import CodeToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import SignInCode
from duly.utils import base64url
from duly.utils.identifiers import issued_at, new_id
from duly.utils.tables import table_of

LIFETIME = timedelta(seconds=60)

_codes = table_of(SignInCode)

_CODE_ID = bindparam("code_id", type_=Uuid())
_DIGEST = bindparam("digest", type_=LargeBinary())
_CHALLENGE = bindparam("app_challenge", type_=LargeBinary())

_STORE = owned(
    insert(_codes)
    .values(
        user_id=USER_ID,
        id=_CODE_ID,
        digest=_DIGEST,
        app_challenge=_CHALLENGE,
        provider=bindparam("provider", type_=Text()),
        expires_at=func.now() + bindparam("lifetime", LIFETIME, type_=INTERVAL()),
    )
    .returning(_codes.c.id)
)
# One of two concurrent requests finds no row. A verifier is required if, and only if, there is a
# challenge: otherwise, an attacker could begin without one and have another app use the code.
_USE = owned(
    delete(_codes)
    .where(
        _codes.c.user_id == USER_ID,
        _codes.c.id == _CODE_ID,
        _codes.c.digest == _DIGEST,
        _codes.c.app_challenge.is_not_distinct_from(_CHALLENGE),
        _codes.c.expires_at > func.now(),
    )
    .returning(_codes.c.provider)
)


async def create(
    scope: UserScope, keyring: Keyring, provider: str, app_challenge: str | None
) -> str:
    """Return a code for the user of `scope`."""
    code = keyring.issue_sign_in_code(scope.user_id, new_id(), provider)
    await scope.one(
        _STORE,
        code_id=code.id,
        digest=code.digest,
        app_challenge=None if app_challenge is None else base64url.decode(app_challenge),
        provider=provider,
    )
    return code.token


async def use(scope: UserScope, code: CodeToken, verifier: str | None) -> str | None:
    """End a code, and return the name of its provider; None if it does not work."""
    challenge = None if verifier is None else hashlib.sha256(verifier.encode()).digest()
    row = await scope.one(_USE, code_id=code.id, digest=code.digest, app_challenge=challenge)
    return None if row is None else str(row["provider"])


def has_expired(code: CodeToken) -> bool:
    """Whether a code is too old, by this machine's clock."""
    return time.time() >= issued_at(code.id) + LIFETIME.total_seconds()
