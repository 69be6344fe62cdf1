"""The Web API: one method for each endpoint, limited by the gate, with spotipy as transport. Returns replies as Spotify
sent them and raises the errors of ``api_errors``. Stores nothing and refreshes no token."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import requests
import spotipy  # type: ignore[import-untyped]
from requests.auth import AuthBase
from spotipy.exceptions import SpotifyException  # type: ignore[import-untyped]

from myi_pipelines.sources.spotify.api_errors import (
    Forbidden,
    ForbiddenKind,
    Gone,
    MalformedReply,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines.sources.spotify.transport import (
    TIMEOUTS_A_REPLY,
    DeadlineAdapter,
    Session,
    connection_error,
    json_of,
    retry_after_of,
    short_retries,
)

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Term = Literal["short_term", "medium_term", "long_term"]

#: The most ids that one batch call takes.
TRACKS_A_CALL = 50
ARTISTS_A_CALL = 50
ALBUMS_A_CALL = 20

#: The most entries that one page has.
ALBUM_PAGE = 50
_PAGE = 50
_SEARCH_RESULTS = 10
_PHRASE_LIMIT = 100
#: The 30-second limit never asks for a longer pause. A 429 that asks for one is a quota, even without saying so.
_LONGEST_RATE_PAUSE = timedelta(minutes=10)

# spotipy logs headers, whole replies and every error. No configuration finds this logger, so none can switch it on.
_silent = logging.Logger("spotipy", logging.CRITICAL)
_silent.disabled = True
spotipy.client.logger = _silent


@dataclass(frozen=True)
class Me:
    """The owner of a token. ``account_id`` never changes. It is missing in replies from before May 2026."""

    spotify_id: str
    account_id: str | None
    display_name: str | None


@dataclass(frozen=True)
class RecentPlay:
    """One of the 50 visible plays: when it ended, the full track object, and from what the play was started."""

    played_at: datetime
    track: Json
    context_type: str | None
    """Such as playlist, album or artist. None if Spotify does not say."""
    context_uri: str | None


class _RequestKind(StrEnum):
    """What a call requests. The meaning of some refusals depends on it."""

    ONE = "one object by its id"
    BATCH = "several objects by their ids"
    OTHER = "something else"


class SpotifyClient:
    """The Web API for any number of listeners: every method takes an access token. Safe to share between threads.

    Every method raises the errors of ``api_errors``. A reply that has not come after twice ``timeout_seconds`` is given
    up, also one that trickles. It tries three times within two seconds after a 5xx or a broken
    connection, and never again after a 429. No method sleeps longer.
    """

    def __init__(self, gate: Gate, api_url: str = "https://api.spotify.com", timeout_seconds: float = 10) -> None:
        self.gate = gate
        self._api_url = api_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._connections = _SharedAdapter(TIMEOUTS_A_REPLY * timeout_seconds, pool_maxsize=16)

    def __repr__(self) -> str:
        return f"SpotifyClient({self._api_url})"

    def close(self) -> None:
        """Close the connections."""
        self._connections.close_connections()

    # The listener

    def me(self, token: str, *, priority: Priority = Priority.LOGIN) -> Me:
        """The owner of the token."""
        reply = _object(self._call(token, EndpointGroup.ME, priority, _RequestKind.OTHER, lambda api: api.me()))
        spotify_id = reply.get("id")
        if not isinstance(spotify_id, str) or not spotify_id:
            raise MalformedReply("Spotify does not say whose token it is")
        return Me(spotify_id, _text(reply.get("account_id")), _text(reply.get("display_name")))

    def recently_played(self, token: str, *, priority: Priority = Priority.POLL) -> list[RecentPlay]:
        """The last 50 plays in Spotify's order: newest first, except late ones. One call."""
        reply = self._call(
            token,
            EndpointGroup.RECENTLY_PLAYED,
            priority,
            _RequestKind.OTHER,
            lambda api: api.current_user_recently_played(limit=_PAGE),
        )
        items = _objects(reply, "items")
        plays = [play for item in items if (play := _recent_play(item))]
        if len(plays) < len(items):
            logger.info("%d recently played items have no track or time and are left out", len(items) - len(plays))
        return plays

    def top_tracks(self, token: str, term: Term, *, priority: Priority = Priority.TOP_LISTS) -> list[Json]:
        """Up to 50 full track objects, the most played first."""
        return _objects(
            self._call(
                token,
                EndpointGroup.TOP,
                priority,
                _RequestKind.OTHER,
                lambda api: api.current_user_top_tracks(limit=_PAGE, time_range=term),
            ),
            "items",
        )

    def top_artists(self, token: str, term: Term, *, priority: Priority = Priority.TOP_LISTS) -> list[Json]:
        """Up to 50 full artist objects, the most played first."""
        return _objects(
            self._call(
                token,
                EndpointGroup.TOP,
                priority,
                _RequestKind.OTHER,
                lambda api: api.current_user_top_artists(limit=_PAGE, time_range=term),
            ),
            "items",
        )

    # The catalog, one object for each call

    def track(self, token: str, spotify_id: str, *, priority: Priority = Priority.ENRICH) -> Json:
        """A track. Its ``id`` may differ from the requested id. Raises Gone."""
        return _known_by_id(
            self._one(token, EndpointGroup.TRACKS, priority, spotify_id, lambda api: api.track(spotify_id))
        )

    def artist(self, token: str, spotify_id: str, *, priority: Priority = Priority.ENRICH) -> Json:
        """An artist. Raises Gone."""
        return _known_by_id(
            self._one(token, EndpointGroup.ARTISTS, priority, spotify_id, lambda api: api.artist(spotify_id))
        )

    def album(self, token: str, spotify_id: str, *, priority: Priority = Priority.ENRICH) -> Json:
        """An album with its first 50 tracks, simplified. Raises Gone."""
        return _known_by_id(
            self._one(token, EndpointGroup.ALBUMS, priority, spotify_id, lambda api: api.album(spotify_id))
        )

    def album_tracks(
        self, token: str, spotify_id: str, offset: int = 0, *, priority: Priority = Priority.ENRICH
    ) -> list[Json]:
        """Up to 50 tracks of an album from ``offset`` on, simplified. Raises Gone."""
        reply = self._one(
            token,
            EndpointGroup.ALBUMS,
            priority,
            spotify_id,
            lambda api: api.album_tracks(spotify_id, limit=ALBUM_PAGE, offset=offset),
        )
        return _objects(reply, "items")

    # The catalog, several objects for each call: only with extended quota

    def tracks(
        self, token: str, spotify_ids: Sequence[str], *, priority: Priority = Priority.ENRICH
    ) -> list[Json | None]:
        """Up to 50 tracks in the requested order, None for each that is gone. Raises Forbidden (BATCH_NOT_ALLOWED)."""
        return self._batch(token, EndpointGroup.TRACKS, priority, spotify_ids, TRACKS_A_CALL, spotipy.Spotify.tracks)

    def artists(
        self, token: str, spotify_ids: Sequence[str], *, priority: Priority = Priority.ENRICH
    ) -> list[Json | None]:
        """Up to 50 artists, like ``tracks``."""
        return self._batch(token, EndpointGroup.ARTISTS, priority, spotify_ids, ARTISTS_A_CALL, spotipy.Spotify.artists)

    def albums(
        self, token: str, spotify_ids: Sequence[str], *, priority: Priority = Priority.ENRICH
    ) -> list[Json | None]:
        """Up to 20 albums, like ``tracks``."""
        return self._batch(token, EndpointGroup.ALBUMS, priority, spotify_ids, ALBUMS_A_CALL, spotipy.Spotify.albums)

    def search_track(self, token: str, name: str, artist: str, *, priority: Priority = Priority.ENRICH) -> list[Json]:
        """Up to 10 tracks that Spotify finds for a name and an artist, the best match first."""
        query = f"track:{_phrase(name)} artist:{_phrase(artist)}"
        reply = _object(
            self._call(
                token,
                EndpointGroup.SEARCH,
                priority,
                _RequestKind.OTHER,
                lambda api: api.search(query, limit=_SEARCH_RESULTS, type="track"),
            )
        )
        return _objects(reply.get("tracks"), "items")

    # One call

    def _one(
        self,
        token: str,
        group: EndpointGroup,
        priority: Priority,
        spotify_id: str,
        request: Callable[[spotipy.Spotify], Any],
    ) -> Json:
        if not is_id(spotify_id):
            raise Gone(f"no id of Spotify's ({group})")
        return _object(self._call(token, group, priority, _RequestKind.ONE, request))

    def _batch(
        self,
        token: str,
        group: EndpointGroup,
        priority: Priority,
        spotify_ids: Sequence[str],
        most: int,
        request: Callable[[spotipy.Spotify, Sequence[str]], Any],
    ) -> list[Json | None]:
        if len(spotify_ids) > most:
            raise ValueError(f"{len(spotify_ids)} {group} in one call; Spotify takes {most}")
        unique_ids = list(dict.fromkeys(filter(is_id, spotify_ids)))
        if not unique_ids:
            return [None] * len(spotify_ids)
        reply = _object(self._call(token, group, priority, _RequestKind.BATCH, lambda api: request(api, unique_ids)))
        entries = reply.get(group.value)
        if not isinstance(entries, list) or len(entries) != len(unique_ids):
            raise MalformedReply(f"Spotify did not answer one entry for each of {len(unique_ids)} {group}")
        found = dict(zip(unique_ids, entries, strict=True))
        return [
            _known_by_id(entry) if isinstance(entry := found.get(spotify_id), dict) else None
            for spotify_id in spotify_ids
        ]

    def _call(
        self,
        token: str,
        group: EndpointGroup,
        priority: Priority,
        kind: _RequestKind,
        request: Callable[[spotipy.Spotify], Any],
    ) -> Any:
        self.gate.enter(group, priority)
        with self.gate.guarding(priority):
            for attempt in short_retries():
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        self.gate.enter(group, priority)
                    result, error = self._attempt(token, group, kind, request)
                    if error is not None:
                        raise error
        self.gate.answered(group)
        return result

    def _attempt(
        self, token: str, group: EndpointGroup, kind: _RequestKind, request: Callable[[spotipy.Spotify], Any]
    ) -> tuple[Any, SpotifyError | None]:
        """One HTTP call. Returns errors instead of raising them, so that no traceback refers to the request's token."""
        responses: list[requests.Response] = []
        with Session() as session:
            session.mount("http://", self._connections)
            session.mount("https://", self._connections)
            session.auth = _Bearer(token)
            session.hooks["response"].append(lambda reply, **_: responses.append(reply))
            # spotipy gets no token, because it would log the header.
            api = spotipy.Spotify(requests_session=session, requests_timeout=self._timeout_seconds)
            api.prefix = f"{self._api_url}/v1/"
            try:
                result = request(api)
            except requests.RequestException as error:
                return None, connection_error(error, "Spotify")
            except (SpotifyException, AttributeError):
                # spotipy raises AttributeError when an error body is a string or a list.
                if not responses:
                    raise
                return None, self._refusal(responses[-1], group, kind)
        if result is None:
            return None, MalformedReply(f"Spotify answered {group} with something that is not JSON")
        return result, None

    def _refusal(self, reply: requests.Response, group: EndpointGroup, kind: _RequestKind) -> SpotifyError:
        """The error for an error status. Its text uses only fixed words, because a body may contain anything."""
        status = reply.status_code
        message, reason = _error_details(reply)
        if status < 500 and status != 429:
            self.gate.answered(group)
        if status == 401:
            return Unauthenticated("Spotify does not accept the access token")
        if status == 403 and (known := _forbidden_kind(message)) is not ForbiddenKind.OTHER:
            return Forbidden(known)
        if kind is _RequestKind.BATCH and 400 <= status < 500 and status != 429:
            return Forbidden(ForbiddenKind.BATCH_NOT_ALLOWED)
        if status == 403:
            return Forbidden(ForbiddenKind.OTHER)
        if status == 429:
            pause = retry_after_of(reply)
            if reason == "QUOTA_EXCEEDED" or (pause is not None and pause > _LONGEST_RATE_PAUSE):
                return self.gate.quota_exceeded(group, pause)
            return self.gate.rate_limited(pause)
        if status >= 500:
            return Unavailable(f"Spotify answered {group} with {status}")
        if kind is _RequestKind.ONE and _is_gone(reply, message):
            return Gone(f"Spotify has no such object ({group}, {status})")
        return MalformedReply(f"Spotify answered {group} with {status}")


