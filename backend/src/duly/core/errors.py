"""The errors that clients see.

DulyError
├── ValidationFailed       400 VALIDATION_ERROR
├── Unauthenticated        401 UNAUTHENTICATED
├── Forbidden              403 FORBIDDEN
├── RegistrationClosed     403 REGISTRATION_CLOSED
├── QuotaExceeded          403 QUOTA_EXCEEDED
├── NotFound               404 NOT_FOUND
├── MethodNotAllowed       405 METHOD_NOT_ALLOWED
├── RequestTimeout         408 REQUEST_TIMEOUT
├── EmailTaken, IdTaken    409 EMAIL_TAKEN, ID_TAKEN
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
└── ServiceUnavailable     503 SERVICE_UNAVAILABLE
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class DulyError(Exception):
    """An error with a place in the contract. `message` is shown to the client as it is."""

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
    """The request is not what the schema asks for."""

    status = 400
    code = "VALIDATION_ERROR"
    message = "The request is not valid; see details.fields."

    @classmethod
    def of(cls, path: str, message: str, kind: str) -> "ValidationFailed":
        """One field at fault, named by its path, such as `body.title`."""
        return cls(details={"fields": [{"path": path, "message": message, "type": kind}]})


class Unauthenticated(DulyError):
    """There is no valid token, or a wrong e-mail or password was given to sign in."""

    status = 401
    code = "UNAUTHENTICATED"
    message = "Sign in first: the access token is missing, invalid, expired or revoked."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(DulyError):
    """The path names a user who is not the caller."""

    status = 403
    code = "FORBIDDEN"
    message = "The path names another user than the one who is signed in."


class RegistrationClosed(DulyError):
    """The operator lets nobody register."""

    status = 403
    code = "REGISTRATION_CLOSED"
    message = "Registration is closed. Ask the operator of this service for an account."


class QuotaExceeded(DulyError):
    """The caller has as many of these as the operator allows."""

    status = 403
    code = "QUOTA_EXCEEDED"
    message = "Quota reached; see details. Delete some permanently, then try again."

    def __init__(self, what: str, limit: int, message: str | None = None) -> None:
        super().__init__(message, details={"limit": limit, "what": what})


class NotFound(DulyError):
    """There is no such path, or no such thing of the caller's."""

    status = 404
    code = "NOT_FOUND"
    message = "There is nothing here."


class EmailTaken(DulyError):
    """Another account signs in with this address."""

    status = 409
    code = "EMAIL_TAKEN"
    message = "This e-mail address is already in use."


class IdTaken(DulyError):
    """The caller already has something under this id."""

    status = 409
    code = "ID_TAKEN"
    message = "You already have a task with this id."


class IdempotencyInFlight(DulyError):
    """A request with the same key is still being worked on."""

    status = 409
    code = "IDEMPOTENCY_IN_FLIGHT"
    message = "A request with this Idempotency-Key is still in flight. Try again soon."


class IdempotencyMismatch(DulyError):
    """The key was used with another body."""

    status = 422
    code = "IDEMPOTENCY_MISMATCH"
    message = "This Idempotency-Key was used with another body."


class SyncTokenExpired(DulyError):
    """What happened since the token was given is not remembered any more."""

    status = 410
    code = "SYNC_TOKEN_EXPIRED"
    message = "This sync token is too old. Start over: sync without a token."


class PreconditionFailed(DulyError):
    """`If-Match` names an old version."""

    status = 412
    code = "PRECONDITION_FAILED"
    message = "The task has changed since the version that If-Match names."


class PreconditionRequired(DulyError):
    """This service does not change a task without `If-Match`."""

    status = 428
    code = "PRECONDITION_REQUIRED"
    message = "Send If-Match with the version that you have seen."


class BatchNotApplied(DulyError):
    """The operation would have gone well, but another one of its atomic batch did not."""

    status = 424
    code = "BATCH_NOT_APPLIED"
    message = "Nothing of this batch was applied, for another of its operations failed."


class RateLimited(DulyError):
    """Too many requests; `retry_after` is in seconds."""

    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests. Wait as long as Retry-After says."

    def __init__(self, retry_after: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={"Retry-After": str(max(1, retry_after)), **(headers or {})})


class TooManyStreams(RateLimited):
    """The user has as many event streams open at this worker as allowed."""

    message = (
        "Too many event streams are open. Close one, or retry after the number of seconds in "
        "Retry-After."
    )

    def __init__(self) -> None:
        # By then a stream whose client vanished has missed a heartbeat and was dropped.
        super().__init__(retry_after=30)


class ServiceUnavailable(DulyError):
    """Something that the service needs can't be had right now."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is not available right now. Try again soon."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"Retry-After": "2"})


class MethodNotAllowed(DulyError):
    """The path takes other methods; `Allow` names them."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This path does not take that method; see Allow."


class PayloadTooLarge(DulyError):
    """The body is larger than any request needs."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The body is over 1 MiB."


class UnsupportedMediaType(DulyError):
    """The body is not what the route takes."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as JSON, with Content-Type: application/json."


class RequestTimeout(DulyError):
    """The client stopped sending in the middle of its body."""

    status = 408
    code = "REQUEST_TIMEOUT"
    message = "The body did not arrive in time."


class InternalError(DulyError):
    """A defect of ours. What it was stands in the log, under the request's id."""

    status = 500
    code = "INTERNAL_ERROR"
    message = "Something went wrong here. Report the X-Request-ID of this answer."


class StartupError(Exception):
    """The service can't start or continue. The message is one line for the operator."""
