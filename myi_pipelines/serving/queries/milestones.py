"""What days add up to: streaks, milestones, weeks at number one, this day in other years."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from myi_pipelines.serving.queries.activity import Step, activity
from myi_pipelines.serving.queries.periods import (
    archived_in,
    heard,
    heard_days,
    instants_of,
    is_deriving,
    windows_of,
    within,
)
from myi_pipelines.serving.queries.scope import ONE_DAY, Days, Listener, Scope, week_of
from myi_pipelines.serving.queries.tops import Item, Kind, items, songs_of
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

WEEKS_OF_DAYS = 371
"""Days of which weekly charts are made at most: the latest of a range, and the rest of the first one's week."""
MILESTONES = (1, 100, 1_000, *(5_000 * number for number in range(1, 20)), *(100_000 * n for n in range(1, 101)))


class Streak(NamedTuple):
    """Local days in a row, each with plays."""

    first: date
    last: date
    play_count: int
    total_ms: int

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


class Streaks(NamedTuple):
    """The streaks of a range."""

    longest: list[Streak]
    """The longest first, of equals the earliest."""
    current: Streak | None
    """The one that goes on today, or ended yesterday and still can go on; None if the last play is longer ago."""
    days_with_plays: int
    longest_silence: Days | None
    """The most days in a row without a play, between two plays; None if there are none."""
    archived: tuple[date, ...]
    """UTC months whose plays are in the archive and missing here."""


class Milestone(NamedTuple):
    """A play of a round number."""

    number: int
    day: date
    played_at: datetime | None
    """None if the play is in the archive, or its month is being derived."""
    track: Item | None


class NumberOne(NamedTuple):
    """The most played song of a local week."""

    week: date
    """Its first day."""
    song: Item
    play_count: int
    total_ms: int


class DayThen(NamedTuple):
    """This day in another year."""

    day: date
    play_count: int
    total_ms: int
    tracks: list[tuple[Item, int]]
    """The recordings that were played most, and how often."""


def streaks(conn: Connection, scope: Scope, today: date, *, each: int = 5) -> Streaks:
    """Days in a row with plays of the scope."""
    days = activity(conn, scope._replace(days=heard_days(scope.listener, scope.days)), Step.DAY)
    found: list[Streak] = []
    silences: list[Days] = []
    played = [one for one in days.buckets if one.play_count]
    for day, _, play_count, total_ms in played:
        if found and found[-1].last == day - ONE_DAY:
            last = found[-1]
            found[-1] = Streak(last.first, day, last.play_count + play_count, last.total_ms + total_ms)
        else:
            if found:
                silences.append(Days(found[-1].last + ONE_DAY, day - ONE_DAY))
            found.append(Streak(day, day, play_count, total_ms))
    longest = sorted(found, key=lambda one: -one.days)[:each]
    current = found[-1] if found and found[-1].last >= today - ONE_DAY else None
    silence = max(silences, key=lambda one: one.length, default=None)
    return Streaks(longest, current, len(played), silence, days.archived)


def milestones(conn: Connection, listener: Listener, numbers: Sequence[int] = MILESTONES) -> list[Milestone]:
    """The plays of round numbers, in order, of those that were reached."""
    if listener.first_day is None or listener.last_day is None:
        return []
    asked = {"user_id": listener.id, "first_day": listener.first_day, "last_day": listener.last_day}
    days: dict[date, dict[int, int]] = {}
    wanted, before = sorted(numbers), 0
    for day, play_count, _ in conn.execute(statement("queries/day_counts"), asked):
        while wanted and wanted[0] <= before + play_count:
            number = wanted.pop(0)
            days.setdefault(day, {})[number - before] = number
        before += play_count
    plays = {number: play for day, places in days.items() for number, play in _nth(conn, listener, day, places).items()}
    named = items(conn, listener, Kind.TRACK, list({track_id for _, track_id in plays.values()}))
    return [
        Milestone(number, day, plays[number][0], named[plays[number][1]])
        if number in plays
        else Milestone(number, day, None, None)
        for day, places in days.items()
        for number in places.values()
    ]


def weeks_at_number_one(conn: Connection, scope: Scope) -> tuple[list[NumberOne], tuple[date, ...]]:
    """The most played song of each local week of the scope's latest days, and the archived months that are missing.

    A week is counted as far as it lies in the scope. Ask year by year for more.
    """
    listener, days = scope.listener, heard_days(scope.listener, scope.days)
    first_week = week_of(days.last - timedelta(days=WEEKS_OF_DAYS - 1), listener.week_starts_on)
    days = Days(max(days.first, first_week.first), days.last)
    parameters, archived = heard(conn, scope._replace(days=days))
    asked = parameters | {"week_starts_on": listener.week_starts_on}
    rows = conn.execute(statement("queries/number_ones"), asked).fetchall()
    songs = songs_of(conn, [row[1] for row in rows])
    named = items(conn, listener, Kind.SONG, list(set(songs.values())))
    return [NumberOne(week, named[songs[track_id]], *row) for week, track_id, *row in rows], archived


def on_this_day(
    conn: Connection, listener: Listener, today: date, *, each: int = 5
) -> tuple[list[DayThen], tuple[date, ...]]:
    """What was played on this day of each earlier year, the latest first, and the archived months that are missing.

    29 February is a day of leap years only. Years without a play on the day are left out.
    """
    if listener.first_day is None:
        return [], ()
    days = [day for year in range(today.year - 1, listener.first_day.year - 1, -1) if (day := _in_year(today, year))]
    asked = {"user_id": listener.id, "days": days, "zone": listener.timezone.key, "each": each}
    rows = conn.execute(statement("queries/counts_of_days"), asked).fetchall()
    counted = {day: (play_count, total_ms) for day, play_count, total_ms in rows}
    newer = {day for day in days if is_deriving(conn, listener, Days(day, day))}
    spans = [Days(day, day) for day in days if day in counted or day in newer]
    if not spans:
        return [], ()
    query = statement("queries/on_this_day").format(within=within(windows_of(conn, listener, spans)))
    rows = conn.execute(query, asked).fetchall()
    named = items(conn, listener, Kind.TRACK, list({track_id for _, track_id, *_ in rows}))
    tracks: dict[date, list[tuple[Item, int]]] = {}
    counted = {day: counts for day, counts in counted.items() if day not in newer}
    for day, track_id, play_count, day_plays, day_ms in rows:
        tracks.setdefault(day, []).append((named[track_id], play_count))
        if day in newer:
            counted[day] = day_plays, day_ms
    found = [DayThen(day, *counted[day], tracks.get(day, [])) for day in days if day in counted]
    return found, archived_in(conn, listener, spans)


def _in_year(day: date, year: int) -> date | None:
    """The day of the same name of another year; None for 29 February of most."""
    try:
        return day.replace(year=year)
    except ValueError:
        return None


def _nth(conn: Connection, listener: Listener, day: date, places: dict[int, int]) -> dict[int, tuple[datetime, int]]:
    """By number of all plays: the plays at some places of a day. None if the day is in the archive, in part even, or if
    its month is being derived, so that there may be others than the number counts."""
    days = Days(day, day)
    if archived_in(conn, listener, [days]) or is_deriving(conn, listener, days):
        return {}
    at = instants_of(conn, listener, days)
    asked = {
        "user_id": listener.id,
        "zone": listener.timezone.key,
        "day": day,
        "places": list(places),
        "played_from": at.first,
        "played_to": at.end,
    }
    rows = conn.execute(statement("queries/nth_plays"), asked)
    return {places[place]: (played_at, track_id) for place, played_at, track_id in rows}
