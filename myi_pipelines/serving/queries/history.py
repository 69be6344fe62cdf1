"""Single plays: the history, page by page, grouped by day and session; sessions; what is not music."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql
from psycopg.abc import Buffer

from myi_pipelines.serving.queries.activity import Bucket, Clock, ClockCell, Totals, clock, totals
from myi_pipelines.serving.queries.listeners import listener_settings
from myi_pipelines.serving.queries.periods import (
    Instants,
    counted,
    heard,
    heard_days,
    instants_of,
    month_span,
    windows_of,
    within,
)
from myi_pipelines.serving.queries.scope import Days, Listener, Scope
from myi_pipelines.serving.queries.tops import EACH, Item, Kind, items
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month, starts_at

WINDOWS = (timedelta(days=31), timedelta(days=92), timedelta(days=366), timedelta(days=1_830))
"""How far back a page is looked for at first, then next: a partition that is not opened costs nothing."""
SESSIONS_OF_DAYS = 366
"""Days of which sessions are read at most: the latest of a range."""


class Before(NamedTuple):
    """Before which play a page of the history begins."""

    played_at: datetime
    track_id: int


class LocalTime(NamedTuple):
    """In which hours of the local day plays ended, and on which weekday. None: any."""

    hours: tuple[int, ...] | None = None
    """0 to 23."""
    weekday: int | None = None
    """0 is Monday."""


ANY_TIME = LocalTime()


class Play(NamedTuple):
    """One play."""

    id: int
    played_at: datetime
    """Its end."""
    track: Item
    """The recording."""
    ms_played: int
    is_skip: bool
    """Heard for less than 30 seconds."""
    is_estimated: bool
    """How long it was heard is not known: ``ms_played`` is the length of the track, or less."""
    source: str
    """IMPORT where an export has the play, else API where a poll showed it, else SUBMISSION."""
    platform: str | None
    """Device or application as the export names it; None if no export tells it, as all below."""
    platform_family: str
    """``ios``, ``web``, …; ``unknown`` if nothing tells it."""
    country: str | None
    reason_start: str | None
    reason_end: str | None
    shuffle: bool | None
    offline: bool | None
    incognito: bool | None

    @property
    def started_at(self) -> datetime:
        """At the latest: a play that was paused began earlier."""
        return self.played_at - timedelta(milliseconds=self.ms_played)


class History(NamedTuple):
    """A page of plays, the latest first."""

    plays: list[Play]
    next: Before | None
    """Where the next page begins; None after the last."""
    archived: tuple[date, ...]
    """UTC months of the whole range whose plays are in the archive and missing."""


COPIED = ("id", "played_at", "track_id", *Play._fields[3:])
"""The columns of plays that are copied."""


class Copied(NamedTuple):
    """How many plays were copied, and what is missing among them."""

    rows: int
    archived: tuple[date, ...]
    """UTC months of the whole range whose plays are in the archive and missing."""


class SessionOfPlays(NamedTuple):
    """Plays of a page with less than a gap between them, the latest first."""

    plays: list[Play]
    gap_before: timedelta | None
    """Silence between the play before and this session; None if the play before is not on the page."""


class DayOfPlays(NamedTuple):
    """The plays of a page that ended on one local day, the latest session first."""

    day: date
    sessions: list[SessionOfPlays]


class OtherPlay(NamedTuple):
    """A play of something that is not music."""

    id: int
    played_at: datetime
    kind: str
    """EPISODE, CHAPTER, VIDEO or UNIDENTIFIED."""
    ms_played: int
    name: str | None
    show: str | None
    author: str | None
    spotify_id: str | None
    show_key: UUID | None
    platform_family: str
    country: str | None


class Session(NamedTuple):
    """Plays without a long gap."""

    started_at: datetime
    ended_at: datetime
    play_count: int
    total_ms: int
    first_track_id: int


class FirstSong(NamedTuple):
    """A recording with which days began."""

    track: Item
    days: int


class Sessions(NamedTuple):
    """The sessions of some days."""

    days: Days
    """Of which days they are: the latest ones of a long range."""
    gap: timedelta
    """The silence between two."""
    number: int
    longest: list[Session]
    """By the time from beginning to end."""
    usual_ms: int
    """Median of the time from beginning to end."""
    usual_plays: float
    """Median of their plays."""
    first_of_day: list[FirstSong]
    """With which most days began, the most frequent first."""
    archived: tuple[date, ...]


def history(
    conn: Connection, scope: Scope, *, at: LocalTime = ANY_TIME, before: Before | None = None, each: int = EACH
) -> History:
    """The plays of the scope, the latest first."""
    parameters, archived = heard(conn, scope)
    return _history(conn, scope.listener, parameters | _at(at), archived, before=before, each=each)


def history_of(
    conn: Connection,
    scope: Scope,
    tracks: Sequence[int],
    *,
    at: LocalTime = ANY_TIME,
    before: Before | None = None,
    each: int = EACH,
    months: Sequence[Bucket] | None = None,
) -> History:
    """The plays of some tracks in the scope, the latest first. ``months``: what ``life`` says of the tracks."""
    parameters, archived = heard(conn, scope)
    parameters |= {"tracks": _among(tracks, parameters)} | _at(at)
    return _history(conn, scope.listener, parameters, archived, before=before, each=each, months=months)


def total_of_history(
    conn: Connection, scope: Scope, *, tracks: Sequence[int] | None = None, at: LocalTime = ANY_TIME
) -> Totals:
    """How much ``history``, or ``history_of`` some tracks, lists on all its pages: from statistics that say it."""
    if at != ANY_TIME:
        week = clock(conn, scope) if tracks is None else _clock_of(conn, scope, tracks)
        cells = [cell for cell in week.cells if _is_at(cell, at)]
        plays, ms = sum(cell.play_count for cell in cells), sum(cell.total_ms for cell in cells)
        return Totals(plays, ms, None, week.archived)
    if tracks is None:
        return totals(conn, scope)
    found = counted(conn, scope)
    parameters = found.parameters | {"tracks": _among(tracks, found.parameters)}
    plays, ms = fetch_row(conn, statement("queries/filtered_total").format(counted=found.query), parameters)
    return Totals(plays, ms, None, found.archived)


def _clock_of(conn: Connection, scope: Scope, tracks: Sequence[int]) -> Clock:
    parameters, archived = heard(conn, scope)
    parameters["tracks"] = _among(tracks, parameters)
    return Clock([ClockCell(*row) for row in conn.execute(statement("queries/clock_heard"), parameters)], archived)


def _among(tracks: Sequence[int], parameters: dict[str, Any]) -> list[int]:
    """Those of some tracks that filters leave."""
    known = parameters["tracks"]
    return [one for one in tracks if known is None or one in known]


def _is_at(cell: ClockCell, at: LocalTime) -> bool:
    return (at.hours is None or cell.hour in at.hours) and at.weekday in (None, cell.weekday)


def copy_history(
    conn: Connection,
    scope: Scope,
    write: Callable[[Buffer], object],
    *,
    before: Before | None = None,
    each: int | None = None,
) -> Copied:
    """Write the plays of the scope, the latest first, as CSV with the columns ``COPIED`` and without a header.

    For programs that take many: it makes no object of a play. ``each``: at most so many; None: all, by one statement.
    """
    parameters, archived = heard(conn, scope)
    parameters |= _at(ANY_TIME) | _from(before, each)
    end = _end_of(parameters, before)
    windows = [[Instants(parameters["played_from"], end)]]
    rows = 0
    for some in windows if each is None else _windows(conn, scope.listener, parameters, end, None):
        query = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(
            statement("queries/history").format(within=within(some, joining=True))
        )
        with conn.cursor() as cursor:
            with cursor.copy(query, parameters) as copy:
                for block in copy:
                    write(block)
            rows += cursor.rowcount
        if each is not None:
            parameters["each"] = each - rows
            if rows == each:
                break
    return Copied(rows, archived)


def _from(before: Before | None, each: int | None) -> dict[str, Any]:
    at, track_id = before or (None, None)
    return {"before_at": at, "before_track": track_id, "each": each}


def _end_of(parameters: dict[str, Any], before: Before | None) -> datetime:
    """Before which instant the plays of a page lie."""
    end: datetime = parameters["played_to"]
    return end if before is None else min(end, before.played_at + timedelta(microseconds=1))


def _at(at: LocalTime) -> dict[str, Any]:
    return {"hours": None if at.hours is None else list(at.hours), "weekday": at.weekday}


def _history(
    conn: Connection,
    listener: Listener,
    parameters: dict[str, Any],
    archived: tuple[date, ...],
    *,
    before: Before | None,
    each: int,
    months: Sequence[Bucket] | None = None,
) -> History:
    parameters |= _from(before, each + 1)
    rows: list[Any] = []
    for windows in _windows(conn, listener, parameters, _end_of(parameters, before), months):
        query = statement("queries/history").format(within=within(windows, joining=True))
        rows += conn.execute(query, parameters).fetchall()
        if len(rows) > each:
            break
    plays = _plays(conn, listener, rows[:each])
    following = Before(plays[-1].played_at, plays[-1].track.id) if len(rows) > each else None
    return History(plays, following, archived)


def by_day(listener: Listener, plays: Sequence[Play], *, gap: timedelta) -> list[DayOfPlays]:
    """Plays, the latest first, by local day and session. A session that goes on past midnight is one of each day."""
    days: list[DayOfPlays] = []
    later: Play | None = None
    for play in plays:
        day = play.played_at.astimezone(listener.timezone).date()
        silence = later.started_at - play.played_at if later else timedelta(0)
        if not days or days[-1].day != day:
            days.append(DayOfPlays(day, []))
        sessions = days[-1].sessions
        if not sessions or silence >= gap:
            _end(days, silence if later else None)
            sessions.append(SessionOfPlays([], None))
        sessions[-1].plays.append(play)
        later = play
    return days


def other_plays(
    conn: Connection,
    scope: Scope,
    *,
    before: tuple[datetime, int] | None = None,
    show_key: UUID | None = None,
    each: int = EACH,
) -> list[OtherPlay]:
    """Plays that are not music, of one show or of all, the latest first, before a time and number."""
    at = instants_of(conn, scope.listener, scope.days)
    asked = {
        "user_id": scope.listener.id,
        "zone": scope.listener.timezone.key,
        "first_day": scope.days.first,
        "last_day": scope.days.last,
        "played_from": at.first,
        "played_to": at.end,
        "before_at": before[0] if before else None,
        "before_id": before[1] if before else None,
        "show_key": show_key,
        "each": each,
    }
    return [OtherPlay(*row) for row in conn.execute(statement("queries/episode_history"), asked)]


def sessions(
    conn: Connection,
    scope: Scope,
    *,
    gap: timedelta | None = None,
    each: int | None = 5,
    latest: int | None = SESSIONS_OF_DAYS,
) -> Sessions:
    """The sessions of the plays of the scope: of its latest days, and of them the longest; None: all.

    ``gap``: the silence between two, where it is not the one that the listener set.
    """
    gap = listener_settings(conn, scope.listener).session_gap if gap is None else gap
    days = heard_days(scope.listener, scope.days)
    if latest is not None:
        days = Days(max(days.first, days.last - timedelta(days=latest - 1)), days.last)
    parameters, archived = heard(conn, scope._replace(days=days))
    rows = conn.execute(statement("queries/sessions"), parameters | {"gap": gap})
    found = [Session(*row) for row in rows]
    if not found:
        return Sessions(days, gap, 0, [], 0, 0.0, [], archived)
    longest = sorted(found, key=lambda one: one.started_at - one.ended_at)[:each]
    firsts: dict[date, int] = {}
    for one in found:
        firsts.setdefault(one.started_at.astimezone(scope.listener.timezone).date(), one.first_track_id)
    counts: dict[int, int] = {}
    for track_id in firsts.values():
        counts[track_id] = counts.get(track_id, 0) + 1
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:each]
    named = items(conn, scope.listener, Kind.TRACK, [track_id for track_id, _ in most])
    return Sessions(
        days,
        gap,
        len(found),
        longest,
        int(median((one.ended_at - one.started_at) / timedelta(milliseconds=1) for one in found)),
        median(one.play_count for one in found),
        [FirstSong(named[track_id], number) for track_id, number in most],
        archived,
    )


def _plays(conn: Connection, listener: Listener, rows: Sequence[Any]) -> list[Play]:
    tracks = items(conn, listener, Kind.TRACK, list({row[2] for row in rows}))
    return [Play._make((*row[:2], tracks[row[2]], *row[3:])) for row in rows]


def _windows(
    conn: Connection,
    listener: Listener,
    parameters: dict[str, Any],
    end: datetime,
    months: Sequence[Bucket] | None,
) -> Iterator[list[Instants]]:
    """Instants between which plays may lie, from the end to the beginning of a range, as many as are read at once."""
    begin = parameters["played_from"]
    if parameters["tracks"] is not None:
        # In months that are being derived, the tracks may have been played more often, or less.
        if months is None or listener.deriving:
            rows = conn.execute(statement("queries/months_of_tracks"), parameters | month_span(listener))
            plays = dict(rows.fetchall()) | dict.fromkeys(listener.deriving, 0)
            played = [
                (Instants(starts_at(month), starts_at(next_month(month))), plays[month])
                for month in sorted(plays, reverse=True)
            ]
        else:
            latest = [one for one in reversed(months) if one.play_count]
            windows = windows_of(conn, listener, [Days(one.first, one.last) for one in latest])
            played = [(window, one.play_count) for window, one in zip(windows, latest, strict=True)]
        yield from _windows_of_tracks(played, begin, end, parameters["each"])
        return
    for length in (*WINDOWS, end - begin):
        first = max(begin, end - length)
        if first < end:
            yield [Instants(first, end)]
        end = first


def _windows_of_tracks(
    played: Iterable[tuple[Instants, int]], begin: datetime, end: datetime, each: int
) -> Iterator[list[Instants]]:
    """Months in which tracks were played, the latest first, with how often: as many as are enough, then twice as many
    each time, because filters or the archive left plays out."""
    windows: list[Instants] = []
    plays, fewest = 0, 1
    for month, play_count in played:
        if (first := max(month.first, begin)) >= (last := min(month.end, end)):
            continue
        windows.append(Instants(first, last))
        plays += play_count
        if plays >= each and len(windows) >= fewest:
            yield windows
            windows, plays, fewest = [], 0, 2 * len(windows)
    if windows:
        yield windows


def _end(days: Sequence[DayOfPlays], silence: timedelta | None) -> None:
    """Say how long it was silent before the session that ends the list of them."""
    for day in reversed(days):
        if day.sessions:
            day.sessions[-1] = day.sessions[-1]._replace(gap_before=silence)
            return
