"""MusicBrainz' API: one method for each question, in the shape that the warehouse compares and keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple, TypeGuard
from uuid import UUID

import requests

from myi_pipelines.sources.musicbrainz.api_errors import Refused, Unavailable
from myi_pipelines.sources.musicbrainz.pace import LONGEST_WAIT, Pace
from myi_pipelines.sources.spotify.transport import TIMEOUTS_A_REPLY, DeadlineAdapter, json_of, retry_after_of

URL = "https://musicbrainz.org"
ATTEMPTS = 3
SEARCH_RESULTS = 25
ALBUM_PAGE, ALBUM_PAGES = 100, 5
"""Albums, EPs and singles in one reply, and how many replies are read of an artist's."""
RECORDING_PAGE, RECORDING_PAGES = 100, 20
"""The same for recordings."""
_FIRST_PAUSE = timedelta(seconds=2)
"""After the first failure that does not say how long to wait; doubled after the next."""
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_LARGEST = 2**31 - 1

Json = dict[str, Any]


class Credit(NamedTuple):
    """An artist of a recording, under all names that MusicBrainz tells: as credited there, its own, and aliases."""

    mbid: str
    names: list[str]


class Recording(NamedTuple):
    """A recording: who plays what, how long, and on which releases."""

    title: str
    length_ms: int | None
    artists: list[Credit]
    releases: list[str]


class Genre(NamedTuple):
    """One of MusicBrainz' genres, and how many people say that it is one of the artist."""

    name: str
    votes: int


class Artist(NamedTuple):
    """An artist with its genres."""

    name: str
    genres: list[Genre]


class Album(NamedTuple):
    """An album, EP or single, and when it was first released: a year, a month or a day."""

    title: str
    date: str


class Length(NamedTuple):
    """How long a recording is. ``version`` tells it from others of its title, such as "live, 1985"."""

    title: str
    version: str | None
    length_ms: int


class MusicBrainzClient:
    """The API for one application. ``contact`` is how MusicBrainz reaches who runs it: an e-mail address or a URL.

    Every method makes its calls at the pace, and raises the errors of ``api_errors``. A call that finds MusicBrainz
    busy or broken is made three times in all; a reply that has not come after twice ``timeout_seconds`` is given up.
    """

    def __init__(self, pace: Pace, application: str, url: str = URL, *, timeout_seconds: float = 10) -> None:
        self.calls = 0
        """Requests that were sent."""
        self._pace = pace
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": application, "Accept": "application/json"})
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(TIMEOUTS_A_REPLY * timeout_seconds))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def recordings_of_isrc(self, isrc: str) -> list[Recording]:
        """The recordings that have an ISRC; none if it is unknown."""
        if not _ISRC.fullmatch(isrc):
            return []
        reply = self._get(f"isrc/{isrc}", {"inc": "artist-credits"})
        return list(_recordings(reply)) if reply else []

    def search_recordings(self, title: str, artist: str) -> list[Recording]:
        """The recordings that come closest to a title and an artist."""
        query = f"recording:{_phrase(title)} AND artist:{_phrase(artist)}"
        reply = self._get("recording", {"query": query, "limit": str(SEARCH_RESULTS)})
        return list(_recordings(reply)) if reply else []

    def artist(self, mbid: UUID) -> Artist | None:
        """An artist with its genres; None if the id is unknown."""
        reply = self._get(f"artist/{mbid}", {"inc": "genres"})
        if reply is None:
            return None
        name = _text(reply.get("name"))
        if name is None:
            raise Unavailable("MusicBrainz answered an artist without a name")
        return Artist(name, list(_genres(reply)))

    def albums(self, mbid: UUID) -> list[Album]:
        """The official releases of an artist whose dates are known."""
        found: list[Album] = []
        for page in range(ALBUM_PAGES):
            parameters = {"artist": str(mbid), "release-group-status": "website-default"}
            parameters |= {"limit": str(ALBUM_PAGE), "offset": str(page * ALBUM_PAGE)}
            groups = _objects((self._get("release-group", parameters) or {}).get("release-groups"))
            found += _albums(groups)
            if len(groups) < ALBUM_PAGE:
                break
        return found

    def lengths(self, mbid: UUID) -> list[Length]:
        """The lengths of an artist's recordings, videos left out.

        They come in the order of their titles. Of an artist with too many the last ones are left out, and so is the
        title at which the list is cut, because others of that title may follow.
        """
        found: list[Length] = []
        for page in range(RECORDING_PAGES):
            parameters = {"artist": str(mbid), "limit": str(RECORDING_PAGE), "offset": str(page * RECORDING_PAGE)}
            recordings = _objects((self._get("recording", parameters) or {}).get("recordings"))
            found += _lengths(recordings)
            if len(recordings) < RECORDING_PAGE:
                return found
        cut = _letters(_text(recordings[-1].get("title")) or "")
        return [one for one in found if _letters(one.title) != cut]

    def _get(self, path: str, parameters: dict[str, str]) -> Json | None:
        """The object at a path. None if MusicBrainz has none, or cannot make sense of the question."""
        pause = _FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            self._pace.await_turn()
            self.calls += 1
            reply = self._sent(path, parameters)
            if isinstance(reply, requests.Response):
                if reply.status_code in (400, 404):
                    return None
                if reply.status_code in (401, 403):
                    raise Refused(
                        f"MusicBrainz refuses this application ({reply.status_code}): check MYI_MUSICBRAINZ_CONTACT"
                    )
                if reply.status_code == 200:
                    return _object(reply)
                asked = retry_after_of(reply)
                self._pace.pause(asked or pause)  # everybody's next call: it is busy for all
                failure = f"MusicBrainz answered {reply.status_code}"
                if asked is not None and asked > LONGEST_WAIT:
                    break
            else:
                failure = reply
            if attempt < ATTEMPTS:
                pause *= 2
        raise Unavailable(failure)

    def _sent(self, path: str, parameters: dict[str, str]) -> requests.Response | str:
        """The reply, or why there is none."""
        try:
            return self._session.get(
                f"{self._url}/ws/2/{path}",
                params={**parameters, "fmt": "json"},
                timeout=self._timeout_seconds,
                allow_redirects=False,
            )
        except requests.Timeout:
            return "MusicBrainz did not answer in time"
        except requests.RequestException as error:
            return f"MusicBrainz cannot be reached ({type(error).__name__})"