class _Bearer(AuthBase):
    """Adds the token to a request after all code that logs requests."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _SharedAdapter(DeadlineAdapter):
    """Connections that stay open after the session of one call, which has one listener's token and cookies."""

    def close(self) -> None:
        """Do nothing: the end of a session must not close the connections."""

    def close_connections(self) -> None:
        """Close the connections."""
        super().close()


# Reading replies


def _error_details(reply: requests.Response) -> tuple[str, object]:
    """The message in lower case and the reason of an error. The body may be an object, a string, a list or text."""
    body = json_of(reply)
    error = body.get("error") if isinstance(body, dict) else body
    if isinstance(error, dict):
        return str(error.get("message") or "").lower(), error.get("reason")
    return (str(error) if error else reply.text[:1000]).strip().lower(), None


def _is_gone(reply: requests.Response, message: str) -> bool:
    """Whether the API does not know the id. A 404 may also be a proxy's, or mean that the API lacks the endpoint."""
    if reply.status_code == 404:
        return isinstance(json_of(reply), dict) and message != "service not found"
    return reply.status_code == 400 and re.search(r"invalid (base62 )?id\b", message) is not None


def _forbidden_kind(message: str) -> ForbiddenKind:
    """What a 403 means by its message; OTHER if that says nothing."""
    if "premium" in message:
        return ForbiddenKind.PREMIUM_NEEDED
    if "registered" in message:
        return ForbiddenKind.NOT_REGISTERED
    if "scope" in message:
        return ForbiddenKind.SCOPE_MISSING
    return ForbiddenKind.OTHER


