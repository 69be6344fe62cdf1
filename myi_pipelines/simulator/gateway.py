"""The first stop of every request: finds its user, applies the fault rules, serves it or lets it fail, and logs it.
Knows no endpoint."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myi_pipelines.simulator.faults import SEVERING, Asked, Kind, Rule, Verdict, reply
from myi_pipelines.simulator.open_connections import Client, Connections
from myi_pipelines.simulator.request_log import Entry, LoggedRequest, group_of
from myi_pipelines.simulator.simulated_spotify import Spotify
from myi_pipelines.simulator.web_api import bearer


class Gateway:
    """The ASGI application: `inner` behind the faults. Admin requests meet no faults and are not logged."""

    def __init__(self, spotify: Spotify, inner: ASGIApp, connections: Connections) -> None:
        self.spotify = spotify
        self.inner = inner
        self.connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/") or "/"
        scope = {**scope, "path": path, "raw_path": path.encode()}
        if path.startswith("/admin"):
            await self.inner(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        asked = self._asked(scope, body)
        verdict = self.spotify.faults.evaluate(asked)
        scope["state"] = {**scope.get("state", {}), "reshaping": verdict.reshaping}
        fault = verdict.fault.kind if verdict.fault else min(verdict.reshaping, default=None)
        query = asked.query if path.startswith(("/v1/", "/ws/")) else ""
        entry = self.spotify.log.add(
            LoggedRequest(
                self.spotify.clock.now(), scope["method"], path, query, None,
                asked.user, asked.group, fault and str(fault),
            )
        )  # fmt: skip
        await self._answer(verdict, entry, scope, _replay(body), send)

    def _asked(self, scope: Scope, body: bytes) -> Asked:
        request, form = Request(scope), dict[str, str]()
        if scope["path"] == "/api/token":
            form = dict(parse_qsl(body.decode(errors="replace")))
        user = self.spotify.accounts.user_of(
            access_token=bearer(request), refresh_token=form.get("refresh_token", ""), code=form.get("code", "")
        )
        return Asked(scope["path"], request.url.query, user, group_of(scope["path"]))

    async def _answer(self, verdict: Verdict, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        fault = verdict.fault
        if fault is not None and fault.kind is Kind.HANG:
            await asyncio.sleep(float(fault.details.get("seconds", 30)))
            if self.connections.is_open(tuple(scope["client"])):
                await self._serve(entry, scope, receive, send)
        elif fault is not None and fault.kind is Kind.TRICKLE:
            await self._trickle(float(fault.details.get("seconds", 30)), entry, scope, send)
        elif fault is not None and fault.kind is Kind.TRICKLE_HEADERS:
            await self._trickle_headers(float(fault.details.get("seconds", 30)), tuple(scope["client"]))
        elif fault is not None and fault.kind in SEVERING:
            await self._sever(fault, scope, receive, send)
        elif fault is not None:
            response = reply(fault, verdict.retry_after)
            entry.answered(response.status_code)
            await response(scope, receive, send)
        else:
            await self._serve(entry, scope, receive, send)

    async def _serve(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.answered(message["status"])
                if delivery := scope["state"].get("delivery"):
                    self.spotify.record_delivery(delivery.user, delivery.plays)
            await send(message)

        await self.inner(scope, receive, watched)

    async def _trickle(self, seconds: float, entry: Entry, scope: Scope, send: Send) -> None:
        """A reply that comes byte by byte, and never becomes JSON."""
        entry.answered(200)
        headers = [(b"content-type", b"application/json; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until and self.connections.is_open(tuple(scope["client"])):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _trickle_headers(self, seconds: float, client: Client) -> None:
        """A reply whose headers come byte by byte, and never end; nor does it become one."""
        self.connections.write(client, b"HTTP/1.1 200 OK\r\nX-Padding: ")
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until and self.connections.is_open(client):
            self.connections.write(client, b"x")
            await asyncio.sleep(0.1)
        self.connections.sever(client)
        await asyncio.sleep(0.01)

    async def _sever(self, fault: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        """End the connection: before the request is served, after it, or in the middle of the reply."""
        if fault.kind is Kind.REPLY_LOST:
            await self.inner(scope, receive, _nowhere)
        if fault.kind is Kind.TRUNCATED:
            headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"4096")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"items":[', "more_body": True})
            await asyncio.sleep(0.05)
        self.connections.sever(tuple(scope["client"]))
        await asyncio.sleep(0.01)


async def _nowhere(message: Message) -> None:
    """Discard the reply of a lost connection."""


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
