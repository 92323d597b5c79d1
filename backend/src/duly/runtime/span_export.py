"""Sends spans to a collector, by OTLP over HTTP. Imported only if the environment asks for it.

The SDK reads the variables `OTEL_…` itself: the address and headers of the collector, the sampler,
the size of the queue, and more.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from duly.core.logging import log

_FLUSH_TIMEOUT = 3.0
"""Seconds that the last spans may take, after all requests have ended."""


@asynccontextmanager
async def exporting_spans() -> AsyncIterator[None]:
    """Export spans from this process until the block ends. Nothing waits for the collector.

    A thread sends what is in a queue. If the queue is full, spans are dropped.
    """
    try:
        provider = _open_provider()
    except Exception as error:  # noqa: BLE001  # a wrong variable must not stop the service
        log.warning("traces.off", reason=f"{type(error).__name__}: {error}")
        yield
        return
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await _shut_down(provider)


def _open_provider() -> TracerProvider:
    """Return a provider of this process: a thread would not survive a fork."""
    described = Resource.create({"service.instance.id": str(uuid4())})
    has_name = not str(described.attributes["service.name"]).startswith("unknown_service")
    ours = Resource(
        {
            "service.version": version("duly"),
            "process.pid": os.getpid(),
            **({} if has_name else {"service.name": "duly"}),
        }
    )
    provider = TracerProvider(resource=described.merge(ours), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


async def _shut_down(provider: TracerProvider) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def flush() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop is closed: it has taken too long
            loop.call_soon_threadsafe(ended.set)

    # A daemon, for which the process does not wait.
    threading.Thread(target=flush, daemon=True).start()
    try:
        async with asyncio.timeout(_FLUSH_TIMEOUT):
            await ended.wait()
    except TimeoutError:
        log.warning("traces.lost", reason=f"not sent within {_FLUSH_TIMEOUT:g} s")
