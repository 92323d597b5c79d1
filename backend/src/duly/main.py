"""The application. `create_app` is an ASGI factory for any server; `duly serve` runs it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from fastapi import FastAPI

from duly.api.cors import CORS
from duly.api.docs import add_docs
from duly.api.index import add_index
from duly.api.link_pages import add_link_pages
from duly.api.middleware import RequestMiddleware
from duly.api.openapi import add_schema
from duly.api.refusals import Refusals
from duly.api.router import add_routes
from duly.api.routing import RouteTable
from duly.api.sign_in_callback import add_sign_in_callback
from duly.api.web_app import add_web_app, find_web_app
from duly.core.config import Settings, load_settings, unknown_settings
from duly.core.logging import configure_logging, log, log_unknown_settings
from duly.core.setting_values import WEB_APP_OFF
from duly.core.spans import add_trace_id
from duly.core.tracing import read_tracing
from duly.database.connection import Connection
from duly.runtime.context import open_context


def create_app(
    settings: Settings | None = None, on_ready: Callable[[], None] = lambda: None
) -> FastAPI:
    """Build the application. Its database must be running and migrated by the time it starts.

    Calls `on_ready` each time it has started.

    Raises `StartupError` for wrong settings.
    """
    is_given = settings is not None
    settings = settings or load_settings()
    if settings.issuers is not None:
        import duly.runtime.issuers  # before workers are forked, which then share it
    if settings.sign_in_providers is not None:
        import duly.runtime.sign_in_providers  # noqa: F401  # as above
    metrics = None
    if settings.metrics_port is not None:
        from duly.runtime.metrics import Metrics  # it imports prometheus_client

        metrics = Metrics()
    traces = None
    tracing = read_tracing(os.environ)
    if tracing.is_on:
        from duly.api.traces import Traces  # it imports the SDK of OpenTelemetry

        traces = Traces(None if metrics is None else metrics.record)
    configure_logging(
        settings.log_level, settings.log_format, *([] if traces is None else [add_trace_id])
    )
    if tracing.obstacle is not None:
        log.warning("traces.off", reason=tracing.obstacle)
    if not is_given:
        log_unknown_settings(unknown_settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            nullcontext() if traces is None else traces.exporting(),
            open_context(
                settings, Connection if traces is None else traces.connection_type
            ) as context,
        ):
            app.state.context = context
            refusals.pool = context.pool
            await context.throttle.check_storage()
            loop = asyncio.get_running_loop()
            app.state.end_streams = partial(loop.call_soon_threadsafe, context.hub.end_streams)
            on_ready()
            if metrics is None:
                yield
                return
            async with metrics.observing(context):
                yield

    app = FastAPI(
        title="Duly",
        version="1",
        summary="A task backend: many users, each with tasks that no one else can see.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # It looks for collectors at each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    web_app = find_web_app(settings.web_app)
    add_docs(app)
    page = None if web_app is None else web_app.page
    add_index(app, page, is_off=settings.web_app == WEB_APP_OFF)
    add_link_pages(app, page)
    add_sign_in_callback(app)
    add_schema(app)
    add_routes(app.router)
    add_web_app(app, web_app)
    # In place of the layers of Starlette and FastAPI.
    routes = RouteTable(app.routes)
    recorder = metrics if traces is None else traces
    on_outcome = None if recorder is None else recorder.record
    middleware = RequestMiddleware(
        routes,
        app.router,
        timeout=settings.request_timeout,
        trusted_proxies=settings.trusted_proxies,
        log_addresses=settings.log_addresses,
        on_outcome=on_outcome,
    )
    refusals = Refusals(
        middleware if traces is None else traces.around(middleware, routes), routes, on_outcome
    )
    app.middleware_stack = CORS(refusals, settings.cors_origins)
    app.state.begin_to_end = middleware.begin_to_end
    return app
