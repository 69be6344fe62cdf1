"""How much was played, and when: totals of a range, days, weeks, months and years, the clock, ways of listening."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from myi_pipelines.serving.queries.periods import (
    clipped,
    counted,
    heard,
    instants_of,
    month_span,
    signed,
)
from myi_pipelines.serving.queries.scope import NO_FILTERS, ONE_DAY, Days, Listener, Scope
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement


class Step(StrEnum):
    """The length of a bucket of time."""

    DAY = "day"
    WEEK = "week"
    """Begins on the listener's day."""
    MONTH = "month"
    YEAR = "year"


class Totals(NamedTuple):
    """How much music was played."""

    play_count: int
    total_ms: int
    days_with_plays: int | None
    """None where filters leave plays out."""
    archived: tuple[date, ...] = ()
    """UTC months whose plays are in the archive and missing here; empty: the numbers are exact."""


class Compared(NamedTuple):
    """The totals of a range beside those of others; None where there is nothing to compare with."""

    totals: Totals
    before: Totals | None
    year_before: Totals | None


class Distinct(NamedTuple):
    """How many different ones were played."""

    songs: int
    tracks: int
    artists: int
    albums: int
    archived: tuple[date, ...]


class NotMusic(NamedTuple):
    """How much of something that is not music was played."""

    kind: str
    """EPISODE, CHAPTER, VIDEO or UNIDENTIFIED."""
    play_count: int
    total_ms: int


class Bucket(NamedTuple):
    """A day, week, month or year, as far as it lies in the range."""

    first: date
    last: date
    play_count: int
    total_ms: int


class Activity(NamedTuple):
    """Buckets in order, those without plays too."""

    buckets: list[Bucket]
    archived: tuple[date, ...]


class ClockCell(NamedTuple):
    """An hour of the local week."""

    weekday: int
    """0 is Monday."""
    hour: int
    """0 to 23."""
    play_count: int
    total_ms: int


class Clock(NamedTuple):
    """The hours of the local week in which plays ended, those without plays left out."""

    cells: list[ClockCell]
    archived: tuple[date, ...]

    @property
    def hours(self) -> list[tuple[int, int]]:
        """Plays and milliseconds of each of the 24 hours of the day."""
        return [_sum(cell for cell in self.cells if cell.hour == hour) for hour in range(24)]

    @property
    def weekdays(self) -> list[tuple[int, int]]:
        """Plays and milliseconds of each day of the week, Monday first."""
        return [_sum(cell for cell in self.cells if cell.weekday == weekday) for weekday in range(7)]


class Way(NamedTuple):
    """A way of listening, and the plays that were heard in it. The values of a dimension sum to all plays."""

    dimension: str
    """PLATFORM, COUNTRY, REASON_START, REASON_END, SHUFFLE, OFFLINE, INCOGNITO, SKIP or SHARE_HEARD."""
    value: str
    """A family of platforms, a country (ISO 3166-1 alpha-2), a reason, true, false, a share; unknown where nothing
    tells it."""
    play_count: int
    total_ms: int


def totals(conn: Connection, scope: Scope) -> Totals:
    """How much was played in the scope."""
    if scope.filters == NO_FILTERS:
        asked = {"user_id": scope.listener.id, "first_day": scope.days.first, "last_day": scope.days.last}
        return Totals(*fetch_row(conn, statement("queries/days_total"), asked))
    found = counted(conn, scope)
    query = statement("queries/filtered_total").format(counted=found.query)
    play_count, total_ms = fetch_row(conn, query, found.parameters)
    return Totals(play_count, total_ms, None, found.archived)


def compared(conn: Connection, scope: Scope, before: Days | None, year_before: Days | None) -> Compared:
    """How much was played in the scope, in the period before it and in the same period of the year before."""

    def of(days: Days | None) -> Totals | None:
        return totals(conn, scope._replace(days=days)) if days and clipped(scope.listener, days).length else None

    return Compared(totals(conn, scope), of(before), of(year_before))


def distinct(conn: Connection, scope: Scope) -> Distinct:
    """How many different songs, recordings, artists and albums were played in the scope."""
    found = counted(conn, scope)
    if found.is_ever:
        return Distinct._make((*fetch_row(conn, statement("queries/distinct_ever"), found.parameters), ()))
    query = statement("queries/distinct_played").format(counted=found.query)
    return Distinct._make((*fetch_row(conn, query, found.parameters), found.archived))


def not_music(conn: Connection, scope: Scope) -> list[NotMusic]:
    """What else was played in the scope: podcasts, audiobooks, videos. Filters do not reach them."""
    at = instants_of(conn, scope.listener, scope.days)
    asked = {
        "user_id": scope.listener.id,
        "zone": scope.listener.timezone.key,
        "played_from": at.first,
        "played_to": at.end,
        "first_day": scope.days.first,
        "last_day": scope.days.last,
    }
    return [NotMusic(*row) for row in conn.execute(statement("queries/not_music_total"), asked)]