def _phrase(words: str) -> str:
    """Words as one phrase of Lucene's query language."""
    return '"' + re.sub(r'(["\\])', r"\\\1", " ".join(words.split())) + '"'


# Reading replies, which may hold anything


def _object(reply: requests.Response) -> Json:
    body = json_of(reply)
    if not isinstance(body, dict):
        raise Unavailable("MusicBrainz answered with something that is not a JSON object")
    return body


def _recordings(reply: Json) -> Iterator[Recording]:
    for one in _objects(reply.get("recordings")):
        title, length = _text(one.get("title")), one.get("length")
        artists = [credit for entry in _objects(one.get("artist-credit")) if (credit := _credit(entry))]
        if title is not None and artists:
            releases = [text for each in _objects(one.get("releases")) if (text := _text(each.get("title")))]
            yield Recording(title, length if _is_length(length) else None, artists, releases)


def _credit(entry: Json) -> Credit | None:
    artist = entry.get("artist")
    if not isinstance(artist, dict):
        return None
    try:
        mbid = str(UUID(str(artist.get("id"))))
    except ValueError:
        return None
    aliases = (alias.get("name") for alias in _objects(artist.get("aliases")))
    names = [name for each in (entry.get("name"), artist.get("name"), *aliases) if (name := _text(each))]
    return Credit(mbid, list(dict.fromkeys(names)))


def _genres(reply: Json) -> Iterator[Genre]:
    for one in _objects(reply.get("genres")):
        name, votes = _text(one.get("name")), one.get("count")
        if name is not None and type(votes) is int and 0 < votes <= _LARGEST:
            yield Genre(name, votes)


def _albums(groups: list[Json]) -> Iterator[Album]:
    for one in groups:
        title, date = _text(one.get("title")), one.get("first-release-date")
        if title is not None and isinstance(date, str) and _DATE.fullmatch(date):
            yield Album(title, date)


def _lengths(recordings: list[Json]) -> Iterator[Length]:
    for one in recordings:
        title, length = _text(one.get("title")), one.get("length")
        if title is not None and _is_length(length) and one.get("video") is not True:
            yield Length(title, _text(one.get("disambiguation")), length)


def _is_length(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _LARGEST


def _letters(title: str) -> str:
    """A title as MusicBrainz sorts it, more or less: without regard to case and signs."""
    return "".join(filter(str.isalnum, title.casefold())) or title


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    """Text that PostgreSQL can store: without NUL and without halves of surrogate pairs."""
    return value.replace("\0", "").encode("utf-8", "replace").decode() or None if isinstance(value, str) else None
