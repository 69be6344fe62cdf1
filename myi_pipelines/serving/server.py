"""The web server: one ASGI application for people and programs, ``myi serve``.

It assembles what others define: pages of ``web``, the API of ``api``, sign-in of ``access``, and before them the guard
and everything of ``asgi`` that each answer goes through. It reads as a login that can do nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from myi_pipelines.runtime.request_guard import App, Receive, RequestGuard, Scope, Send
from myi_pipelines.serving.access.permissions import NotVisible
from myi_pipelines.serving.access.proxies import TrustedProxies
from myi_pipelines.serving.access.viewers import Right
from myi_pipelines.serving.asgi.compression import Compression
from myi_pipelines.serving.asgi.error_pages import add_error_pages, log_mistake, was_logged
from myi_pipelines.serving.asgi.headers import SecurityHeaders
from myi_pipelines.serving.asgi.observing import Observing
from myi_pipelines.serving.asgi.static_files import PREFIX
from myi_pipelines.serving.context import Context, context_of, viewer_of

API = "/api/v1"
HEALTHY = "MYI answers\n"
"""What `/healthz` says. `myi login` tells by it who listens where Spotify sends the browser."""
EMBEDDABLE = ("/embed/",)
"""Paths of what pages of others may show: pictures and frames of narrow tokens. No cookie is read there."""
WITHOUT_COOKIES = (
    *EMBEDDABLE,
    *(f"{prefix}/1/{name}" for prefix in ("", "/apis/listenbrainz") for name in ("submit-listens", "validate-token")),
    "/apis/mlj_1/",
)
"""Paths where only a token in the request says who asks."""


def application(context: Context, *, pages: Sequence[BaseRoute] = (), api: ASGIApp | None = None) -> App:
    """The whole application: ``pages`` at their paths, ``api`` below ``/api/v1``.

    Every request has ``request.state.context`` (see ``context_of`` and ``viewer_of``), also those of the API.
    """
    mounts = [Mount(API, app=api, name="api")] if api is not None else []
    routes = [
        Route("/healthz", healthz, name="healthz"),
        Route("/metrics", metrics, name="metrics"),
        Route(f"{PREFIX}/{{version}}/{{name:path}}", context.static.serve, name="static"),
        *mounts,
        *pages,
    ]
    app = Starlette(routes=routes, lifespan=_lifespan(context))
    add_error_pages(app)
    guard = RequestGuard(
        _WithContext(app, context),
        context.settings.web_host_names,
        own_forms=True,
        without_cookies=WITHOUT_COOKIES,
    )
    answered = Observing(Compression(SecurityHeaders(guard, EMBEDDABLE)), context.figures, (API,))
    settings = context.settings
    return TrustedProxies(answered, settings.trusted_proxy_networks, settings.trusted_proxy_header)


def healthz(request: Request) -> Response:
    """200 while the database answers; 503 otherwise. For whatever starts and watches the process."""
    with context_of(request).glancing() as conn:
        conn.execute("SELECT 1")
    return PlainTextResponse(HEALTHY, headers={"Cache-Control": "no-store"})


def metrics(request: Request) -> Response:
    """This process's figures for Prometheus, for the operator and for tokens that may read them."""
    viewer = viewer_of(request)
    if not viewer.is_operator and Right.READ_METRICS not in viewer.rights:
        raise NotVisible
    return Response(context_of(request).figures.exposition(), media_type=CONTENT_TYPE_LATEST)


class _WithContext:
    """Gives each request the context, and keeps what a mistake says out of the server's log: it may hold names."""

    def __init__(self, app: App, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope.setdefault("state", {})["context"] = self._context
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if not was_logged(error):
                log_mistake(error)


def _lifespan(context: Context) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(_: Starlette) -> AsyncIterator[None]:
        context.open()
        try:
            yield
        finally:
            await run_in_threadpool(context.close)

    return opened
