"""The errors that clients see.

DulyError
├── ValidationFailed       400 VALIDATION_ERROR
├── Unauthenticated        401 UNAUTHENTICATED
├── SecondFactorRequired   401 SECOND_FACTOR_REQUIRED
├── Forbidden              403 FORBIDDEN
│   └── NotSameOrigin
├── InsufficientScope      403 INSUFFICIENT_SCOPE
├── EmailNotVerified       403 EMAIL_NOT_VERIFIED
├── LocalAccountsDisabled  403 LOCAL_ACCOUNTS_DISABLED
├── RecentSignInRequired   403 RECENT_SIGN_IN_REQUIRED
├── RegistrationClosed     403 REGISTRATION_CLOSED
├── QuotaExceeded          403 QUOTA_EXCEEDED
├── NotFound               404 NOT_FOUND
│   └── NoRoute
├── MethodNotAllowed       405 METHOD_NOT_ALLOWED
├── RequestTimeout         408 REQUEST_TIMEOUT
├── EmailTaken             409 EMAIL_TAKEN
├── IdTaken                409 ID_TAKEN
├── NameTaken              409 NAME_TAKEN
├── TooManyChanges         409 TOO_MANY_CHANGES
├── IdempotencyInFlight    409 IDEMPOTENCY_IN_FLIGHT
├── SyncTokenExpired       410 SYNC_TOKEN_EXPIRED
├── PreconditionFailed     412 PRECONDITION_FAILED
├── PayloadTooLarge        413 PAYLOAD_TOO_LARGE
├── UnsupportedMediaType   415 UNSUPPORTED_MEDIA_TYPE
├── IdempotencyMismatch    422 IDEMPOTENCY_MISMATCH
├── BatchNotApplied        424 BATCH_NOT_APPLIED
├── PreconditionRequired   428 PRECONDITION_REQUIRED
├── RateLimited            429 RATE_LIMITED
│   └── TooManyStreams
├── InternalError          500 INTERNAL_ERROR
├── ServiceUnavailable     503 SERVICE_UNAVAILABLE
│   └── ConnectionLost
├── MailNotConfigured      503 MAIL_NOT_CONFIGURED
└── PasskeysNotConfigured  503 PASSKEYS_NOT_CONFIGURED
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar


class DulyError(Exception):
    """An error of the API contract. `message` is sent to the client unchanged."""

    status: ClassVar[int]
    code: ClassVar[str]
    message: str

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if message is not None:
            self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        super().__init__(self.message)


class ValidationFailed(DulyError):
    """The request does not match the schema."""

    status = 400
    code = "VALIDATION_ERROR"
    message = "The request is not valid; see details.fields."

    @classmethod
    def of(cls, path: str, message: str, kind: str, **more: Any) -> "ValidationFailed":
        """Report one invalid field by its path, such as `body.title`."""
        return cls(details={"fields": [{"path": path, "message": message, "type": kind, **more}]})


class Unauthenticated(DulyError):
    """The access token is missing or invalid, or sign-in failed."""

    status = 401
    code = "UNAUTHENTICATED"
    message = "Authentication required: the access token is missing, invalid, expired or revoked."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class SecondFactorRequired(DulyError):
    """The password, or the code of a provider, is right, and the account has a second factor."""

    status = 401
    code = "SECOND_FACTOR_REQUIRED"
    message = "The first step is correct. Send a second factor with the challenge; see details."

    def __init__(
        self,
        challenge: str = "",
        factors: Iterable[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        offered = {} if options is None else {"options": options}
        super().__init__(
            details={"challenge": challenge, "factors": [*factors], **offered},
            headers={"WWW-Authenticate": "Bearer"},
        )


class Forbidden(DulyError):
    """The user in the path is not the authenticated user."""

    status = 403
    code = "FORBIDDEN"
    message = "The user in the path is not the authenticated user."


class NotSameOrigin(Forbidden):
    """With `Duly-Session: cookie`, the request must be JSON from a page of this server."""

    message = (
        "With Duly-Session: cookie, only pages of this server may send this, with Content-Type: "
        "application/json."
    )


class InsufficientScope(DulyError):
    """The token may not be used for this (RFC 6750, 3.1)."""

    status = 403
    code = "INSUFFICIENT_SCOPE"
    message = "The token lacks a scope that this needs; see details."

    def __init__(self, required: Iterable[str] = ()) -> None:
        names = sorted(required)
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(names)}"'
        super().__init__(details={"required": names}, headers={"WWW-Authenticate": challenge})


class EmailNotVerified(DulyError):
    """The operator requires a verified address, and the caller's is not."""

    status = 403
    code = "EMAIL_NOT_VERIFIED"
    message = (
        "Verify your email address first: open the link in the mail that was sent to it, or request "
        "one with POST /auth/email/resend. Then refresh your tokens."
    )


