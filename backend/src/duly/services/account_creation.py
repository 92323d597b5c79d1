"""Accounts that the operator creates."""

from functools import partial
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from duly.core.errors import RegistrationClosed, ValidationFailed
from duly.core.issuer_tokens import IssuerClaims
from duly.core.issuers import read_issuers
from duly.core.logging import log
from duly.core.tokens import LAST_SECOND, InvalidToken
from duly.core.trust_files import TEXT, is_text
from duly.runtime.context import Context
from duly.schemas.auth import Email, Name, NewPassword
from duly.schemas.messages import message_of
from duly.services import identity_accounts, security_events
from duly.services.accounts import NewProfile, create_account

_CREATED = "user.created"

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_NAME: TypeAdapter[str] = TypeAdapter(Name)
PASSWORD: TypeAdapter[str] = TypeAdapter(NewPassword)
"""A password by the rules of registration."""


async def create_user(context: Context, email: str, password: str, name: str | None) -> UUID:
    """Create an account by the rules of registration. Raises `ValidationFailed`, `EmailTaken`."""
    email = valid("email", _EMAIL, email)
    password = valid("password", PASSWORD, password)
    name = None if name is None else valid("name", _NAME, name)
    password_hash = await context.passwords.hash(password)
    async with context.across_users.transaction() as across_users:
        user = await create_account(across_users, email, NewProfile(name), password_hash)
        await security_events.record(across_users.user(user["id"]), _CREATED)
    log.info(_CREATED, user_id=str(user["id"]))
    return UUID(str(user["id"]))


async def create_user_of_issuer(
    context: Context, issuer: str, subject: str, email: str | None, name: str | None
) -> UUID:
    """Create the account of a subject of another issuer, who then signs in there.

    The address is shown, and is not verified. Raises `ValidationFailed`, also if the subject has an
    account.
    """
    _check_issuer(context, issuer)
    if not is_text(subject):
        raise ValidationFailed(f"subject: must be {TEXT}")
    claims = IssuerClaims(
        issuer,
        subject,
        expires_at=LAST_SECOND,
        issued_at=None,
        email=None if email is None else valid("email", _EMAIL, email),
        is_email_verified=False,
        name=None if name is None else valid("name", _NAME, name),
    )
    find_or_create = partial(
        identity_accounts.find_or_create,
        context.across_users,
        claims,
        # Later than any deletion, so that the subject of a deleted account can have another one.
        LAST_SECOND,
        event=_CREATED,
    )
    try:
        user_id, _ = await find_or_create(may_create=False)
    except RegistrationClosed:
        user_id, _ = await find_or_create(may_create=True)
        return user_id
    except InvalidToken:
        raise ValidationFailed("This subject has an account, which is disabled.") from None
    raise ValidationFailed(f"This subject has an account already: {user_id}")


def valid(field: str, adapter: TypeAdapter[str], value: str) -> str:
    """Return a value as the API would take it. Raise `ValidationFailed`."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ValidationFailed(f"{field}: {message_of(first)}") from None


def _check_issuer(context: Context, issuer: str) -> None:
    """Raise `ValidationFailed` unless Duly accepts what an issuer says of its subjects."""
    file, providers = context.settings.issuers, context.sign_in_providers
    names = set() if file is None else {one.name for one in read_issuers(file)}
    if providers is not None:
        names |= {one.provider.issuer for one in providers.all.values()}
    if issuer not in names:
        known = ", ".join(sorted(names)) or "which are not set"
        raise ValidationFailed(
            f"issuer: must be one in DULY_ISSUERS or DULY_SIGN_IN_PROVIDERS: {known}"
        )
