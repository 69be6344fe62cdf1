"""What a report says, read from the warehouse: plain data, no drawing.

All-time numbers and a year's most played songs come from the stats tables; a year's other numbers from its days and
events, in the listener's time zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from psycopg.rows import class_row

from myi_pipelines.serving.dashboards import (
    Recording,
    Top,
    as_spotify_counts,
    recordings_of_song,
    top_songs,
    top_songs_of_year,
    top_tracks,
    top_tracks_of_year,
)
from myi_pipelines.serving.report.not_music import NotMusic, load_not_music
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import snapshot
from myi_pipelines.warehouse.users import known_user

TOP = 10
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_ALWAYS = {"since": datetime(1900, 1, 1, tzinfo=UTC), "until": datetime(9999, 1, 1, tzinfo=UTC)}


@dataclass(frozen=True)
class Day:
    """A local day with plays."""

    date: date
    play_count: int
    total_ms: int


@dataclass(frozen=True)
class Streak:
    """Days in a row, each with plays."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class FirstPlay:
    played_at: datetime
    """Local time, without a zone."""
    name: str
    artist: str | None


@dataclass(frozen=True)
class Period:
    """A row of the calendar: a year with a cell for each month, or a month with a cell for each day."""

    label: str
    cells: tuple[int, ...]
    play_count: int
    total_ms: int


@dataclass(frozen=True)
class Imports:
    """What a listener's finished imports read."""

    files: int = 0
    rows: int = 0
    duplicate_rows: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedSong:
    """A song of a top list, with its recordings where several were played."""

    name: str
    artist: str | None
    play_count: int
    recordings: tuple[Recording, ...] = ()


@dataclass(frozen=True)
class Streamed:
    """A UTC year as Spotify counts: streams of 30 seconds and more, podcasts included."""

    year: int
    play_count: int
    total_ms: int


@dataclass(frozen=True)
class UserReport:
    """One listener's history, all of it or one local year."""

    name: str
    timezone: str
    play_count: int
    total_ms: int
    tracks: int
    artists: int
    days: tuple[Day, ...]
    hours: tuple[int, ...]
    """Plays in each hour of the local day."""
    top_songs: tuple[ListedSong, ...]
    """Empty where ``top_tracks`` are asked for."""
    top_tracks: tuple[Top, ...]
    """Empty unless they are asked for."""
    top_artists: tuple[Top, ...]
    periods: tuple[Period, ...]
    first_play: FirstPlay | None
    years: tuple[int, int] | None
    """The first and the last year with plays, also in the report of one year."""
    imports: Imports
    invalidated_user_months: int
    not_music: NotMusic = field(default_factory=NotMusic)
    streamed: tuple[Streamed, ...] = ()
    """Every year with streams, or the one."""

    @cached_property
    def weekdays(self) -> tuple[int, ...]:
        """Plays on each day of the week, Monday first."""
        counts = Counter[int]()
        for day in self.days:
            counts[day.date.weekday()] += day.play_count
        return tuple(counts[weekday] for weekday in range(7))

    @cached_property
    def longest_streak(self) -> Streak | None:
        """The most days in a row with plays; the earliest of equals."""
        return max(streaks([day.date for day in self.days]), key=lambda streak: streak.days, default=None)


@dataclass(frozen=True)
class Report:
    """What is known of some listeners, by name: of all time, or of one year."""

    users: tuple[UserReport, ...]
    year: int | None = None


def load_report(
    conn: Connection,
    user: str | None = None,
    year: int | None = None,
    *,
    by_recording: bool = False,
    min_play_ms: int = 5_000,
) -> Report:
    """Read the report of one listener, or of all who have plays, as of one instant.

    It lists songs, or with ``by_recording`` their tracks. Plays shorter than ``min_play_ms`` are given as not counted.
    The connection must not be in a transaction. Raises UnknownUser, which names those who are known.
    """
    rules = _Rules(by_recording, min_play_ms)
    with snapshot(conn):
        if user is not None:
            known = known_user(conn, user)
            return Report((_user_report(conn, known, year, rules),), year)
        everyone = conn.execute("SELECT id, name FROM users ORDER BY name").fetchall()
        found = (_user_report(conn, known, year, rules) for known in everyone)
        return Report(tuple(one for one in found if one.years or one.not_music.years or one.imports.files), year)


class _Rules(NamedTuple):
    by_recording: bool
    min_play_ms: int


