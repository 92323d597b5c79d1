"""The route table: which function serves which path, for which tokens, and with which responses."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response

from duly.api import (
    api_tokens,
    auth,
    batches,
    factors,
    filters,
    health,
    keys,
    labels,
    lists,
    provider_sign_in,
    sections,
    security_events,
    sync,
    tasks,
    users,
)
from duly.api.requests import Request
from duly.api.responses import DESCRIPTIONS
from duly.core.errors import (
    DulyError,
    EmailNotVerified,
    EmailTaken,
    IdempotencyInFlight,
    IdempotencyMismatch,
    IdTaken,
    LocalAccountsDisabled,
    MailNotConfigured,
    NameTaken,
    NotFound,
    NotSameOrigin,
    PasskeysNotConfigured,
    PreconditionFailed,
    PreconditionRequired,
    QuotaExceeded,
    RateLimited,
    RecentSignInRequired,
    RegistrationClosed,
    RequestTimeout,
    SecondFactorRequired,
    SyncTokenExpired,
    TooManyChanges,
    Unauthenticated,
    UnsupportedMediaType,
)
from duly.core.scopes import (
    ACCOUNT_READ,
    MANAGE,
    OWN_SESSION,
    TASKS_DELETE,
    TASKS_READ,
    TASKS_WRITE,
    Scopes,
)
from duly.schemas.api_tokens import ApiTokenPage, CreatedApiToken
from duly.schemas.auth import SessionPage
from duly.schemas.batches import BatchResult
from duly.schemas.factors import (
    FactorConfirmed,
    FactorEnrolment,
    FactorList,
    PasskeyChallenge,
    RecoveryCodes,
)
from duly.schemas.filters import FilterPage, FilterRead
from duly.schemas.health import Health
from duly.schemas.keys import PublicKeySet
from duly.schemas.labels import LabelPage, LabelRead
from duly.schemas.lists import ListPage, ListRead
from duly.schemas.provider_sign_in import SignInProviderList
from duly.schemas.quick_add import QuickAddPreviewOrResult, QuickAddResult
from duly.schemas.sections import SectionPage, SectionRead
from duly.schemas.security_events import SecurityEventPage
from duly.schemas.sync import ChangePage, StreamedEvent
from duly.schemas.tasks import TaskPage, TaskRead
from duly.schemas.users import SessionTokens, UserExport, UserRead

API_PREFIX = "/api/v1"

Errors = tuple[type[DulyError], ...]

_BODY: Errors = (RequestTimeout, UnsupportedMediaType)
_SIGNED_IN: Errors = (Unauthenticated, RateLimited)
_MAIL: Errors = (RateLimited, MailNotConfigured)
_SIGNING_IN: Errors = (Unauthenticated, RateLimited, *_BODY)


@dataclass(frozen=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    scopes: Scopes
    endpoint: Callable[..., Any]
    answer: Any = None
    errors: Errors = ()
    headers: dict[str, str] = field(default_factory=dict)
    others: dict[int, str] = field(default_factory=dict)
    status: int | None = None
    other_answers: dict[int, Any] = field(default_factory=dict)
    has_cookie: bool = False
    """Whether the session's refresh token can be in a cookie."""
    by_cookie: Callable[[Request], Awaitable[Response]] | None = None
    """Responds instead of the endpoint if such a cookie was sent; needs no access token."""

    @property
    def success(self) -> int:
        """The status of a success: by default 200, or 204 without an answer."""
        return self.status or (204 if self.answer is None else 200)


_PUBLIC: Scopes = frozenset()
_READ: Scopes = frozenset({TASKS_READ})
_EDIT: Scopes = frozenset({TASKS_WRITE})
_DELETE: Scopes = frozenset({TASKS_DELETE})
_PROFILE: Scopes = frozenset({ACCOUNT_READ})
_READ_ALL: Scopes = frozenset({TASKS_READ, ACCOUNT_READ})
_MANAGE: Scopes = frozenset({MANAGE})
_SIGN_OUT: Scopes = frozenset({OWN_SESSION})

_FIND: Errors = (*_SIGNED_IN, NotFound)
_WRITE: Errors = (*_FIND, PreconditionFailed, PreconditionRequired)
_BATCH: Errors = (*_SIGNED_IN, IdempotencyInFlight, IdempotencyMismatch, QuotaExceeded, *_BODY)
_CREATE: Errors = (*_BATCH, IdTaken)
_CREATE_NAMED: Errors = (*_CREATE, NameTaken)
_CHANGE: Errors = (*_WRITE, *_BODY)
_CHANGE_NAMED: Errors = (*_CHANGE, NameTaken)
_WRITE_MANY: Errors = (*_WRITE, TooManyChanges)
_CHANGE_MANY: Errors = (*_CHANGE, TooManyChanges)

