"""The open connections of the server: whether one is still open, and how to end one without a
reply, or with less than one."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

Client: TypeAlias = tuple[str, int]


class Connections:
    def __init__(self) -> None:
        self._open: dict[Client, asyncio.Transport] = {}

    def is_open(self, client: Client) -> bool:
        return client in self._open

    def write(self, client: Client, data: bytes) -> None:
        """Send bytes as they are, past the server's own HTTP."""
        if transport := self._open.get(client):
            transport.write(data)

    def sever(self, client: Client) -> None:
        if transport := self._open.get(client):
            transport.abort()

    def protocol(self) -> type[H11Protocol]:
        """uvicorn's HTTP protocol, which registers its connections here."""
        known = self._open

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client is not None:
                    known[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    known.pop(self.client, None)
                super().connection_lost(exc)

        return Protocol
