"""Spans of OpenTelemetry. Without an exporter (`duly.runtime.span_export`), they are not recorded.

A span names templates, tables and types of errors. It has no paths, no ids, no messages of errors
and no values: these may contain what users wrote.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

TRACER = trace.get_tracer("duly")


def is_recording() -> bool:
    """Whether the code that runs now belongs to a span that is recorded."""
    return trace.get_current_span().is_recording()


@contextmanager
def client_span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """A span around a call of another server; an exception ends it as an error."""
    with TRACER.start_as_current_span(
        name,
        kind=SpanKind.CLIENT,
        attributes=attributes,
        # Either would add the message of the exception.
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            note_error(span, type(error).__qualname__)
            raise


def note_error(span: Span, kind: str) -> None:
    """Mark a span as failed."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def add_trace_id(_: Any, __: str, event: Any) -> Any:
    """Add the trace to a line of the log, as a processor of structlog."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return event
    return {**event, "trace_id": trace.format_trace_id(context.trace_id)}
