"""The questions of a dashboard, whose user waits: small answers about one user, from statistics and few partitions.

Lists rank songs, each with its recordings, or the recordings themselves, which are tracks. They are functions of
the database, which plans them once a session. Every other statement gets constants, never an expression over a
partitioned column, so that the planner opens only the partitions that it needs. The report, which reads whole
histories, has its own statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

EACH = 50
"""Rows of a list."""

_RECENT = sql.SQL("SELECT * FROM recent_plays(%(user_id)s, %(each)s)")
_SONGS = sql.SQL("SELECT * FROM top_songs(%(user_id)s, %(each)s)")
_SONGS_OF_MONTH = sql.SQL("SELECT * FROM top_songs_of_month(%(user_id)s, %(month)s, %(each)s)")
_SONGS_OF_YEAR = sql.SQL("SELECT * FROM top_songs_of_year(%(user_id)s, %(year)s, %(each)s)")
_RECORDINGS = sql.SQL("SELECT * FROM recordings_of_song(%(user_id)s, %(song_id)s, %(year)s)")
_ALL_TIME = sql.SQL("SELECT * FROM top_tracks(%(user_id)s, %(each)s)")
_OF_MONTH = sql.SQL("SELECT * FROM top_tracks_of_month(%(user_id)s, %(month)s, %(each)s)")
_OF_YEAR = sql.SQL("SELECT * FROM top_tracks_of_year(%(user_id)s, %(year)s, %(each)s)")
_ALBUMS = sql.SQL("SELECT * FROM top_albums(%(user_id)s, %(each)s)")
_ALBUMS_OF_MONTH = sql.SQL("SELECT * FROM top_albums_of_month(%(user_id)s, %(month)s, %(each)s)")
_STREAMED = sql.SQL("SELECT * FROM as_spotify_counts(%(user_id)s, %(year)s)")
_SONGS_STREAMED = sql.SQL("SELECT * FROM top_songs_as_spotify_counts(%(user_id)s, %(year)s, %(each)s, %(until)s)")
_TRACKS_STREAMED = sql.SQL("SELECT * FROM top_tracks_as_spotify_counts(%(user_id)s, %(year)s, %(each)s, %(until)s)")
_ARTISTS_STREAMED = sql.SQL(
    "SELECT name, NULL AS artist, play_count, total_ms"
    " FROM top_artists_as_spotify_counts(%(user_id)s, %(year)s, %(each)s, %(until)s)"
)


class RecentPlay(NamedTuple):
    """One listening event."""

    played_at: datetime
    name: str
    artist: str | None
    ms_played: int


class Top(NamedTuple):
    """A track, an album or an artist of a top list."""

    name: str
    artist: str | None
    play_count: int
    total_ms: int


class TopSong(NamedTuple):
    """A song of a top list."""

    song_id: int
    name: str
    artist: str | None
    recordings: int
    """How many tracks of the song were played."""
    play_count: int
    total_ms: int


class Recording(NamedTuple):
    """A track of a song, on the album from which it was played."""

    track_id: int
    name: str
    artist: str | None
    album: str | None
    play_count: int
    total_ms: int


class StreamedMonth(NamedTuple):
    """A UTC month as Spotify counts: streams of 30 seconds and more, of music, podcasts and everything else."""

    month: date
    play_count: int
    total_ms: int
    music_play_count: int
    music_ms: int
    podcast_play_count: int
    podcast_ms: int


class WayOfListening(NamedTuple):
    """A value of a dimension, such as a country or whether shuffle was on, and the plays of all time that had it."""

    dimension: str
    value: str
    play_count: int
    total_ms: int


class Day(NamedTuple):
    """A local day with plays."""

    date: date
    play_count: int
    total_ms: int
    unique_tracks: int


def recent_plays(conn: Connection, user_id: int, *, each: int = EACH) -> list[RecentPlay]:
    """The latest plays, the latest first; those that the statistics do not count yet included."""
    with conn.cursor(row_factory=class_row(RecentPlay)) as cursor:
        return cursor.execute(_RECENT, {"user_id": user_id, "each": each}).fetchall()


def top_songs(conn: Connection, user_id: int, *, each: int = EACH) -> list[TopSong]:
    """The most played songs of all time."""
    return _songs(conn, _SONGS, {"user_id": user_id, "each": each})


def top_songs_of_month(conn: Connection, user_id: int, month: date, *, each: int = EACH) -> list[TopSong]:
    """The most played songs of a local month."""
    return _songs(conn, _SONGS_OF_MONTH, {"user_id": user_id, "month": month, "each": each})


def top_songs_of_year(conn: Connection, user_id: int, year: int, *, each: int = EACH) -> list[TopSong]:
    """The most played songs of a local year; at most ``stats.TOP_TRACKS`` are kept."""
    return _songs(conn, _SONGS_OF_YEAR, {"user_id": user_id, "year": year, "each": each})


def recordings_of_song(conn: Connection, user_id: int, song_id: int, *, year: int | None = None) -> list[Recording]:
    """The tracks of a song that were played, ever or, of one of the most played songs of a local year, in that year."""
    with conn.cursor(row_factory=class_row(Recording)) as cursor:
        return cursor.execute(_RECORDINGS, {"user_id": user_id, "song_id": song_id, "year": year}).fetchall()


def top_tracks(conn: Connection, user_id: int, *, each: int = EACH) -> list[Top]:
    """The most played tracks of all time."""
    return _top(conn, _ALL_TIME, {"user_id": user_id, "each": each})


def top_tracks_of_month(conn: Connection, user_id: int, month: date, *, each: int = EACH) -> list[Top]:
    """The most played tracks of a local month."""
    return _top(conn, _OF_MONTH, {"user_id": user_id, "month": month, "each": each})


def top_tracks_of_year(conn: Connection, user_id: int, year: int, *, each: int = EACH) -> list[Top]:
    """The most played tracks of a local year; at most ``stats.TOP_TRACKS`` are kept."""
    return _top(conn, _OF_YEAR, {"user_id": user_id, "year": year, "each": each})


def top_albums(conn: Connection, user_id: int, *, each: int = EACH) -> list[Top]:
    """The most played albums of all time; tracks whose album is unknown are left out."""
    return _top(conn, _ALBUMS, {"user_id": user_id, "each": each})


def top_albums_of_month(conn: Connection, user_id: int, month: date, *, each: int = EACH) -> list[Top]:
    """The most played albums of a local month."""
    return _top(conn, _ALBUMS_OF_MONTH, {"user_id": user_id, "month": month, "each": each})


def ways_of_listening(conn: Connection, user_id: int) -> list[WayOfListening]:
    """How the plays of all time were heard, by dimension, the most frequent value first.

    In each dimension the values sum to all plays.
    """
    with conn.cursor(row_factory=class_row(WayOfListening)) as cursor:
        return cursor.execute(statement("dashboards/ways_of_listening"), {"user_id": user_id}).fetchall()


def as_spotify_counts(conn: Connection, user_id: int, *, year: int | None = None) -> list[StreamedMonth]:
    """The UTC months of a year, or of all years, that have streams of 30 seconds and more, in order."""
    with conn.cursor(row_factory=class_row(StreamedMonth)) as cursor:
        return cursor.execute(_STREAMED, {"user_id": user_id, "year": year}).fetchall()


def top_songs_as_spotify_counts(
    conn: Connection, user_id: int, year: int, *, each: int = EACH, until: date | None = None
) -> list[TopSong]:
    """The songs streamed most in a UTC year, or in it until the end of a day; private sessions are left out.

    This list, and those of tracks and artists, come from events: they see nothing of archived months.
    """
    return _songs(conn, _SONGS_STREAMED, {"user_id": user_id, "year": year, "each": each, "until": until})


def top_tracks_as_spotify_counts(
    conn: Connection, user_id: int, year: int, *, each: int = EACH, until: date | None = None
) -> list[Top]:
    """The same of tracks."""
    return _top(conn, _TRACKS_STREAMED, {"user_id": user_id, "year": year, "each": each, "until": until})


def top_artists_as_spotify_counts(
    conn: Connection, user_id: int, year: int, *, each: int = EACH, until: date | None = None
) -> list[Top]:
    """The same of artists: a stream counts for each artist of its track."""
    return _top(conn, _ARTISTS_STREAMED, {"user_id": user_id, "year": year, "each": each, "until": until})


def days_of_year(conn: Connection, user_id: int, year: int) -> list[Day]:
    """The local days of a year that have plays, in order."""
    asked = {"user_id": user_id, "first": date(year, 1, 1), "end": date(year + 1, 1, 1)}
    with conn.cursor(row_factory=class_row(Day)) as cursor:
        return cursor.execute(statement("dashboards/days_between"), asked).fetchall()


def hours(conn: Connection, user_id: int) -> dict[int, int]:
    """Plays of all time by hour of the local day; hours without plays are left out."""
    return dict(conn.execute(statement("report/hours"), {"user_id": user_id}).fetchall())


def artists_in_genre(conn: Connection, user_id: int, genre: str, *, each: int = EACH) -> list[Top]:
    """The most played artists of all time that are counted to a genre."""
    asked = {"user_id": user_id, "genre": genre, "each": each}
    return _top(conn, statement("dashboards/artists_in_genre"), asked)


def _top(conn: Connection, query: sql.SQL, asked: Mapping[str, Any]) -> list[Top]:
    with conn.cursor(row_factory=class_row(Top)) as cursor:
        return cursor.execute(query, asked).fetchall()


def _songs(conn: Connection, query: sql.SQL, asked: Mapping[str, Any]) -> list[TopSong]:
    with conn.cursor(row_factory=class_row(TopSong)) as cursor:
        return cursor.execute(query, asked).fetchall()
