"""What was met and what became of it: discoveries, forgotten favourites, obsessions, one-hit wonders.

Filters by artist, album and genre say of what: songs with such a recording, artists and albums with such a song. Those
by platform and skips do not apply: statistics know the first play of a song, and not on what it was heard.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from myi_pipelines.serving.queries.periods import clipped, ever, filtered_tracks, instants_of, month_of
from myi_pipelines.serving.queries.scope import NO_FILTERS, Days, Filters, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import Item, Kind, items, songs_of
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month

STAYS = timedelta(days=30)
"""A discovery stayed if it was played again so long after its first play, or later."""
FORGOTTEN_FOR = timedelta(days=365)
ONCE_PLAYED = 10
"""Plays of a favourite, at least."""
OBSESSION = 20
"""Plays in one month of an obsession, at least."""


class MonthOfDiscoveries(NamedTuple):
    """What was played in a local month for the first time ever, and how much of it stayed."""

    month: date
    songs: int
    songs_that_stayed: int
    artists: int
    artists_that_stayed: int
    albums: int


class Obsession(NamedTuple):
    """A recording that was played very often in one local month."""

    track: Item
    month: date
    play_count: int
    total_ms: int


class OneHitWonder(NamedTuple):
    """An artist of whom only one song was ever played."""

    artist: Item
    song: Item


def discoveries(conn: Connection, scope: Scope) -> list[MonthOfDiscoveries]:
    """What was played for the first time ever in each local month of the scope."""
    rows = conn.execute(statement("queries/discoveries"), {**_days(conn, scope), "stays": STAYS})
    return [MonthOfDiscoveries(*row) for row in rows]


def discovered(conn: Connection, scope: Scope, kind: Kind, *, each: int = 10) -> list[Item]:
    """Songs, artists or albums that were first played in the scope, those that were played most since first."""
    asked = {**_days(conn, scope), "by_time": scope.measure is Measure.TIME, "each": each}
    ids = [row[0] for row in conn.execute(statement(f"queries/found_{kind.value}s"), asked)]
    return _named(conn, scope.listener, kind, ids)


def forgotten(
    conn: Connection,
    listener: Listener,
    today: date,
    *,
    filters: Filters = NO_FILTERS,
    at_least: int = ONCE_PLAYED,
    each: int = 10,
) -> list[Item]:
    """Songs that were once played often, but not in the last 365 days, the most played first."""
    tracks = filtered_tracks(conn, ever(listener)._replace(filters=filters))
    since = instants_of(conn, listener, Days(today - FORGOTTEN_FOR, today))
    asked = {"user_id": listener.id, "before": since.first, "tracks": tracks, "at_least": at_least, "each": each}
    ids = [row[0] for row in conn.execute(statement("queries/forgotten"), asked)]
    return _named(conn, listener, Kind.SONG, ids)


def one_hit_wonders(
    conn: Connection,
    listener: Listener,
    *,
    filters: Filters = NO_FILTERS,
    at_least: int = ONCE_PLAYED,
    each: int = 10,
) -> list[OneHitWonder]:
    """Artists of whom only one song was ever played, but often: the most played first."""
    tracks = filtered_tracks(conn, ever(listener)._replace(filters=filters))
    asked = {"user_id": listener.id, "tracks": tracks, "at_least": at_least, "each": each}
    rows = conn.execute(statement("queries/one_hit_wonders"), asked).fetchall()
    artists = items(conn, listener, Kind.ARTIST, [row[0] for row in rows])
    songs = items(conn, listener, Kind.SONG, [row[1] for row in rows])
    return [OneHitWonder(artists[artist_id], songs[song_id]) for artist_id, song_id, _ in rows]


def obsessions(conn: Connection, scope: Scope, *, at_least: int = OBSESSION, each: int = 10) -> list[Obsession]:
    """Recordings that were played very often in one of the local months in which the scope lies, most first."""
    days = clipped(scope.listener, scope.days)
    asked = {
        "user_id": scope.listener.id,
        "first_month": month_of(days.first),
        "end_month": next_month(month_of(days.last)) if days.length else month_of(days.first),
        "tracks": filtered_tracks(conn, scope),
        "at_least": at_least,
        "each": each,
    }
    rows = conn.execute(statement("queries/obsessions"), asked).fetchall()
    named = items(conn, scope.listener, Kind.TRACK, [row[0] for row in rows])
    return [Obsession(named[track_id], *row) for track_id, *row in rows]


def _days(conn: Connection, scope: Scope) -> dict[str, Any]:
    at = instants_of(conn, scope.listener, scope.days)
    return {
        "user_id": scope.listener.id,
        "zone": scope.listener.timezone.key,
        "first_day": scope.days.first,
        "last_day": scope.days.last,
        "tracks": filtered_tracks(conn, scope),
        "played_from": at.first,
        "played_to": at.end,
        "is_exact": at.are_exact,
    }


def _named(conn: Connection, listener: Listener, kind: Kind, ids: list[int]) -> list[Item]:
    """The items of numbers, in their order. A song is given by one of its tracks."""
    if kind is Kind.SONG:
        songs = songs_of(conn, ids)
        ids = [songs[track_id] for track_id in ids]
    named = items(conn, listener, kind, ids)
    return [named[one] for one in ids]
