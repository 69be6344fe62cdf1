"""How requests went: a line of the log each, and figures by route for Prometheus. Neither holds a name, an address, a
query or a token: a request is known by the pattern of its route."""

from __future__ import annotations

import logging
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from myi_pipelines.runtime.request_guard import App, Message, Receive, Scope, Send

logger = logging.getLogger("myi.web")

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
UNKNOWN_ROUTE = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Figures:
    """What this process has answered since it began."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "myi_web_request_seconds",
            "Time to the last byte of an answer.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._bytes = Counter("myi_web_response_bytes", "Bytes of answers, as sent.", ["route"], registry=self.registry)
        self.under_way = Gauge("myi_web_requests_under_way", "Requests under way.", registry=self.registry)

    def observe(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """Count an answer."""
        self._seconds.labels(method if method in METHODS else "other", route, str(status)).observe(seconds)
        self._bytes.labels(route).inc(size)

    def exposition(self) -> bytes:
        """Everything, as Prometheus' text format."""
        return generate_latest(self.registry)


class Observing:
    """Measures and logs each request. ``mounts`` are the paths of mounted applications, which hold no names."""

    def __init__(self, app: App, figures: Figures, mounts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._figures = figures
        self._mounts = mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, size = time.perf_counter(), 500, 0

        async def counting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        with self._figures.under_way.track_inprogress():
            try:
                await self._app(scope, receive, counting)
            finally:
                seconds, route = time.perf_counter() - began, route_of(scope, self._mounts)
                self._figures.observe(scope["method"], route, status, seconds, size)
                logger.info("%s %s %d %.1f ms %d bytes", scope["method"], route, status, seconds * 1000, size)


def route_of(scope: Scope, mounts: tuple[str, ...] = ()) -> str:
    """The pattern of the route that answered, such as ``/u/{name}/tops``: never what stands in the address."""
    pattern = getattr(scope.get("route"), "path", None)
    if pattern is None:
        return UNKNOWN_ROUTE
    root = scope.get("root_path", "")
    return f"{root}{pattern}" if root in mounts else str(pattern)
