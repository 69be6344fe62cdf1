"""Artists of whom Spotify tells no genres: whom MusicBrainz is to be asked for, which of its artists they are, and what
it says of them, of their albums and recordings. Makes no calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

SEARCH_AFTER = timedelta(days=180)
"""When to look again for an artist that was not found."""
REFRESH_AFTER = timedelta(days=365)
"""When to fetch an artist's genres again."""
RETRY_AFTER = timedelta(hours=1)
"""When to ask again for an artist for whom a call failed."""
SONGS = 3
"""By how many songs an artist is looked for at most: the most played."""
LENGTHS_DIFFER = timedelta(seconds=5)
"""How much the lengths of one recording may differ between Spotify and MusicBrainz, or within MusicBrainz."""


class AskedSong(NamedTuple):
    """A song by which to find its artist."""

    title: str
    plain_title: str
    """Without guests, remasters and such, for a search."""
    album: str | None
    isrc: str | None
    duration_ms: int | None
    is_solo: bool
    """Whether the artist is the only one."""


class WantedArtist(NamedTuple):
    """An artist whose genres are wanted."""

    key: str
    """Spotify's id; the key of the name while there is none."""
    name: str
    searched_key: str | None
    """Under which it was looked for before. None: never."""
    mbid: UUID | None
    """MusicBrainz' id, if it was found before."""
    has_undated_albums: bool
    """Whether Spotify tells of an album not when it was released."""
    has_unknown_lengths: bool
    """Whether Spotify tells of a track not how long it is."""
    songs: Sequence[AskedSong]


class Matches(NamedTuple):
    """The artists at MusicBrainz who may be the one that was asked for."""

    confirmed: frozenset[UUID]
    """By ISRC, length or album."""
    by_name: frozenset[UUID]
    """All of them: title and artist have the names that were asked for."""


class GenreCoverage(NamedTuple):
    """Artists that were played, and their plays, by where their genres come from."""

    source: str
    artists: int
    plays: int


def wanted_artists(conn: Connection, now: datetime, limit: int) -> list[WantedArtist]:
    """The artists to ask for now, the most played first."""
    values = {
        "limit": limit,
        "songs": SONGS,
        "not_found_before": now - SEARCH_AFTER,
        "fetched_before": now - REFRESH_AFTER,
        "failed_before": now - RETRY_AFTER,
    }
    rows = conn.execute(statement("musicbrainz/wanted"), values).fetchall()
    return [WantedArtist._make((*row, [AskedSong(**song) for song in songs])) for *row, songs in rows]


def matching_artists(
    conn: Connection, artist: str, song: AskedSong, recordings: Sequence[Mapping[str, Any]], *, by_isrc: bool
) -> Matches:
    """Who plays the song, among the recordings that MusicBrainz has of its ISRC, or by its names."""
    values = {
        "artist": artist,
        "title": song.title,
        "album": song.album,
        "duration_ms": song.duration_ms,
        "is_solo": song.is_solo,
        "by_isrc": by_isrc,
        "tolerance_ms": LENGTHS_DIFFER // timedelta(milliseconds=1),
        "recordings": Jsonb(recordings),
    }
    found = conn.execute(statement("musicbrainz/matching_artists"), values).fetchall()
    return Matches(
        frozenset(mbid for mbid, is_confirmed in found if is_confirmed), frozenset(mbid for mbid, _ in found)
    )


def land_search(conn: Connection, key: str, mbid: UUID | None, now: datetime) -> None:
    """Land who an artist is at MusicBrainz; None: nobody for certain."""
    conn.execute(statement("musicbrainz/land_search"), {"key": key, "mbid": mbid, "now": now})


def land_artist(conn: Connection, mbid: UUID, payload: Mapping[str, Any], now: datetime) -> None:
    """Land what MusicBrainz says of an artist."""
    values = {"mbid": mbid, "payload": Jsonb(payload), "now": now}
    conn.execute(statement("musicbrainz/land_artist"), values)


def log_failure(conn: Connection, key: str, now: datetime) -> None:
    """Remember that a call for an artist failed: others come first from now on."""
    conn.execute(statement("musicbrainz/log_failure"), {"key": key, "now": now})


def genre_coverage(conn: Connection) -> list[GenreCoverage]:
    """Where the genres of what was played come from, the most played first."""
    with conn.cursor(row_factory=class_row(GenreCoverage)) as cursor:
        return cursor.execute(statement("musicbrainz/coverage")).fetchall()
