"""Structured logs: one JSON object per line, or columns on a terminal.

No secret, token, email address or request body is logged. The lines of a request include
the client's network address, unless `DULY_LOG_ADDRESSES` is false, and the path of a 404.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import orjson
import structlog


class _Log:
    """The logger. `configure_logging` assembles it once; structlog would for each line."""

    def __init__(self) -> None:
        self.logger: Any = structlog.get_logger("duly")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.logger, name)


log: Any = _Log()

_fields: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)
"""Fields of all lines of the current request."""


def configure_logging(level: str, log_format: str, *processors: Any) -> None:
    """Send all logs, including those of libraries, to standard error.

    `processors` add fields to each line.
    """
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        _add_fields,
        *processors,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(_dumps)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    render: list[Any] = [_describe_error, renderer]
    structlog.configure(
        processors=shared + render,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    log.logger = structlog.get_logger("duly").bind()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))


def log_unknown_settings(names: Mapping[str, str | None]) -> None:
    """Log a warning for each name that is not a setting, with the most similar setting."""
    for name, similar in names.items():
        hint = f"did you mean {similar}?" if similar else "see .env.example"
        log.warning("settings.unknown", name=name, hint=f"{name} is not a setting; {hint}")


def bind_request(request_id: str, address: str | None) -> None:
    """Add the request ID, and the client's address if there is one, to this request's lines."""
    _fields.set({"request_id": request_id} | ({} if address is None else {"address": address}))


def bind_user(user_id: UUID) -> None:
    """Add the user's ID to all further lines of this request."""
    fields = _fields.get()
    if fields is not None:
        fields["user_id"] = str(user_id)


def _add_fields(_: Any, __: str, event: Any) -> Any:
    return {**(_fields.get() or {}), **event}


def _describe_error(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Add the traceback of an exception to its line."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = _trace(error)
    return event


def _trace(error: BaseException) -> str:
    """Return the traceback and the error types without the messages, which may quote input.

    PostgreSQL's messages, for example, show the whole row that violated a constraint.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = "" if cause is None else f"{_trace(cause)}\n\nand then\n\n"
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{type(error).__module__}.{type(error).__qualname__}"


def _dumps(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
