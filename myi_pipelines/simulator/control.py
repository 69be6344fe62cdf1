"""The client of a simulator's admin endpoint, for tests and demos; works for a simulator in any process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from myi_pipelines.simulator.request_log import LoggedRequest

TIMEOUT = 60


class ControlRefused(Exception):
    """The simulator could not do what was asked; the message says why."""


@dataclass(frozen=True)
class TruePlay:
    """What a listener played. ``played_at`` is its end; ``track_id`` is None for a local file."""

    track_id: str | None
    played_at: datetime
    duration_ms: int
    ms_played: int

    @property
    def counts(self) -> bool:
        """Whether Spotify ever shows it."""
        return self.ms_played >= 30_000


@dataclass(frozen=True)
class ListenerInfo:
    name: str
    display_name: str | None
    timezone: str
    spotify_id: str
    account_id: str
    country: str


@dataclass(frozen=True)
class ArtistInfo:
    id: str
    name: str
    genres: list[str]


@dataclass(frozen=True)
class AlbumInfo:
    id: str
    name: str
    artist_ids: list[str]
    track_ids: list[str]


@dataclass(frozen=True)
class TrackInfo:
    id: str
    name: str
    artist_ids: list[str]
    album_id: str
    duration_ms: int
    isrc: str


@dataclass(frozen=True)
class CatalogInfo:
    """``relinked``: ids asked for and the ids of the reply. ``gone``: ids and the status of a single call."""

    artists: list[ArtistInfo]
    albums: list[AlbumInfo]
    tracks: list[TrackInfo]
    relinked: dict[str, str]
    gone: dict[str, int]


class Control:
    """Moves a simulator's clock, breaks things, and asks what really happened."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def _order(self, name: str, **body: Any) -> Any:
        reply = requests.post(f"{self.url}/admin/{name}", json=body, timeout=TIMEOUT)
        payload = reply.json()
        if not reply.ok:
            raise ControlRefused(payload["error"])
        return payload["answer"]

    def _times(self, name: str, **body: Any) -> datetime:
        return datetime.fromisoformat(self._order(name, **body))

    def now(self) -> datetime:
        return self._times("now")

    def advance(self, step: timedelta) -> datetime:
        """Move the clock on; the time that it then shows."""
        return self._times("advance", seconds=step.total_seconds())

    def set_time(self, to: datetime) -> datetime:
        return self._times("set_time", to=to.isoformat())

    def listeners(self) -> list[ListenerInfo]:
        return [ListenerInfo(**one) for one in self._order("listeners")]

    def listener(self, name: str) -> ListenerInfo:
        return next(one for one in self.listeners() if one.name == name)

    def plays(self, listener: str, since: datetime, until: datetime) -> list[TruePlay]:
        """Everything played after ``since`` and up to ``until``, skips too, oldest first."""
        return _plays(self._order("plays", listener=listener, since=since.isoformat(), until=until.isoformat()))

    def shown(self, listener: str, at: datetime | None = None) -> list[TruePlay]:
        """The window of 50 that recently-played shows now or at another time, newest first."""
        return _plays(self._order("shown", listener=listener, at=at and at.isoformat()))

    def told(self, listener: str) -> list[TruePlay]:
        """The plays that replies of recently-played have held so far, oldest first."""
        return _plays(self._order("told", listener=listener))

    def add_play(
        self,
        listener: str,
        track_id: str | None,
        played_at: datetime,
        visible_from: datetime | None = None,
        ms_played: int | None = None,
    ) -> TruePlay:
        """Put a play in by hand, of a local file where ``track_id`` is None; it shows from ``visible_from`` on."""
        body = {"visible_from": visible_from and visible_from.isoformat(), "ms_played": ms_played}
        order = self._order("add_play", listener=listener, track_id=track_id, played_at=played_at.isoformat(), **body)
        return _plays([order])[0]

    def delay_plays(self, share: float, by: timedelta, listener: str | None = None) -> None:
        """From now on a share of what is played shows late, until `stop_delays`."""
        self._order("delay_plays", share=share, seconds=by.total_seconds(), listener=listener)

    def stop_delays(self) -> None:
        self._order("stop_delays")

    def approve(self, authorize_url: str, listener: str, *, deny: bool = False) -> str:
        """Do what a person would in a browser; the URL that the browser is sent back to. Raises ControlRefused where
        the person would see an error page."""
        form = {"deny": "yes"} if deny else {"listener": listener}
        page = requests.get(authorize_url, timeout=TIMEOUT)
        if page.ok:
            page = requests.post(authorize_url, data=form, allow_redirects=False, timeout=TIMEOUT)
        if page.status_code != 303:
            raise ControlRefused(f"{page.status_code}: {_heading(page.text)}")
        return page.headers["Location"]

    def fault(
        self,
        kind: str,
        *,
        path_prefix: str | None = None,
        times: int | None = 1,
        listener: str | None = None,
        **details: Any,
    ) -> int:
        """Break the next ``times`` requests of a path (None: all, until cleared). The number of the rule.

        Paths by default: /api/token for faults of tokens, /v1 for limits, /v1/me for `omit_account_id`, else
        /v1/me/player. Every kind takes ``skip`` (let as many requests pass first), ``share`` (strike only some, at
        random), ``query`` (a part of the query string). Kinds, and details of their own:

        - `rate_limited`, `rate_limited_text`, `quota_exceeded`: 429; ``retry_after`` (seconds; left out: no header)
        - `window` (30 seconds), `quota` (24 hours, by endpoint family): real rolling limits of ``calls`` calls, until
          cleared; ``clock`` "simulated" or "real"; ``retry_after`` instead of the true wait, None for no header
        - `forbidden`, `forbidden_premium`, `forbidden_not_registered`: 403; `unauthorized`: 401
        - `server_error`: ``status`` (503) with a page of HTML, ``retry_after``
        - `hang`: ``seconds`` (real ones) before the request is served
        - `drop`, `reply_lost` (dropped after it was served), `truncated` (dropped in the middle of the reply)
        - `html_200`, `empty_204`, `json_200` (``body``), `garbage_json` (``status``), `error_body` (``status`` and
          ``body``, a string or a list for instance)
        - `out_of_order`: recently-played is not sorted; `omit_account_id`: /me as it was before May 2026
        - of the token endpoint: `invalid_grant` (``description``: "revoked", "expired", "invalid" or any text),
          `invalid_client`, `omit_refresh_token`, `empty_refresh_token`, `omit_scope`, `rotate_refresh_token`
        """
        rule: int = self._order(
            "fault", kind=kind, path_prefix=path_prefix, times=times, listener=listener, details=details
        )
        return rule

    def clear_faults(self, number: int | None = None) -> None:
        """End all faults, or one by the number of its rule."""
        self._order("clear_faults", number=number)

    def revoke(self, listener: str) -> None:
        """As if the listener had removed the app: all their tokens end."""
        self._order("revoke", listener=listener)

    def expire_access_tokens(self) -> None:
        self._order("expire_access_tokens")

    def catalog(self) -> CatalogInfo:
        payload = self._order("catalog")
        return CatalogInfo(
            [ArtistInfo(**one) for one in payload["artists"]],
            [AlbumInfo(**one) for one in payload["albums"]],
            [TrackInfo(**one) for one in payload["tracks"]],
            payload["relinked"],
            payload["gone"],
        )

    def relink(self, asked_id: str, returned_id: str) -> None:
        """From now on, whoever asks for one track id gets the track under another."""
        self._order("relink", asked_id=asked_id, returned_id=returned_id)

    def make_gone(self, spotify_id: str, status: int = 404) -> None:
        """Take an object down: 404 or 400 for a single call, null in a batch."""
        self._order("make_gone", id=spotify_id, status=status)

    def restore_archived(self, spotify_id: str) -> None:
        self._order("restore_archived", id=spotify_id)

    def requests(self, path_prefix: str | None = None, since: datetime | None = None) -> list[LoggedRequest]:
        """The requests answered so far, without those of this client; ``since`` is a simulated time."""
        found = self._order("requests", path_prefix=path_prefix, since=since and since.isoformat())
        return [LoggedRequest.from_json(one) for one in found]

    def clear_requests(self) -> None:
        self._order("clear_requests")


def _plays(payload: list[dict[str, Any]]) -> list[TruePlay]:
    return [TruePlay(**{**one, "played_at": datetime.fromisoformat(one["played_at"])}) for one in payload]


def _heading(page: str) -> str:
    _, _, rest = page.partition("<h1>")
    return rest.partition("</h1>")[0] or page[:200]


__all__ = [
    "AlbumInfo",
    "ArtistInfo",
    "CatalogInfo",
    "Control",
    "ControlRefused",
    "ListenerInfo",
    "TrackInfo",
    "TruePlay",
]
