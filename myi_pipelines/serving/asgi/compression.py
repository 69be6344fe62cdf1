"""Answers as small as the client understands: Brotli, Zstandard or gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import brotli
import zstandard

from myi_pipelines.runtime.request_guard import App, Message, Receive, Scope, Send

WORTH_IT = 600
"""Bytes: a shorter answer travels in one packet anyway."""
COMPRESSIBLE = ("text/", "application/json", "application/problem+json", "application/manifest+json", "image/svg+xml")
NOT_STREAMS = ("text/event-stream",)


class Encoder(Protocol):
    """Compresses one answer, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """What can be sent so far."""

    def finish(self) -> bytes:
        """The rest."""


class Brotli:
    """Smallest; quality 5 costs about as much as gzip's default."""

    def __init__(self, quality: int = 5) -> None:
        self._encoder = brotli.Compressor(mode=brotli.MODE_TEXT, quality=quality)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._encoder.process(data))

    def finish(self) -> bytes:
        return bytes(self._encoder.finish())


class Zstandard:
    """Fastest."""

    def __init__(self, level: int = 6) -> None:
        self._encoder = zstandard.ZstdCompressor(level=level).compressobj()

    def feed(self, data: bytes) -> bytes:
        return self._encoder.compress(data)

    def finish(self) -> bytes:
        return self._encoder.flush()


class Gzip:
    """Understood by everything."""

    def __init__(self, level: int = 6) -> None:
        self._encoder = zlib.compressobj(level, zlib.DEFLATED, 31)

    def feed(self, data: bytes) -> bytes:
        return self._encoder.compress(data)

    def finish(self) -> bytes:
        return self._encoder.flush()


class Coding(NamedTuple):
    """A way to compress, as HTTP names it."""

    name: str
    fast: Callable[[], Encoder]
    """For an answer that is made once."""
    small: Callable[[], Encoder]
    """For a file that is served often."""


CODINGS = (
    Coding("br", Brotli, lambda: Brotli(11)),
    Coding("zstd", Zstandard, lambda: Zstandard(19)),
    Coding("gzip", Gzip, lambda: Gzip(9)),
)
"""The best first."""


def accepted_coding(accept_encoding: str) -> Coding | None:
    """The best coding that a client takes; None for none."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameters = part.partition(";")
        weights[name.strip()] = _weight(parameters)
    return next((one for one in CODINGS if weights.get(one.name, weights.get("*", 0.0)) > 0), None)


def compressed(data: bytes, coding: Coding) -> bytes:
    """A whole file, as small as it gets."""
    encoder = coding.small()
    return encoder.feed(data) + encoder.finish()


def is_compressible(content_type: str) -> bool:
    """Whether compressing such content makes it smaller, and a client need not get it at once."""
    return content_type.startswith(COMPRESSIBLE) and not content_type.startswith(NOT_STREAMS)


class Compression:
    """Compresses each answer that is worth it.

    Left as they are: what is compressed already, pictures, streams of events, and what says ``no-store``, because that
    is where secrets stand, and the length of a compressed answer tells something of them.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accepts = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        await self._app(scope, receive, _Sender(send, accepted_coding(accepts.decode("latin-1"))).send)


class _Sender:
    """Holds an answer's head back until its first piece shows whether compressing is worth it."""

    def __init__(self, send: Send, coding: Coding | None) -> None:
        self._send = send
        self._coding = coding
        self._head: Message | None = None
        self._encoder: Encoder | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _may_be_compressed(message):
            self._head = message
        elif message["type"] == "http.response.body" and (self._head or self._encoder):
            await self._send_piece(message)
        else:
            await self._send(message)

    async def _send_piece(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._head is not None:
            head, self._head = self._head, None
            worth = self._coding is not None and (more or len(body) >= WORTH_IT)
            self._encoder = self._coding.fast() if self._coding and worth else None
            if self._encoder is None:
                await self._send(_varying(head))
                await self._send(message)
                return
            body = self._encoder.feed(body) + (b"" if more else self._encoder.finish())
            assert self._coding is not None
            await self._send(_encoded(head, self._coding.name, None if more else len(body)))
        else:
            assert self._encoder is not None
            body = self._encoder.feed(body) + (b"" if more else self._encoder.finish())
        if body or not more:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _may_be_compressed(head: Message) -> bool:
    headers = {name.lower(): value for name, value in head.get("headers", ())}
    return (
        head["status"] not in (204, 206, 304)
        and b"content-encoding" not in headers
        and b"no-store" not in headers.get(b"cache-control", b"")
        and is_compressible(headers.get(b"content-type", b"").decode("latin-1"))
    )


def _varying(head: Message, **changes: Any) -> Message:
    headers = [(name, value) for name, value in head["headers"] if name.lower() != b"vary"]
    named = [value.decode("latin-1") for name, value in head["headers"] if name.lower() == b"vary"]
    vary = ", ".join(dict.fromkeys([*(one.strip() for value in named for one in value.split(",")), "Accept-Encoding"]))
    return {**head, "headers": [*headers, (b"vary", vary.encode())], **changes}


def _encoded(head: Message, coding: str, length: int | None) -> Message:
    head = _varying(head)
    headers = []
    for name, value in head["headers"]:
        if name.lower() == b"content-length":
            continue
        if name.lower() == b"etag" and not value.startswith(b"W/"):
            value = b"W/" + value
        headers.append((name, value))
    headers.append((b"content-encoding", coding.encode()))
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return {**head, "headers": headers}


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
