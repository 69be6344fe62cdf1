"""Fetch the genres of artists of whom Spotify tells none from MusicBrainz, and with them dates of albums and lengths of
recordings that Spotify does not tell: the most played first, some hundred calls at a time, each artist committed by
itself. The warehouse knows whom to ask for and what a match is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from uuid import UUID

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.sources.musicbrainz.api_errors import MusicBrainzError, Paused, Refused
from myi_pipelines.sources.musicbrainz.client import Length, MusicBrainzClient, Recording
from myi_pipelines.sources.musicbrainz.pace import Pace
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.musicbrainz import (
    AskedSong,
    Matches,
    WantedArtist,
    land_artist,
    land_search,
    log_failure,
    matching_artists,
    wanted_artists,
)

GIVE_UP_AFTER = 3
"""How many artists in a row get no answer until the run ends."""


class ContactMissing(ConfigurationError):
    """MusicBrainz is off: nobody set a contact."""

    def __init__(self) -> None:
        super().__init__(
            "MusicBrainz is not asked for genres: set MYI_MUSICBRAINZ_CONTACT to an e-mail address or URL at which "
            "MusicBrainz can reach you"
        )


@dataclass
class FetchedGenres:
    """What one run did."""

    calls: int = 0
    found: int = 0
    """Artists whose genres were fetched."""
    not_found: int = 0
    """Artists that MusicBrainz does not have, or not for certain."""
    failed: int = 0
    """Artists for whom there was no answer. They stay wanted."""
    stopped: str | None = None
    """Why the run ended early. None when nothing is left to ask."""
    is_broken: bool = False
    """Whether refusals or failures in a row ended it, not the limit of calls."""


@contextmanager
def musicbrainz_client(settings: Settings) -> Iterator[MusicBrainzClient]:
    """The client that the settings describe. Raises ContactMissing where MusicBrainz is off."""
    if not settings.musicbrainz_contact:
        raise ContactMissing
    with (
        closing(Pace(servers_of(settings).redis_url, settings.musicbrainz_calls_per_second)) as pace,
        closing(
            MusicBrainzClient(pace, _application(settings.musicbrainz_contact), settings.musicbrainz_url)
        ) as client,
    ):
        yield client


def reason_to_skip(conn: Connection, settings: Settings, now: datetime) -> str | None:
    """Why a run would ask nothing. None when somebody can be asked for."""
    if not settings.musicbrainz_contact:
        return str(ContactMissing())
    return None if wanted_artists(conn, now, 1) else "nothing of an artist is missing or due"


def _application(contact: str) -> str:
    """The name by which MusicBrainz knows who asks: program, version and contact."""
    try:
        return f"MYI/{version('myi-pipelines')} ( {contact} )"
    except PackageNotFoundError:
        return f"MYI ( {contact} )"


def fetch_genres(
    conn: Connection,
    client: MusicBrainzClient,
    *,
    limit: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FetchedGenres:
    """Ask for artists until ``limit`` calls are made, more to finish the last, and bring the catalog up to date.

    Commits after each answer, so it may be killed at any time. When MusicBrainz does not answer, it ends without an
    error, and the result has the reason.
    """
    done = FetchedGenres()
    sync_catalog(conn)
    failures = 0
    for artist in wanted_artists(conn, now(), limit + 1):
        if client.calls >= limit:
            done.stopped = f"{client.calls} calls were made"
            break
        try:
            is_found = _fetch(conn, client, artist, now)
            done.found, done.not_found = done.found + is_found, done.not_found + (not is_found)
            failures = 0
        except MusicBrainzError as error:
            done.failed, failures = done.failed + 1, failures + 1
            is_of_all = isinstance(error, Paused | Refused)
            if not is_of_all:
                log_failure(conn, artist.key, now())
            if is_of_all or failures == GIVE_UP_AFTER:
                done.stopped, done.is_broken = str(error), True
                break
    done.calls = client.calls
    sync_catalog(conn)
    return done


def _fetch(conn: Connection, client: MusicBrainzClient, artist: WantedArtist, now: Callable[[], datetime]) -> bool:
    """Find out who an artist is, unless that is known, what its genres are and, where Spotify does not tell, when its
    albums were released and how long its recordings are. Returns whether the artist was found."""
    mbid = artist.mbid
    if mbid is None:
        mbid = _find(conn, client, artist)
        land_search(conn, artist.key, mbid, now())
    if mbid is None:
        return False
    found = client.artist(mbid)
    if found is None:
        land_search(conn, artist.key, None, now())
        return False
    payload: dict[str, object] = {
        "name": found.name,
        "genres": [{"name": one.name, "count": one.votes} for one in found.genres],
    }
    if artist.has_undated_albums:
        payload["albums"] = [album._asdict() for album in client.albums(mbid)]
    if artist.has_unknown_lengths:
        payload["recordings"] = [_without_nulls(one) for one in client.lengths(mbid)]
    land_artist(conn, mbid, payload, now())
    return True


def _without_nulls(length: Length) -> dict[str, object]:
    return {name: value for name, value in length._asdict().items() if value is not None}


def _find(conn: Connection, client: MusicBrainzClient, artist: WantedArtist) -> UUID | None:
    """The only artist at MusicBrainz who plays the artist's songs. None where there is none, or more than one.

    One song is enough if more than names say that it is the same, two if only their names do.
    """
    named_before: set[UUID] = set()
    for song in artist.songs:
        for matches in _ask(conn, client, artist.name, song):
            if len(matches.confirmed) == 1:
                return next(iter(matches.confirmed))
            if len(matches.by_name) == 1:
                [named] = matches.by_name
                if named in named_before:
                    return named
                named_before.add(named)
    return None


def _ask(conn: Connection, client: MusicBrainzClient, artist: str, song: AskedSong) -> Iterator[Matches]:
    """What MusicBrainz answers to a song's ISRC and, if that is not asked for more, to its names."""
    if song.isrc:
        recordings = _as_json(client.recordings_of_isrc(song.isrc))
        yield matching_artists(conn, artist, song, recordings, by_isrc=True)
    recordings = _as_json(client.search_recordings(song.plain_title, artist))
    yield matching_artists(conn, artist, song, recordings, by_isrc=False)


def _as_json(recordings: list[Recording]) -> list[dict[str, object]]:
    return [{**one._asdict(), "artists": [credit._asdict() for credit in one.artists]} for one in recordings]