_ETAG = {"ETag": "For If-Match and If-None-Match. That of a resource is its version."}
_REPLAYED = {
    "Idempotency-Replayed": "`true` if this is the stored response of an earlier request."
}
_SOMETIMES = {"Idempotency-Replayed"}
_LOCATED = {"Location": "The path of the resource.", **_ETAG, **_REPLAYED}
_SAME = {200: "The same request created this resource before, with this id."}
_UNMODIFIED = {304: DESCRIPTIONS[304]}


SIGN_IN = [
    Route(
        "POST",
        "/auth/register",
        _PUBLIC,
        auth.register,
        SessionTokens,
        (RegistrationClosed, EmailTaken, RateLimited, NotSameOrigin, *_BODY),
        status=201,
        has_cookie=True,
    ),
    Route(
        "POST",
        "/auth/login",
        _PUBLIC,
        auth.login,
        SessionTokens,
        (*_SIGNING_IN, SecondFactorRequired, NotSameOrigin),
        has_cookie=True,
    ),
    Route(
        "POST",
        "/auth/token",
        _PUBLIC,
        auth.login_with_form,
        SessionTokens,
        (Unauthenticated, RateLimited, RequestTimeout, SecondFactorRequired),
    ),
    Route(
        "POST",
        "/auth/passkey",
        _PUBLIC,
        auth.begin_passkey_sign_in,
        PasskeyChallenge,
        (RateLimited, PasskeysNotConfigured),
    ),
    Route(
        "POST",
        "/auth/password/forgot",
        _PUBLIC,
        auth.request_password_reset,
        errors=(*_MAIL, *_BODY),
        status=202,
    ),
    Route(
        "POST", "/auth/password/reset", _PUBLIC, auth.reset_password, None, (RateLimited, *_BODY)
    ),
    Route("POST", "/auth/email/verify", _PUBLIC, auth.verify_email, None, (EmailTaken, *_BODY)),
]
PROVIDERS = [
    Route(
        "GET",
        "/auth/oidc",
        _PUBLIC,
        provider_sign_in.list_sign_in_providers,
        SignInProviderList,
    ),
    Route(
        "GET",
        "/auth/oidc/{provider}",
        _PUBLIC,
        provider_sign_in.begin_sign_in,
        errors=(NotFound,),
        headers={
            "Location": "Where the user signs in, at the provider.",
            "Set-Cookie": "Identifies the browser when it returns from the provider.",
        },
        status=302,
    ),
    Route(
        "POST",
        "/auth/oidc/exchange",
        _PUBLIC,
        provider_sign_in.exchange_sign_in_code,
        SessionTokens,
        (*_SIGNING_IN, SecondFactorRequired, NotSameOrigin),
        has_cookie=True,
    ),
]
SESSIONS = [
    Route(
        "POST",
        "/auth/factor",
        _PUBLIC,
        auth.finish_sign_in,
        SessionTokens,
        (*_SIGNING_IN, LocalAccountsDisabled, NotSameOrigin),
        has_cookie=True,
    ),
    Route(
        "POST",
        "/auth/refresh",
        _PUBLIC,
        auth.refresh,
        SessionTokens,
        (*_SIGNING_IN, LocalAccountsDisabled, NotSameOrigin),
        has_cookie=True,
    ),
    Route(
        "POST",
        "/auth/email/resend",
        _MANAGE,
        auth.resend_verification,
        errors=(Unauthenticated, *_MAIL),
    ),
    Route(
        "POST",
        "/auth/logout",
        _SIGN_OUT,
        auth.logout,
        None,
        (*_SIGNED_IN, NotSameOrigin),
        has_cookie=True,
        by_cookie=auth.logout_by_cookie,
    ),
    Route("GET", "/auth/sessions", _MANAGE, auth.list_sessions, SessionPage, _SIGNED_IN),
    Route("DELETE", "/auth/sessions", _MANAGE, auth.end_all_sessions, None, _SIGNED_IN),
    Route(
        "DELETE",
        "/auth/sessions/{session_id}",
        _MANAGE,
        auth.end_session,
        None,
        (*_SIGNED_IN, NotFound),
    ),
]
KEYS = [
    Route(
        "GET",
        "/.well-known/jwks.json",
        _PUBLIC,
        keys.get_public_keys,
        PublicKeySet,
        headers={"Cache-Control": "How long clients may keep the keys."},
    ),
]
USERS = [
    Route("GET", "/users/me", _PROFILE, users.get_me, UserRead, _SIGNED_IN),
    Route(
        "PATCH", "/users/me", _MANAGE, users.update_me, UserRead, (*_SIGNED_IN, EmailTaken, *_BODY)
    ),
    Route(
        "PUT", "/users/me/password", _MANAGE, users.change_password, None, (*_SIGNED_IN, *_BODY)
    ),
    Route("DELETE", "/users/me", _MANAGE, users.delete_me, None, (*_SIGNED_IN, *_BODY)),
    Route(
        "GET",
        "/users/me/security-events",
        _MANAGE,
        security_events.list_security_events,
        SecurityEventPage,
        _SIGNED_IN,
    ),
    Route("GET", "/users/me/export", _READ_ALL, users.export_me, UserExport, _SIGNED_IN),
]
API_TOKENS = [
    Route(
        "GET", "/users/me/tokens", _MANAGE, api_tokens.list_api_tokens, ApiTokenPage, _SIGNED_IN
    ),
    Route(
        "POST",
        "/users/me/tokens",
        _MANAGE,
        api_tokens.create_api_token,
        CreatedApiToken,
        (*_SIGNED_IN, QuotaExceeded, EmailNotVerified, *_BODY),
        status=201,
    ),
    Route(
        "DELETE",
        "/users/me/tokens/{token_id}",
        _MANAGE,
        api_tokens.delete_api_token,
        None,
        _FIND,
    ),
]
FACTORS = [
    Route("GET", "", _MANAGE, factors.list_factors, FactorList, _SIGNED_IN),
    Route(
        "POST",
        "",
        _MANAGE,
        factors.enroll_factor,
        FactorEnrolment,
        (*_SIGNED_IN, RecentSignInRequired, QuotaExceeded, PasskeysNotConfigured, *_BODY),
        status=201,
    ),
    Route(
        "POST",
        "/{factor_id}/confirm",
        _MANAGE,
        factors.confirm_factor,
        FactorConfirmed,
        (*_FIND, RecentSignInRequired, PasskeysNotConfigured, *_BODY),
    ),
    Route(
        "DELETE",
        "/{factor_id}",
        _MANAGE,
        factors.remove_factor,
        None,
        (*_FIND, RecentSignInRequired),
    ),
    Route(
        "POST",
        "/recovery-codes",
        _MANAGE,
        factors.replace_recovery_codes,
        RecoveryCodes,
        (*_FIND, RecentSignInRequired),
    ),
]
TASKS = [
    Route("POST", "", _EDIT, tasks.create_task, TaskRead, _CREATE, _LOCATED, _SAME, 201),
    Route(
        "POST",
        "/quick",
        _EDIT,
        tasks.add_task_from_text,
        QuickAddResult,
        _CREATE,
        {"Location": "The path of the task.", **_REPLAYED},
        {200: "With `dry_run`; or the same request created this task before, with this id."},
        201,
        {200: QuickAddPreviewOrResult},
    ),
    Route("GET", "", _READ, tasks.list_tasks, TaskPage, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{task_id}", _READ, tasks.get_task, TaskRead, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{task_id}", _EDIT, tasks.replace_task, TaskRead, _CHANGE_MANY, _ETAG),
    Route("PATCH", "/{task_id}", _EDIT, tasks.update_task, TaskRead, _CHANGE_MANY, _ETAG),
    Route("DELETE", "/{task_id}", _DELETE, tasks.delete_task, None, _WRITE_MANY),
    Route("POST", "/{task_id}/move", _EDIT, tasks.move_task, TaskRead, _CHANGE_MANY, _ETAG),
    Route(
        "POST", "/{task_id}/complete", _EDIT, tasks.complete_task, TaskRead, _CHANGE_MANY, _ETAG
    ),
    Route("POST", "/{task_id}/skip", _EDIT, tasks.skip_task, TaskRead, _CHANGE_MANY, _ETAG),
    Route("POST", "/{task_id}/reopen", _EDIT, tasks.reopen_task, TaskRead, _WRITE_MANY, _ETAG),
    Route("POST", "/{task_id}/restore", _EDIT, tasks.restore_task, TaskRead, _WRITE_MANY, _ETAG),
]
LISTS = [
    Route("POST", "", _EDIT, lists.create_list, ListRead, _CREATE, _LOCATED, _SAME, 201),
    Route("GET", "", _READ, lists.list_lists, ListPage, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{list_id}", _READ, lists.get_list, ListRead, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{list_id}", _EDIT, lists.replace_list, ListRead, _CHANGE, _ETAG),
    Route("PATCH", "/{list_id}", _EDIT, lists.update_list, ListRead, _CHANGE, _ETAG),
    Route("DELETE", "/{list_id}", _DELETE, lists.delete_list, None, _WRITE_MANY),
    Route("POST", "/{list_id}/move", _EDIT, lists.move_list, ListRead, _CHANGE, _ETAG),
    Route("POST", "/{list_id}/restore", _EDIT, lists.restore_list, ListRead, _WRITE_MANY, _ETAG),
]
SECTIONS = [
    Route("POST", "", _EDIT, sections.create_section, SectionRead, _CREATE, _LOCATED, _SAME, 201),
    Route("GET", "", _READ, sections.list_sections, SectionPage, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route(
        "GET", "/{section_id}", _READ, sections.get_section, SectionRead, _FIND, _ETAG, _UNMODIFIED
    ),
    Route("PUT", "/{section_id}", _EDIT, sections.replace_section, SectionRead, _CHANGE, _ETAG),
    Route("PATCH", "/{section_id}", _EDIT, sections.update_section, SectionRead, _CHANGE, _ETAG),
    Route("DELETE", "/{section_id}", _DELETE, sections.delete_section, None, _WRITE_MANY),
    Route("POST", "/{section_id}/move", _EDIT, sections.move_section, SectionRead, _CHANGE, _ETAG),
]
LABELS = [
    Route("POST", "", _EDIT, labels.create_label, LabelRead, _CREATE_NAMED, _LOCATED, _SAME, 201),
    Route("GET", "", _READ, labels.list_labels, LabelPage, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{label_id}", _READ, labels.get_label, LabelRead, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{label_id}", _EDIT, labels.replace_label, LabelRead, _CHANGE_NAMED, _ETAG),
    Route("PATCH", "/{label_id}", _EDIT, labels.update_label, LabelRead, _CHANGE_NAMED, _ETAG),
    Route("DELETE", "/{label_id}", _DELETE, labels.delete_label, None, _WRITE_MANY),
    Route("POST", "/{label_id}/move", _EDIT, labels.move_label, LabelRead, _CHANGE, _ETAG),
]
FILTERS = [
    Route("POST", "", _EDIT, filters.create_filter, FilterRead, _CREATE, _LOCATED, _SAME, 201),
    Route("GET", "", _READ, filters.list_filters, FilterPage, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{filter_id}", _READ, filters.get_filter, FilterRead, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{filter_id}", _EDIT, filters.replace_filter, FilterRead, _CHANGE, _ETAG),
    Route("PATCH", "/{filter_id}", _EDIT, filters.update_filter, FilterRead, _CHANGE, _ETAG),
    Route("DELETE", "/{filter_id}", _DELETE, filters.delete_filter, None, _WRITE),
    Route("POST", "/{filter_id}/move", _EDIT, filters.move_filter, FilterRead, _CHANGE, _ETAG),
]
BATCH = [
    Route(
        "POST",
        "/batch",
        _EDIT,
        batches.run_batch,
        BatchResult,
        (*_BATCH, TooManyChanges),
        _REPLAYED,
    ),
]
SYNC = [
    Route(
        "GET", "/sync", _READ_ALL, sync.sync_changes, ChangePage, (*_SIGNED_IN, SyncTokenExpired)
    ),
    Route(
        "GET",
        "/events",
        _READ_ALL,
        sync.stream_events,
        StreamedEvent,
        (*_SIGNED_IN, SyncTokenExpired),
    ),
]
HEALTH = [
    Route("GET", "/health/live", _PUBLIC, health.check_liveness, Health),
    Route("GET", "/health/ready", _PUBLIC, health.check_readiness, Health),
]


@dataclass(frozen=True)
class Part:
    """Rows under one prefix. An alias does the same under another path, outside the schema.

    Without `DULY_LOCAL_ACCOUNTS`, all requests to rows for local accounts are rejected.
    """

    prefix: str
    tag: str
    routes: list[Route]
    is_alias: bool = False
    is_for_local_accounts: bool = False


TABLE = [
    Part(API_PREFIX, "auth", SIGN_IN, is_for_local_accounts=True),
    Part(API_PREFIX, "auth", PROVIDERS),
    Part(API_PREFIX, "auth", SESSIONS),
    Part("", "auth", KEYS),
    Part(API_PREFIX, "users", USERS),
    Part(API_PREFIX, "users", API_TOKENS),
    Part(f"{API_PREFIX}/users/me/factors", "factors", FACTORS),
    Part(f"{API_PREFIX}/tasks", "tasks", TASKS),
    Part(f"{API_PREFIX}/users/{{user_id}}/tasks", "tasks", TASKS, is_alias=True),
    Part(f"{API_PREFIX}/lists", "lists", LISTS),
    Part(f"{API_PREFIX}/sections", "sections", SECTIONS),
    Part(f"{API_PREFIX}/labels", "labels", LABELS),
    Part(f"{API_PREFIX}/filters", "filters", FILTERS),
    Part(API_PREFIX, "batch", BATCH),
    Part(API_PREFIX, "sync", SYNC),
    Part("", "health", HEALTH),
]
