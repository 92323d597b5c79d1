"""Build the routes of the table, and describe them for OpenAPI."""

import inspect
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute

from duly.api.deps import check_path_user
from duly.api.openapi import SCOPES
from duly.api.responses import DESCRIPTIONS, REQUEST_ID, codes_of, document_errors
from duly.api.route_table import TABLE, Errors, Part, Route
from duly.api.routing import CompiledRoute
from duly.core.errors import (
    EmailNotVerified,
    Forbidden,
    InsufficientScope,
    InternalError,
    LocalAccountsDisabled,
    PayloadTooLarge,
    RegistrationClosed,
    ServiceUnavailable,
    ValidationFailed,
)
from duly.core.scopes import UNVERIFIED
from duly.schemas.sync import StreamedEvent

_ALWAYS: Errors = (ValidationFailed, PayloadTooLarge, InternalError, ServiceUnavailable)
_SOMETIMES = {"Idempotency-Replayed"}


def add_routes(router: APIRouter) -> None:
    """Add all routes, in the order of the table."""
    router.routes.extend(_routes())


@cache
def _routes() -> list[BaseRoute]:
    """Build the routes once: it takes a fifth of a second, and no application changes them."""
    return [_build(part, row) for part in TABLE for row in part.routes]


def _build(part: Part, row: Route) -> BaseRoute:
    """Build the route of one row.

    An alias is not in the schema, or generated clients would have every function twice.
    """
    name = row.endpoint.__name__
    summary, _, description = (inspect.getdoc(row.endpoint) or "").partition("\n\n")
    errors = (*_ALWAYS, *row.errors)
    if row.scopes:
        errors = (*errors, InsufficientScope, RegistrationClosed)
    if not row.scopes <= UNVERIFIED:
        errors = (*errors, EmailNotVerified)
    if part.is_for_local_accounts:
        errors = (*errors, LocalAccountsDisabled)
    if part.is_alias:
        errors = (*errors, Forbidden)
    router = APIRouter(
        route_class=partial(  # type: ignore[arg-type]  # FastAPI only calls it
            CompiledRoute,
            scopes=row.scopes,
            is_for_local_accounts=part.is_for_local_accounts,
            has_cookie=row.has_cookie,
            by_cookie=row.by_cookie,
        )
    )
    router.add_api_route(
        part.prefix + row.path,
        row.endpoint,
        methods=[row.method],
        status_code=row.success,
        response_model=row.answer,
        response_class=Response if row.answer in {None, StreamedEvent} else JSONResponse,
        response_description=DESCRIPTIONS[row.success],
        responses={**_describe_answers(row), **document_errors(codes_of(*errors))},
        operation_id=_for_user(name) if part.is_alias else name,
        summary=summary.removesuffix("."),
        description=description or summary,
        include_in_schema=not part.is_alias,
        dependencies=[Depends(check_path_user)] if part.is_alias else None,
        tags=[part.tag],
        openapi_extra={SCOPES: sorted(row.scopes)},
    )
    (route,) = router.routes
    return route


def _for_user(name: str) -> str:
    """Return the operation id of an alias: `create_user_task` for `create_task`."""
    verb, _, rest = name.partition("_")
    return f"{verb}_user_{rest}"


def _describe_answers(row: Route) -> dict[int | str, Any]:
    headers = {
        name: {
            "description": meaning,
            "schema": {"type": "string"},
            "required": name not in _SOMETIMES,
        }
        for name, meaning in {"X-Request-ID": REQUEST_ID, **row.headers}.items()
    }
    if row.has_cookie:
        headers["Set-Cookie"] = {
            "description": "The cookie of `Duly-Session: cookie`.",
            "schema": {"type": "string"},
            "required": False,
        }
    answers: dict[int | str, Any] = {row.success: {"headers": headers}}
    if row.answer is StreamedEvent:
        schema = {"$ref": f"#/components/schemas/{StreamedEvent.__name__}"}
        answers[row.success]["content"] = {"text/event-stream": {"schema": schema}}
    for status, description in row.others.items():
        told = {name: value for name, value in headers.items() if name != "Location"}
        answers[status] = {"headers": told, "description": description}
        if status == HTTPStatus.OK:
            answers[status]["model"] = row.other_answers.get(status, row.answer)
    return answers