class LocalAccountsDisabled(DulyError):
    """The operator lets users sign in only with providers, and with the tokens of other issuers."""

    status = 403
    code = "LOCAL_ACCOUNTS_DISABLED"
    message = (
        "This service does not accept passwords. Sign in with one of its providers "
        "(GET /auth/oidc), or send a token of an issuer that it accepts."
    )


class RecentSignInRequired(DulyError):
    """The session was opened too long ago for this."""

    status = 403
    code = "RECENT_SIGN_IN_REQUIRED"
    message = "Sign in again, then retry: this needs a session that is at most 10 minutes old."


class RegistrationClosed(DulyError):
    """The operator has closed registration, or the issuer's tokens create no accounts."""

    status = 403
    code = "REGISTRATION_CLOSED"
    message = "Registration is closed. Ask the operator of this service for an account."


class QuotaExceeded(DulyError):
    """The caller has reached a quota."""

    status = 403
    code = "QUOTA_EXCEEDED"
    message = (
        "Quota exceeded; see details. Permanently delete some of these resources, then retry."
    )

    def __init__(self, what: str, limit: int, message: str | None = None) -> None:
        super().__init__(message, details={"limit": limit, "what": what})


class NotFound(DulyError):
    """The path does not exist, or the caller has no such resource."""

    status = 404
    code = "NOT_FOUND"
    message = "Resource not found."


class NoRoute(NotFound):
    """No route has this path."""

    message = "No route matches this path."


class EmailTaken(DulyError):
    """Another account uses this email address."""

    status = 409
    code = "EMAIL_TAKEN"
    message = "This email address is already in use."


class IdTaken(DulyError):
    """The caller already has a resource with this id."""

    status = 409
    code = "ID_TAKEN"
    message = "You already have a resource with this id; it may be in the trash."

    def __init__(self, kind: str = "resource") -> None:
        super().__init__(f"You already have a {kind} with this id; it may be in the trash.")


class NameTaken(DulyError):
    """The caller already has a resource of this type with this name."""

    status = 409
    code = "NAME_TAKEN"
    message = "You already have a resource with this name (names are case-insensitive)."

    def __init__(self, kind: str = "resource") -> None:
        super().__init__(f"You already have a {kind} with this name (names are case-insensitive).")


class TooManyChanges(DulyError):
    """One request would change more resources than one transaction should."""

    status = 409
    code = "TOO_MANY_CHANGES"
    message = "This would change too many resources at once; see details. Nothing was changed."

    def __init__(self, limit: int = 0, count: int | None = None) -> None:
        counted = {} if count is None else {"count": count}
        super().__init__(details={"limit": limit, **counted})


class IdempotencyInFlight(DulyError):
    """A request with the same key is still being processed."""

    status = 409
    code = "IDEMPOTENCY_IN_FLIGHT"
    message = "A request with this Idempotency-Key is still being processed. Retry shortly."


class IdempotencyMismatch(DulyError):
    """The key was used with a different request body."""

    status = 422
    code = "IDEMPOTENCY_MISMATCH"
    message = "This Idempotency-Key was already used with a different request body."