def is_id(spotify_id: str) -> bool:
    """Whether Spotify can accept it as an id. Anything else (a local file, a URL) costs no call."""
    return re.fullmatch("[0-9A-Za-z]+", spotify_id) is not None


def _object(reply: Any) -> Json:
    if not isinstance(reply, dict):
        raise MalformedReply(f"Spotify answered a {type(reply).__name__} where an object belongs")
    return reply


def _known_by_id(thing: Json) -> Json:
    """A track, album or artist. A reply may lack other fields, but always has the id."""
    if not isinstance(thing.get("id"), str):
        raise MalformedReply("Spotify answered an object without an id")
    return thing


def _objects(reply: Any, key: str) -> list[Json]:
    """The objects in a list of the reply, without null entries."""
    entries = _object(reply).get(key)
    if not isinstance(entries, list):
        raise MalformedReply(f"Spotify answered without {key}")
    return [entry for entry in entries if isinstance(entry, dict)]


def _recent_play(item: Json) -> RecentPlay | None:
    track, played_at = item.get("track"), item.get("played_at")
    if not isinstance(track, dict) or not isinstance(played_at, str):
        return None
    try:
        moment = datetime.fromisoformat(played_at)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return RecentPlay(moment, track, *_context(item.get("context")))


def _context(context: object) -> tuple[str | None, str | None]:
    """The type and the URI of a play's context; neither without a URI of Spotify's."""
    kind, uri = (context.get("type"), context.get("uri")) if isinstance(context, dict) else (None, None)
    if not isinstance(uri, str) or not re.fullmatch(r"spotify:[!-~]{1,250}", uri):
        return None, None
    return kind if isinstance(kind, str) and re.fullmatch(r"[a-z_]{1,50}", kind) else None, uri


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _phrase(words: str) -> str:
    """Words for a search field: without the syntax of Spotify's query language, and within its length limit."""
    return '"' + " ".join(words.replace('"', " ").replace(":", " ").split())[:_PHRASE_LIMIT].strip() + '"'
