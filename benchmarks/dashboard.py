"""How long a dashboard's questions take and what they read, answered by the product and from raw events alone.

Raw events are asked in the user's local time, by a statement planned each time and by a prepared one. Questions about a
month or a year are also asked with the instants computed before, so that the planner leaves out the other partitions.
Percentiles are over users. A user's time is the median of several, so that the percentiles show big and small histories
and not a busy machine. Between two measurements of a user come those of all other users, so that no answer is still in
the processor's caches; each way is measured alone. Nothing is printed here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, LiteralString, NamedTuple, TypeAlias

from psycopg import sql

from benchmarks.many_users import GENRE, MONTHS, User
from benchmarks.plans import Touched, executed, touched
from benchmarks.sql_files import own_statement
from myi_pipelines.serving import dashboards
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_row
from myi_pipelines.warehouse.partitions import next_month

MONTH = MONTHS[-4]
YEAR = MONTH.year - 1
"""The last whole year; the month is not at the end of all months either."""

Ask: TypeAlias = Callable[[Connection, User], object]


class Question(NamedTuple):
    """A question of the dashboard, and the ways of answering it."""

    name: str
    from_stats: Ask
    from_raw: Ask
    from_bounded_raw: Ask | None
    """None for a question without bounds in time."""
    needs: int | None
    """The most partitions that the first way has to read; None if it depends on the user's plays."""
    is_over_stats: bool = True
    """The answer is in statistics; otherwise it is in events."""


class Answered(NamedTuple):
    """One way of answering, over all measured users."""

    p50_ms: float
    p99_ms: float
    partitions: int
    """The most that one user's answer needed."""
    buffers: float
    """The median."""


class Measured(NamedTuple):
    """A question and its ways of being answered."""

    question: Question
    stats: Answered
    raw: Answered
    prepared_raw: Answered
    bounded_raw: Answered | None

    @property
    def times_faster(self) -> float:
        return self.raw.p99_ms / self.stats.p99_ms


def measure(url: str, users: Sequence[User], *, times: int) -> list[Measured]:
    """Ask every question about each user ``times`` times, in every way.

    Raw events are asked with plain statements, as most tools do, and with prepared ones, which the server may plan only
    once. The functions that answer from statistics have that advantage too.
    """
    with connect(url) as conn, connect(url) as preparing:
        preparing.prepare_threshold = 0
        return [_measure(conn, preparing, question, users, times) for question in QUESTIONS]


def _measure(
    conn: Connection, preparing: Connection, question: Question, users: Sequence[User], times: int
) -> Measured:
    ways = [(conn, question.from_stats), (conn, question.from_raw), (preparing, question.from_raw)]
    if question.from_bounded_raw is not None:
        ways.append((preparing, question.from_bounded_raw))
    stats, raw, prepared, *bounded = (_answered(mine, way, users, times) for mine, way in ways)
    return Measured(question, stats, raw, prepared, bounded[0] if bounded else None)


def _milliseconds(way: Ask, conn: Connection, user: User) -> float:
    began = time.perf_counter()
    way(conn, user)
    return (time.perf_counter() - began) * 1_000


def _answered(conn: Connection, way: Ask, users: Sequence[User], times: int) -> Answered:
    seen = [touches(conn, way, user) for user in users]  # warms up
    rounds = [[_milliseconds(way, conn, user) for user in users] for _ in range(times)]
    medians = [statistics.median(took) for took in zip(*rounds, strict=True)]
    percentiles = statistics.quantiles(medians, n=100, method="inclusive")
    return Answered(
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
        partitions=max(len(one.partitions) for one in seen),
        buffers=statistics.median(one.buffers for one in seen),
    )


def touches(conn: Connection, way: Ask, user: User) -> Touched:
    """The partitions and buffers that an answer reads."""
    with executed(conn) as plans:
        way(conn, user)
    return touched(plans)


def _raw(name: str, within: LiteralString, conn: Connection, user: User) -> object:
    return _execute(conn, name, within, user, {})


