"""The answers of serving/queries once more, slow and obvious: plain Python over every event of a listener.

That the events are right is for other tests. It shares nothing with the SQL that it checks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from math import log
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from myi_pipelines.warehouse.database.connections import Connection

Counts: TypeAlias = tuple[int, int]
"""Plays and milliseconds."""
SKIP_BELOW_MS = 30_000


class Heard(NamedTuple):
    """One event, with all that the catalog says of it."""

    played_at: datetime
    track: int
    ms: int
    song: int
    album: int | None
    artists: tuple[int, ...]
    genres: frozenset[str]
    released: int | None
    platform: str
    country: str
    local: datetime

    @property
    def day(self) -> date:
        return self.local.date()

    @property
    def is_skip(self) -> bool:
        return self.ms < SKIP_BELOW_MS


def events_of(conn: Connection, user_id: int, zone: ZoneInfo) -> list[Heard]:
    """Every event of a user, in order."""
    rows = conn.execute(
        "SELECT e.played_at, e.track_id, e.ms_played, t.song_id, t.album_id,"
        " ARRAY(SELECT artist_id FROM track_artists WHERE track_id = t.id),"
        " ARRAY(SELECT unnest(genres) FROM artists JOIN track_artists ON artist_id = artists.id WHERE track_id = t.id),"
        " left(albums.release_date, 4)::integer, coalesce(p.platform_family, 'unknown'), coalesce(p.country, 'unknown')"
        " FROM listening_events AS e JOIN tracks AS t ON t.id = e.track_id LEFT JOIN albums ON albums.id = t.album_id"
        " LEFT JOIN play_contexts AS p ON p.id = e.context_id WHERE e.user_id = %s ORDER BY e.played_at, e.track_id",
        [user_id],
    )
    return [
        Heard._make((at, track, ms, song, album, tuple(artists), frozenset(genres), *others, at.astimezone(zone)))
        for at, track, ms, song, album, artists, genres, *others in rows
    ]


def between(events: Iterable[Heard], first: date, last: date) -> list[Heard]:
    return [one for one in events if first <= one.day <= last]


def summed(events: Iterable[Heard]) -> Counts:
    chosen = list(events)
    return len(chosen), sum(one.ms for one in chosen)


def grouped(events: Iterable[Heard], keys: Callable[[Heard], Iterable[Any]]) -> dict[Any, Counts]:
    groups: dict[Any, list[Heard]] = defaultdict(list)
    for one in events:
        for key in keys(one):
            groups[key].append(one)
    return {key: summed(group) for key, group in groups.items()}


KINDS: dict[str, Callable[[Heard], Iterable[Any]]] = {
    "song": lambda one: [one.song],
    "track": lambda one: [one.track],
    "artist": lambda one: one.artists,
    "album": lambda one: [] if one.album is None else [one.album],
    "genre": lambda one: one.genres,
}


def ranked(events: Iterable[Heard], kind: str, *, by_time: bool) -> list[tuple[Any, int, int]]:
    """Items of a kind with their plays and milliseconds, the most played first. Of equals, the least track or id."""
    chosen = list(events)
    ties: dict[Any, Any] = {}
    for one in chosen:
        for key in KINDS[kind](one):
            tie = one.track if kind == "song" else key
            ties[key] = min(ties.get(key, tie), tie)
    counted = [(key, *counts) for key, counts in grouped(chosen, KINDS[kind]).items()]
    order = (2, 1) if by_time else (1, 2)
    return sorted(counted, key=lambda row: (-row[order[0]], -row[order[1]], ties[row[0]]))


def week_of(day: date, starts_on: int) -> date:
    while day.weekday() != starts_on:
        day -= timedelta(days=1)
    return day


def sessions(events: Iterable[Heard], gap: timedelta) -> list[list[Heard]]:
    """Runs of plays with less than a gap between the end of one and the beginning of the next."""
    runs: list[list[Heard]] = []
    for one in events:
        if runs and one.played_at - timedelta(milliseconds=one.ms) - runs[-1][-1].played_at < gap:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def streaks(events: Iterable[Heard]) -> list[int]:
    """The lengths of runs of local days with plays, in order."""
    lengths: list[int] = []
    days = sorted({one.day for one in events})
    for index, day in enumerate(days):
        if index and days[index - 1] == day - timedelta(days=1):
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def first_plays(events: Iterable[Heard], kind: str) -> dict[Any, tuple[Heard, Heard]]:
    """Of each item its first and its last event."""
    found: dict[Any, tuple[Heard, Heard]] = {}
    for one in events:
        for key in KINDS[kind](one):
            found[key] = (found.get(key, (one, one))[0], one)
    return found


def entropy(events: Iterable[Heard]) -> float:
    """Shannon's entropy of the artists, in nats."""
    counts = Counter(artist for one in events for artist in one.artists)
    total = sum(counts.values())
    return -sum(number / total * log(number / total) for number in counts.values())
