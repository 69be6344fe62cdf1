"""The log of all requests to the simulated Spotify, for counting calls. It never contains tokens, codes or bodies."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from myi_pipelines.simulator.clock import iso_ms

KEPT = 500_000


class LoggedRequest(NamedTuple):
    """``at`` is a time of the simulated clock. ``status`` is None until there is a reply, and when the connection ends
    without one. ``fault`` names the fault that the request met."""

    at: datetime
    method: str
    path: str
    query: str
    status: int | None
    user: str | None
    group: str
    fault: str | None

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "at": iso_ms(self.at)}

    @classmethod
    def from_json(cls, payload: dict[str, Any]) -> LoggedRequest:
        return cls(**{**payload, "at": datetime.fromisoformat(payload["at"])})


@dataclass
class Entry:
    """A request in the log. It is added on arrival, so that a client that has the reply finds it here."""

    request: LoggedRequest

    def answered(self, status: int) -> None:
        self.request = self.request._replace(status=status)


class RequestLog:
    def __init__(self) -> None:
        self._entries = deque[Entry](maxlen=KEPT)

    def add(self, request: LoggedRequest) -> Entry:
        entry = Entry(request)
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        self._entries.clear()

    def find(self, path_prefix: str = "", since: datetime | None = None) -> list[LoggedRequest]:
        """The requests in order of arrival."""
        requests = [entry.request for entry in self._entries]
        return [
            request for request in requests
            if request.path.startswith(path_prefix) and (since is None or request.at >= since)
        ]  # fmt: skip


def group_of(path: str) -> str:
    """The endpoint group in which the calls of a path are counted.

    >>> [group_of(path) for path in ("/v1/me", "/v1/me/player/recently-played", "/v1/albums/x/tracks", "/api/token")]
    ['me', 'recently_played', 'albums', 'token']
    """
    if path == "/v1/me/player/recently-played":
        return "recently_played"
    if path.startswith("/v1/me/top/"):
        return "top"
    if path.startswith("/image/"):
        return "image"
    if path.startswith("/ws/"):
        return "musicbrainz"
    parts = path.strip("/").split("/")
    if parts[0] == "v1" and len(parts) > 1:
        return parts[1]
    return parts[-1]