def activity(conn: Connection, scope: Scope, step: Step) -> Activity:
    """How much was played in each day, week, month or year of the scope."""
    listener, days = scope.listener, scope.days
    archived: tuple[date, ...] = ()
    asked: dict[str, Any] = {"step": step.value, "week_starts_on": listener.week_starts_on}
    if scope.filters == NO_FILTERS:
        asked |= {"user_id": listener.id, "first_day": days.first, "last_day": days.last}
        rows = conn.execute(statement("queries/activity_days"), asked).fetchall()
    else:
        parameters, archived = heard(conn, scope)
        rows = conn.execute(statement("queries/activity_heard"), asked | parameters).fetchall()
    return Activity(filled(rows, days, step, listener), archived)


def life(conn: Connection, listener: Listener, tracks: Sequence[int]) -> list[Bucket]:
    """How often some tracks were played in each local month since the first of them was, empty months included."""
    if not tracks or listener.first_day is None or listener.last_day is None:
        return []
    asked = {"user_id": listener.id, "tracks": list(tracks), **month_span(listener)}
    rows = conn.execute(statement("queries/activity_months"), asked).fetchall()
    return filled(rows, Days(rows[0][0], listener.last_day), Step.MONTH, listener) if rows else []


def lives(
    conn: Connection, listener: Listener, ids: Sequence[int], step: Step, *, are_songs: bool
) -> dict[int, list[Bucket]]:
    """How often each of some songs, or of some recordings, was played in each local month or year of all that the
    listener has: all of one length, so that they compare."""
    if not ids or listener.first_day is None or listener.last_day is None:
        return {}
    asked = {"user_id": listener.id, "ids": list(ids), "kind": "song" if are_songs else "track", "step": step.value}
    found: dict[int, list[Any]] = {}
    for item_id, *row in conn.execute(statement("queries/lives"), asked | month_span(listener)):
        found.setdefault(item_id, []).append(row)
    days = Days(listener.first_day, listener.last_day)
    return {item_id: filled(rows, days, step, listener) for item_id, rows in found.items()}


def clock(conn: Connection, scope: Scope) -> Clock:
    """In which hours of the local week the plays of the scope ended."""
    listener = scope.listener
    is_ever = clipped(listener, scope.days) == (listener.first_day, listener.last_day)
    if scope.filters == NO_FILTERS and is_ever:
        return Clock(
            [ClockCell(*row) for row in conn.execute(statement("queries/clock_ever"), {"user_id": listener.id})], ()
        )
    near = signed(conn, listener, scope.days) if scope.filters == NO_FILTERS else None
    parameters, archived = near or heard(conn, scope)
    rows = conn.execute(statement("queries/clock" if near else "queries/clock_heard"), parameters)
    return Clock([ClockCell(*row) for row in rows], archived)


def ways(conn: Connection, scope: Scope) -> tuple[list[Way], tuple[date, ...]]:
    """How the plays of the scope were heard, and the archived months that are missing; without filters, at its ends.

    How much of a track was heard is said where filters are, or all plays are asked for: see ``music.share_heard``.
    """
    listener = scope.listener
    is_ever = clipped(listener, scope.days) == (listener.first_day, listener.last_day)
    if scope.filters == NO_FILTERS and is_ever:
        return [Way(*row) for row in conn.execute(statement("queries/ways_ever"), {"user_id": listener.id})], ()
    near = signed(conn, listener, scope.days) if scope.filters == NO_FILTERS else None
    parameters, archived = near or heard(conn, scope)
    rows = conn.execute(statement("queries/ways" if near else "queries/ways_heard"), parameters)
    return [Way(*row) for row in rows], archived


def _sum(cells: Iterable[ClockCell]) -> tuple[int, int]:
    chosen = list(cells)
    return sum(cell.play_count for cell in chosen), sum(cell.total_ms for cell in chosen)


def filled(rows: Sequence[Any], days: Days, step: Step, listener: Listener) -> list[Bucket]:
    """Every bucket of some days, with what rows of a first day, plays and milliseconds say."""
    found = {first: (play_count, total_ms) for first, play_count, total_ms in rows}
    return [
        Bucket(max(first, days.first), min(last, days.last), *found.get(first, (0, 0)))
        for first, last in _steps(days, step, listener)
    ]


def _steps(days: Days, step: Step, listener: Listener) -> Iterator[tuple[date, date]]:
    first = _first_of(days.first, step, listener)
    while first <= days.last:
        following = _first_of(first + _LONGEST[step], step, listener)
        yield first, following - ONE_DAY
        first = following


_LONGEST = {
    Step.DAY: timedelta(days=1),
    Step.WEEK: timedelta(days=7),
    Step.MONTH: timedelta(days=31),
    Step.YEAR: timedelta(days=366),
}


def _first_of(day: date, step: Step, listener: Listener) -> date:
    match step:
        case Step.WEEK:
            return day - timedelta(days=(day.weekday() - listener.week_starts_on) % 7)
        case Step.MONTH:
            return day.replace(day=1)
        case Step.YEAR:
            return day.replace(month=1, day=1)
    return day
