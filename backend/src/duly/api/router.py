"""The route table: which function serves which path, and with which responses."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from duly.api import (
    auth,
    batches,
    filters,
    health,
    labels,
    lists,
    routing,
    sections,
    sync,
    tasks,
    users,
)
from duly.api.deps import check_path_user
from duly.api.responses import DESCRIPTIONS, REQUEST_ID, codes_of, document_errors
from duly.core.errors import (
    DulyError,
    EmailTaken,
    Forbidden,
    IdempotencyInFlight,
    IdempotencyMismatch,
    IdTaken,
    InternalError,
    NameTaken,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    QuotaExceeded,
    RateLimited,
    RegistrationClosed,
    RequestTimeout,
    ServiceUnavailable,
    SyncTokenExpired,
    TooManyChanges,
    Unauthenticated,
    UnsupportedMediaType,
    ValidationFailed,
)
from duly.schemas.auth import SessionPage
from duly.schemas.batches import BatchResult
from duly.schemas.filters import FilterPage, FilterRead
from duly.schemas.health import Health
from duly.schemas.labels import LabelPage, LabelRead
from duly.schemas.lists import ListPage, ListRead
from duly.schemas.quick_add import QuickAddPreviewOrResult, QuickAddResult
from duly.schemas.sections import SectionPage, SectionRead
from duly.schemas.sync import ChangePage, StreamedEvent
from duly.schemas.tasks import TaskPage, TaskRead
from duly.schemas.users import SessionTokens, UserExport, UserRead

API_PREFIX = "/api/v1"

Errors = tuple[type[DulyError], ...]

_ALWAYS: Errors = (ValidationFailed, PayloadTooLarge, InternalError, ServiceUnavailable)
_BODY: Errors = (RequestTimeout, UnsupportedMediaType)
_SIGNED_IN: Errors = (Unauthenticated, RateLimited)
_SIGNING_IN: Errors = (Unauthenticated, RateLimited, *_BODY)


@dataclass(frozen=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    answer: Any = None
    status: int = 200
    errors: Errors = ()
    headers: dict[str, str] = field(default_factory=dict)
    others: dict[int, str] = field(default_factory=dict)
    other_answers: dict[int, Any] = field(default_factory=dict)


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
_SAME = "The same request created this resource before, with this id."
_UNMODIFIED = {304: DESCRIPTIONS[304]}


SIGN_IN = [
    Route(
        "POST",
        "/auth/register",
        auth.register,
        SessionTokens,
        201,
        (RegistrationClosed, EmailTaken, RateLimited, *_BODY),
    ),
    Route("POST", "/auth/login", auth.login, SessionTokens, 200, _SIGNING_IN),
    Route(
        "POST",
        "/auth/token",
        auth.login_with_form,
        SessionTokens,
        200,
        (Unauthenticated, RateLimited, RequestTimeout),
    ),
    Route("POST", "/auth/refresh", auth.refresh, SessionTokens, 200, _SIGNING_IN),
]
SESSIONS = [
    Route("POST", "/auth/logout", auth.logout, None, 204, _SIGNED_IN),
    Route("GET", "/auth/sessions", auth.list_sessions, SessionPage, 200, _SIGNED_IN),
    Route("DELETE", "/auth/sessions", auth.end_all_sessions, None, 204, _SIGNED_IN),
    Route(
        "DELETE",
        "/auth/sessions/{session_id}",
        auth.end_session,
        None,
        204,
        (*_SIGNED_IN, NotFound),
    ),
]
USERS = [
    Route("GET", "/users/me", users.get_me, UserRead, 200, _SIGNED_IN),
    Route("PATCH", "/users/me", users.update_me, UserRead, 200, (*_SIGNED_IN, EmailTaken, *_BODY)),
    Route("PUT", "/users/me/password", users.change_password, None, 204, (*_SIGNED_IN, *_BODY)),
    Route("DELETE", "/users/me", users.delete_me, None, 204, (*_SIGNED_IN, *_BODY)),
    Route("GET", "/users/me/export", users.export_me, UserExport, 200, _SIGNED_IN),
]
TASKS = [
    Route("POST", "", tasks.create_task, TaskRead, 201, _CREATE, _LOCATED, {200: _SAME}),
    Route(
        "POST",
        "/quick",
        tasks.add_task_from_text,
        QuickAddResult,
        201,
        _CREATE,
        {"Location": "The path of the task.", **_REPLAYED},
        {200: "With `dry_run`; or the same request created this task before, with this id."},
        {200: QuickAddPreviewOrResult},
    ),
    Route("GET", "", tasks.list_tasks, TaskPage, 200, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{task_id}", tasks.get_task, TaskRead, 200, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{task_id}", tasks.replace_task, TaskRead, 200, _CHANGE_MANY, _ETAG),
    Route("PATCH", "/{task_id}", tasks.update_task, TaskRead, 200, _CHANGE_MANY, _ETAG),
    Route("DELETE", "/{task_id}", tasks.delete_task, None, 204, _WRITE_MANY),
    Route("POST", "/{task_id}/move", tasks.move_task, TaskRead, 200, _CHANGE_MANY, _ETAG),
    Route("POST", "/{task_id}/complete", tasks.complete_task, TaskRead, 200, _CHANGE_MANY, _ETAG),
    Route("POST", "/{task_id}/skip", tasks.skip_task, TaskRead, 200, _CHANGE_MANY, _ETAG),
    Route("POST", "/{task_id}/reopen", tasks.reopen_task, TaskRead, 200, _WRITE_MANY, _ETAG),
    Route("POST", "/{task_id}/restore", tasks.restore_task, TaskRead, 200, _WRITE_MANY, _ETAG),
]
LISTS = [
    Route("POST", "", lists.create_list, ListRead, 201, _CREATE, _LOCATED, {200: _SAME}),
    Route("GET", "", lists.list_lists, ListPage, 200, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{list_id}", lists.get_list, ListRead, 200, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{list_id}", lists.replace_list, ListRead, 200, _CHANGE, _ETAG),
    Route("PATCH", "/{list_id}", lists.update_list, ListRead, 200, _CHANGE, _ETAG),
    Route("DELETE", "/{list_id}", lists.delete_list, None, 204, _WRITE_MANY),
    Route("POST", "/{list_id}/move", lists.move_list, ListRead, 200, _CHANGE, _ETAG),
    Route("POST", "/{list_id}/restore", lists.restore_list, ListRead, 200, _WRITE_MANY, _ETAG),
]
SECTIONS = [
    Route("POST", "", sections.create_section, SectionRead, 201, _CREATE, _LOCATED, {200: _SAME}),
    Route("GET", "", sections.list_sections, SectionPage, 200, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route(
        "GET", "/{section_id}", sections.get_section, SectionRead, 200, _FIND, _ETAG, _UNMODIFIED
    ),
    Route("PUT", "/{section_id}", sections.replace_section, SectionRead, 200, _CHANGE, _ETAG),
    Route("PATCH", "/{section_id}", sections.update_section, SectionRead, 200, _CHANGE, _ETAG),
    Route("DELETE", "/{section_id}", sections.delete_section, None, 204, _WRITE_MANY),
    Route("POST", "/{section_id}/move", sections.move_section, SectionRead, 200, _CHANGE, _ETAG),
]
LABELS = [
    Route("POST", "", labels.create_label, LabelRead, 201, _CREATE_NAMED, _LOCATED, {200: _SAME}),
    Route("GET", "", labels.list_labels, LabelPage, 200, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{label_id}", labels.get_label, LabelRead, 200, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{label_id}", labels.replace_label, LabelRead, 200, _CHANGE_NAMED, _ETAG),
    Route("PATCH", "/{label_id}", labels.update_label, LabelRead, 200, _CHANGE_NAMED, _ETAG),
    Route("DELETE", "/{label_id}", labels.delete_label, None, 204, _WRITE_MANY),
    Route("POST", "/{label_id}/move", labels.move_label, LabelRead, 200, _CHANGE, _ETAG),
]
FILTERS = [
    Route("POST", "", filters.create_filter, FilterRead, 201, _CREATE, _LOCATED, {200: _SAME}),
    Route("GET", "", filters.list_filters, FilterPage, 200, _SIGNED_IN, _ETAG, _UNMODIFIED),
    Route("GET", "/{filter_id}", filters.get_filter, FilterRead, 200, _FIND, _ETAG, _UNMODIFIED),
    Route("PUT", "/{filter_id}", filters.replace_filter, FilterRead, 200, _CHANGE, _ETAG),
    Route("PATCH", "/{filter_id}", filters.update_filter, FilterRead, 200, _CHANGE, _ETAG),
    Route("DELETE", "/{filter_id}", filters.delete_filter, None, 204, _WRITE),
    Route("POST", "/{filter_id}/move", filters.move_filter, FilterRead, 200, _CHANGE, _ETAG),
]
BATCH = [
    Route(
        "POST",
        "/batch",
        batches.run_batch,
        BatchResult,
        200,
        (*_BATCH, TooManyChanges),
        _REPLAYED,
    )
]
SYNC = [
    Route("GET", "/sync", sync.sync_changes, ChangePage, 200, (*_SIGNED_IN, SyncTokenExpired)),
    Route(
        "GET", "/events", sync.stream_events, StreamedEvent, 200, (*_SIGNED_IN, SyncTokenExpired)
    ),
]
HEALTH = [
    Route("GET", "/health/live", health.check_liveness, Health),
    Route("GET", "/health/ready", health.check_readiness, Health),
]


def add_routes(router: APIRouter) -> None:
    """Add all routes, in the order of the table."""
    router.routes.extend(_routes())


@cache
def _routes() -> list[BaseRoute]:
    """Build the routes once: it takes a fifth of a second, and no application changes them."""
    public, users = routing.PublicRoute, routing.Route
    return [
        *_build(public, SIGN_IN, API_PREFIX, "auth"),
        *_build(users, SESSIONS, API_PREFIX, "auth"),
        *_build(users, USERS, API_PREFIX, "users"),
        *_build(users, TASKS, f"{API_PREFIX}/tasks", "tasks"),
        *_build(users, TASKS, f"{API_PREFIX}/users/{{user_id}}/tasks", "tasks", alias=True),
        *_build(users, LISTS, f"{API_PREFIX}/lists", "lists"),
        *_build(users, SECTIONS, f"{API_PREFIX}/sections", "sections"),
        *_build(users, LABELS, f"{API_PREFIX}/labels", "labels"),
        *_build(users, FILTERS, f"{API_PREFIX}/filters", "filters"),
        *_build(users, BATCH, API_PREFIX, "batch"),
        *_build(users, SYNC, API_PREFIX, "sync"),
        *_build(public, HEALTH, "", "health"),
    ]


def _build(
    kind: type[APIRoute], table: Sequence[Route], prefix: str, tag: str, *, alias: bool = False
) -> list[BaseRoute]:
    """Build the routes of one table.

    An alias does the same under another path. It is not in the schema, or generated clients would
    have every function twice.
    """
    router = APIRouter(route_class=kind)
    for route in table:
        name = route.endpoint.__name__
        summary, _, description = (inspect.getdoc(route.endpoint) or "").partition("\n\n")
        errors = (*_ALWAYS, *route.errors, *((Forbidden,) if alias else ()))
        router.add_api_route(
            prefix + route.path,
            route.endpoint,
            methods=[route.method],
            status_code=route.status,
            response_model=route.answer,
            response_class=Response if route.answer in {None, StreamedEvent} else JSONResponse,
            response_description=DESCRIPTIONS[route.status],
            responses={**_describe_answers(route), **document_errors(codes_of(*errors))},
            operation_id=_for_user(name) if alias else name,
            summary=summary.removesuffix("."),
            description=description or summary,
            include_in_schema=not alias,
            dependencies=[Depends(check_path_user)] if alias else None,
            tags=[tag],
        )
    return router.routes


def _for_user(name: str) -> str:
    """Return the operation id of an alias: `create_user_task` for `create_task`."""
    verb, _, rest = name.partition("_")
    return f"{verb}_user_{rest}"


def _describe_answers(route: Route) -> dict[int | str, Any]:
    headers = {
        name: {
            "description": meaning,
            "schema": {"type": "string"},
            "required": name not in _SOMETIMES,
        }
        for name, meaning in {"X-Request-ID": REQUEST_ID, **route.headers}.items()
    }
    answers: dict[int | str, Any] = {route.status: {"headers": headers}}
    if route.answer is StreamedEvent:
        schema = {"$ref": f"#/components/schemas/{StreamedEvent.__name__}"}
        answers[route.status]["content"] = {"text/event-stream": {"schema": schema}}
    for status, description in route.others.items():
        told = {name: value for name, value in headers.items() if name != "Location"}
        answers[status] = {"headers": told, "description": description}
        if status == HTTPStatus.OK:
            answers[status]["model"] = route.other_answers.get(status, route.answer)
    return answers