def _bounded(name: str, span: dict[str, Any], conn: Connection, user: User) -> object:
    since, until = fetch_row(conn, own_statement("local_span"), span | {"user_id": user.user_id})
    bounds = {"since": since, "until": until}
    return _execute(conn, name, "e.played_at >= %(since)s AND e.played_at < %(until)s", user, bounds)


def _execute(conn: Connection, name: str, within: LiteralString, user: User, bounds: dict[str, Any]) -> object:
    known = bounds | {"user_id": user.user_id, "timezone": user.timezone, "genre": GENRE}
    known |= {"month": MONTH, "year": YEAR}
    return conn.execute(own_statement(name).format(within=sql.SQL(within)), known).fetchall()


_IN_MONTH = "date_trunc('month', e.played_at AT TIME ZONE %(timezone)s) = %(month)s"
_IN_YEAR = "date_part('year', e.played_at AT TIME ZONE %(timezone)s) = %(year)s"
_MONTH = {"first": MONTH, "end": next_month(MONTH)}
_YEAR = {"first": date(YEAR, 1, 1), "end": date(YEAR + 1, 1, 1)}

QUESTIONS = (
    Question(
        "last 50 plays",
        lambda conn, user: dashboards.recent_plays(conn, user.user_id),
        partial(_raw, "raw_recent_plays", "true"),
        None,
        needs=None,
        is_over_stats=False,
    ),
    Question(
        "top 50 songs of all time",
        lambda conn, user: dashboards.top_songs(conn, user.user_id),
        partial(_raw, "raw_top_songs", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 songs of a month",
        lambda conn, user: dashboards.top_songs_of_month(conn, user.user_id, MONTH),
        partial(_raw, "raw_top_songs", _IN_MONTH),
        partial(_bounded, "raw_top_songs", _MONTH),
        needs=0,
    ),
    Question(
        "top 50 songs of a year",
        lambda conn, user: dashboards.top_songs_of_year(conn, user.user_id, YEAR),
        partial(_raw, "raw_top_songs", _IN_YEAR),
        partial(_bounded, "raw_top_songs", _YEAR),
        needs=0,
    ),
    Question(
        "top 50 albums of all time",
        lambda conn, user: dashboards.top_albums(conn, user.user_id),
        partial(_raw, "raw_top_albums", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 albums of a month",
        lambda conn, user: dashboards.top_albums_of_month(conn, user.user_id, MONTH),
        partial(_raw, "raw_top_albums", _IN_MONTH),
        partial(_bounded, "raw_top_albums", _MONTH),
        needs=0,
    ),
    Question(
        "ways of listening",
        lambda conn, user: dashboards.ways_of_listening(conn, user.user_id),
        partial(_raw, "raw_ways_of_listening", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 tracks of all time",
        lambda conn, user: dashboards.top_tracks(conn, user.user_id),
        partial(_raw, "raw_top_tracks", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 tracks of a month",
        lambda conn, user: dashboards.top_tracks_of_month(conn, user.user_id, MONTH),
        partial(_raw, "raw_top_tracks", _IN_MONTH),
        partial(_bounded, "raw_top_tracks", _MONTH),
        needs=0,
    ),
    Question(
        "top 50 tracks of a year",
        lambda conn, user: dashboards.top_tracks_of_year(conn, user.user_id, YEAR),
        partial(_raw, "raw_top_tracks", _IN_YEAR),
        partial(_bounded, "raw_top_tracks", _YEAR),
        needs=0,
    ),
    Question(
        "days of a year",
        lambda conn, user: dashboards.days_of_year(conn, user.user_id, YEAR),
        partial(_raw, "raw_days", _IN_YEAR),
        partial(_bounded, "raw_days", _YEAR),
        needs=0,
    ),
    Question(
        "hours of the day",
        lambda conn, user: dashboards.hours(conn, user.user_id),
        partial(_raw, "raw_hours", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 artists of a genre",
        lambda conn, user: dashboards.artists_in_genre(conn, user.user_id, GENRE),
        partial(_raw, "raw_artists_in_genre", "true"),
        None,
        needs=0,
    ),
)