def _user_report(conn: Connection, known: tuple[int, str], year: int | None, rules: _Rules) -> UserReport:
    user_id, name = known
    asked: dict[str, Any] = {"user_id": user_id, "each": TOP, "min_play_ms": rules.min_play_ms, **_ALWAYS}
    [settings] = conn.execute(statement("report/user_totals"), asked)
    asked["timezone"], play_count, total_ms, tracks, artists, invalidated_user_months = settings
    with conn.cursor(row_factory=class_row(Day)) as cursor:
        days = cursor.execute(statement("report/days"), {"user_id": user_id}).fetchall()
    years = (days[0].date.year, days[-1].date.year) if days else None
    suffix = "" if year is None else "_between"
    if year is not None:
        days = [day for day in days if day.date.year == year]
        play_count, total_ms = sum(day.play_count for day in days), sum(day.total_ms for day in days)
        asked |= _bounds(conn, year, asked["timezone"])
        [(tracks, artists)] = conn.execute(statement("report/distinct_between"), asked)
    hours: dict[int, int] = dict(conn.execute(statement(f"report/hours{suffix}"), asked).fetchall())
    return UserReport(
        name=name,
        timezone=asked["timezone"],
        play_count=play_count,
        total_ms=total_ms,
        tracks=tracks,
        artists=artists,
        days=tuple(days),
        hours=tuple(hours.get(hour, 0) for hour in range(24)),
        top_songs=() if rules.by_recording else _top_songs(conn, user_id, year),
        top_tracks=_top_tracks(conn, user_id, year) if rules.by_recording else (),
        top_artists=_top(conn, f"report/top_artists{suffix}", asked),
        periods=months_of(days, year) if year is not None else years_of(days),
        first_play=_first_play(conn, asked),
        years=years,
        imports=_imports(conn, asked),
        invalidated_user_months=invalidated_user_months,
        not_music=load_not_music(conn, asked, year),
        streamed=_streamed(conn, user_id, year),
    )


def _bounds(conn: Connection, year: int, timezone: str) -> dict[str, datetime]:
    """The instants at which a local year begins and ends."""
    days = {"first": date(year, 1, 1), "last": date(year + 1, 1, 1), "timezone": timezone}
    [(since, until)] = conn.execute(statement("report/local_days"), days)
    return {"since": since, "until": until}


def _top_songs(conn: Connection, user_id: int, year: int | None) -> tuple[ListedSong, ...]:
    songs = top_songs(conn, user_id, each=TOP) if year is None else top_songs_of_year(conn, user_id, year, each=TOP)
    return tuple(
        ListedSong(
            song.name,
            song.artist,
            song.play_count,
            tuple(recordings_of_song(conn, user_id, song.song_id, year=year)) if song.recordings > 1 else (),
        )
        for song in songs
    )


def _top_tracks(conn: Connection, user_id: int, year: int | None) -> tuple[Top, ...]:
    return tuple(
        top_tracks(conn, user_id, each=TOP) if year is None else top_tracks_of_year(conn, user_id, year, each=TOP)
    )


def _top(conn: Connection, name: str, asked: Mapping[str, Any]) -> tuple[Top, ...]:
    with conn.cursor(row_factory=class_row(Top)) as cursor:
        return tuple(cursor.execute(statement(name), asked))


def _streamed(conn: Connection, user_id: int, year: int | None) -> tuple[Streamed, ...]:
    months = as_spotify_counts(conn, user_id, year=year)
    return tuple(
        Streamed(of_year, sum(one.play_count for one in of_months), sum(one.total_ms for one in of_months))
        for of_year, of_months in ((key, list(group)) for key, group in groupby(months, lambda one: one.month.year))
    )


def _first_play(conn: Connection, asked: Mapping[str, Any]) -> FirstPlay | None:
    with conn.cursor(row_factory=class_row(FirstPlay)) as cursor:
        return cursor.execute(statement("report/first_play"), asked).fetchone()


def _imports(conn: Connection, asked: Mapping[str, Any]) -> Imports:
    with conn.cursor(row_factory=class_row(Imports)) as cursor:
        return cursor.execute(statement("report/imports"), asked).fetchone() or Imports()


def streaks(days: Sequence[date]) -> list[Streak]:
    """Days in order as runs of days in a row.

    >>> [streak.days for streak in streaks([date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 3)])]
    [3, 1]
    """
    found: list[Streak] = []
    for day in days:
        if found and found[-1].last == day - timedelta(days=1):
            found[-1] = Streak(found[-1].first, day)
        else:
            found.append(Streak(day, day))
    return found


def years_of(days: Sequence[Day]) -> tuple[Period, ...]:
    """Every year from the first play to the last, also those without plays, with its twelve months."""
    if not days:
        return ()
    return tuple(
        _period(str(year), 12, ((day.date.month, day) for day in days if day.date.year == year))
        for year in range(days[0].date.year, days[-1].date.year + 1)
    )


def months_of(days: Sequence[Day], year: int) -> tuple[Period, ...]:
    """The twelve months of a year with their days."""
    starts = [date(year, month, 1) for month in range(1, 13)] + [date(year + 1, 1, 1)]
    return tuple(
        _period(label, (after - first).days, ((day.date.day, day) for day in days if first <= day.date < after))
        for label, first, after in zip(MONTHS, starts, starts[1:], strict=False)
    )


def _period(label: str, size: int, numbered: Iterable[tuple[int, Day]]) -> Period:
    cells = [0] * size
    play_count = total_ms = 0
    for number, day in numbered:
        cells[number - 1] += day.play_count
        play_count += day.play_count
        total_ms += day.total_ms
    return Period(label, tuple(cells), play_count, total_ms)
