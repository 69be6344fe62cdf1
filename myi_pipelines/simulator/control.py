"""The client of a simulator's admin endpoint, for tests and the demo. The simulator may run in another process."""

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
    """What a user played. ``played_at`` is its end; ``track_id`` is None for a local file."""

    track_id: str | None
    played_at: datetime
    duration_ms: int
    ms_played: int

    @property
    def counts(self) -> bool:
        """Whether Spotify ever shows it."""
        return self.ms_played >= 30_000


@dataclass(frozen=True)
class UserInfo:
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
    """Moves a simulator's clock, sets faults, and asks what really happened."""

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
        """Move the clock forward; the result is its new time."""
        return self._times("advance", seconds=step.total_seconds())

    def set_time(self, to: datetime) -> datetime:
        return self._times("set_time", to=to.isoformat())

    def users(self) -> list[UserInfo]:
        return [UserInfo(**one) for one in self._order("users")]

    def user(self, name: str) -> UserInfo:
        return next(one for one in self.users() if one.name == name)

    def plays(self, user: str, since: datetime, until: datetime) -> list[TruePlay]:
        """Everything played after ``since`` and up to ``until``, skips too, oldest first."""
        return _plays(self._order("plays", user=user, since=since.isoformat(), until=until.isoformat()))

    def shown(self, user: str, at: datetime | None = None) -> list[TruePlay]:
        """The window of 50 that recently-played shows now or at another time, newest first."""
        return _plays(self._order("shown", user=user, at=at and at.isoformat()))

    def delivered(self, user: str) -> list[TruePlay]:
        """The plays that replies of recently-played have contained so far, oldest first."""
        return _plays(self._order("delivered", user=user))

    def add_play(
        self,
        user: str,
        track_id: str | None,
        played_at: datetime,
        visible_from: datetime | None = None,
        ms_played: int | None = None,
    ) -> TruePlay:
        """Add a play, which is visible from ``visible_from`` on. Without a ``track_id`` it is of a local file."""
        body = {"visible_from": visible_from and visible_from.isoformat(), "ms_played": ms_played}
        order = self._order("add_play", user=user, track_id=track_id, played_at=played_at.isoformat(), **body)
        return _plays([order])[0]

    def delay_plays(self, share: float, by: timedelta, user: str | None = None) -> None:
        """Show a share of the plays late, from now on until `stop_delays`."""
        self._order("delay_plays", share=share, seconds=by.total_seconds(), user=user)

    def stop_delays(self) -> None:
        self._order("stop_delays")

    def approve(self, authorize_url: str, user: str, *, deny: bool = False) -> str:
        """Do what a user does in a browser; the result is the URL to which the browser is sent back.

        Raises ControlRefused where the user would see an error page.
        """
        form = {"deny": "yes"} if deny else {"user": user}
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
        user: str | None = None,
        **details: Any,
    ) -> int:
        """Make the next ``times`` requests of a path fail (None: all, until cleared); the result is the rule's number.

        Default paths: /api/token for faults of tokens, /v1 for limits, /v1/me for `omit_account_id`, otherwise
        /v1/me/player. Every kind takes ``skip`` (how many requests pass first), ``share`` (the part of the requests
        that fails, at random) and ``query`` (a part of the query string). The kinds and their own details:

        - `rate_limited`, `rate_limited_text`, `quota_exceeded`: 429; ``retry_after`` (seconds; left out: no header)
        - `window` (30 seconds), `quota` (24 hours, by endpoint group): real rolling limits of ``calls`` calls, until
          cleared; ``clock`` "simulated" or "real"; ``retry_after`` instead of the true wait, None for no header
        - `forbidden`, `forbidden_premium`, `forbidden_not_registered`, `forbidden_scope`: 403; `unauthorized`: 401
        - `server_error`: ``status`` (503) with a page of HTML, ``retry_after``
        - `hang`: ``seconds`` of real time before the request is served; `trickle`, `trickle_headers`: ``seconds`` of a
          byte of the body, or of a header, now and then
        - `drop`, `reply_lost`, `truncated`: the connection ends before the request is served, after it, in the reply
        - `html_200`, `empty_204`, `json_200` (``body``), `garbage_json` (``status``), `error_body` (``status`` and
          ``body``, a string or a list for instance)
        - `out_of_order`: recently-played is not sorted; `omit_account_id`: /me as it was before May 2026
        - of the token endpoint: `invalid_grant` (``description``: "revoked", "expired", "invalid" or any text),
          `invalid_client`, `omit_refresh_token`, `empty_refresh_token`, `omit_scope`, `rotate_refresh_token`
        """
        rule: int = self._order("fault", kind=kind, path_prefix=path_prefix, times=times, user=user, details=details)
        return rule

    def clear_faults(self, number: int | None = None) -> None:
        """Remove all faults, or one by the number of its rule."""
        self._order("clear_faults", number=number)

    def revoke(self, user: str) -> None:
        """End all tokens of a user, as if the user had removed the app."""
        self._order("revoke", user=user)

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
        """From now on, answer a request for one track id with the track under another id."""
        self._order("relink", asked_id=asked_id, returned_id=returned_id)

    def make_gone(self, spotify_id: str, status: int = 404) -> None:
        """Take an object down: 404 or 400 for a single call, null in a batch."""
        self._order("make_gone", id=spotify_id, status=status)

    def restore(self, spotify_id: str) -> None:
        """Undo `make_gone`."""
        self._order("restore", id=spotify_id)

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
    "TrackInfo",
    "TruePlay",
    "UserInfo",
]