class SyncTokenExpired(DulyError):
    """The changes since this token are no longer all stored."""

    status = 410
    code = "SYNC_TOKEN_EXPIRED"
    message = "This sync token is no longer valid. Start a full sync: call again without a token."


class PreconditionFailed(DulyError):
    """`If-Match` does not name the current version."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = "The resource's current version does not match If-Match."

    def __init__(self, kind: str = "resource", message: str | None = None) -> None:
        super().__init__(message or f"The {kind}'s current version does not match If-Match.")


class PreconditionRequired(DulyError):
    """The operator requires `If-Match` for every change."""

    status = 428
    code = "PRECONDITION_REQUIRED"
    message = "If-Match is required: send the version you last read."


class BatchNotApplied(DulyError):
    """The operation was valid, but another operation in its atomic batch failed."""

    status = 424
    code = "BATCH_NOT_APPLIED"
    message = "Not applied: another operation in this atomic batch failed."


class RateLimited(DulyError):
    """Too many requests. `retry_after` is in seconds; `limit` is its name in the metrics."""

    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests. Retry after the number of seconds in Retry-After."

    def __init__(
        self, retry_after: int, headers: Mapping[str, str] | None = None, *, limit: str
    ) -> None:
        super().__init__(headers={"Retry-After": str(max(1, retry_after)), **(headers or {})})
        self.limit = limit


class TooManyStreams(RateLimited):
    """The user has as many event streams open at this worker as allowed."""

    message = (
        "Too many event streams are open. Close one, or retry after the number of seconds in "
        "Retry-After."
    )

    def __init__(self) -> None:
        # By then a stream whose client vanished has missed a heartbeat and was dropped.
        super().__init__(retry_after=30, limit="streams")


class ServiceUnavailable(DulyError):
    """The database or another dependency is temporarily unavailable."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is temporarily unavailable. Retry shortly."

    def __init__(self, message: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class ConnectionLost(ServiceUnavailable):
    """The connection to the database was lost during a statement, which may have taken effect."""

    message = (
        "The connection to the database was lost, so a change may or may not have been made. Repeat "
        "the request with its Idempotency-Key or its id, or read the resource first."
    )


class MailNotConfigured(DulyError):
    """The operator has configured no mail server."""

    status = 503
    code = "MAIL_NOT_CONFIGURED"
    message = "This service cannot send mail. Ask its operator for help."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "3600"})


class PasskeysNotConfigured(DulyError):
    """The service does not know the name that passkeys would be bound to."""

    status = 503
    code = "PASSKEYS_NOT_CONFIGURED"
    message = (
        "This service has no public URL with a host name, which passkeys need. Ask its operator for "
        "help."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "3600"})


class MethodNotAllowed(DulyError):
    """The path supports other methods, which `Allow` lists."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This path does not support that method; see the Allow header."


class PayloadTooLarge(DulyError):
    """The request body exceeds the limit."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The request body exceeds 1 MiB."


class UnsupportedMediaType(DulyError):
    """The request body is not JSON, or is compressed."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as JSON, with Content-Type: application/json."


class RequestTimeout(DulyError):
    """The request body did not arrive in time."""

    status = 408
    code = "REQUEST_TIMEOUT"
    message = "Timed out waiting for the request body."


class InternalError(DulyError):
    """A bug in Duly. The traceback is logged under the request ID."""

    status = 500
    code = "INTERNAL_ERROR"
    message = "Internal error. When reporting it, include the X-Request-ID of this response."


def error_codes() -> list[str]:
    """Return the code of every `DulyError`, sorted."""

    def classes(parent: type[DulyError]) -> Iterator[type[DulyError]]:
        for child in parent.__subclasses__():
            yield child
            yield from classes(child)

    return sorted({error.code for error in classes(DulyError)})


class StartupError(Exception):
    """The service cannot start or continue. The message is one line for the operator."""
