"""How long a dashboard's questions take and what they touch, answered by the product and from raw events alone.

Raw events are asked as the question reads, at the listener's clock, by a statement planned each time and by a prepared
one; and where it is about a month or a year, with the instants worked out beforehand as well, so that the planner
leaves the other partitions out. Percentiles are over listeners; a listener's time is the median of several, so that
they tell of big and small histories and not of a busy machine. Between two of them all other listeners are asked about,
so that no answer is still in the processor's caches; each way has its turn alone. Nothing is printed here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, LiteralString, NamedTuple, TypeAlias

from psycopg import sql

from benchmarks.many_listeners import GENRE, MONTHS, Listener
from benchmarks.plans import Touched, executed, touched
from myi_pipelines.serving import dashboards
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month

MONTH = MONTHS[-4]
YEAR = MONTH.year - 1
"""The last whole year; the month is not at the end of all months either."""

Ask: TypeAlias = Callable[[Connection, Listener], object]


class Question(NamedTuple):
    """One of the dashboard's, and the ways of answering it."""

    name: str
    from_stats: Ask
    from_raw: Ask
    from_bounded_raw: Ask | None
    """None where there is no bound to be had."""
    needs: int | None
    """Partitions that the first way has to read, at most; None where the listener's plays decide."""
    is_over_stats: bool = True
    """Statistics have the answer; otherwise events have."""


class Answered(NamedTuple):
    """One way of answering, over all listeners that were asked about."""

    p50_ms: float
    p99_ms: float
    partitions: int
    """The most that any listener's answer needed."""
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


def measure(url: str, listeners: Sequence[Listener], *, times: int) -> list[Measured]:
    """Every question about each of the listeners so many times, in every way.

    Raw events are asked as most tools do, and with prepared statements too, which the server plans once where that is
    better: so it does with the functions that answer from statistics.
    """
    with connect(url) as conn, connect(url) as preparing:
        preparing.prepare_threshold = 0
        return [_measure(conn, preparing, question, listeners, times) for question in QUESTIONS]


def _measure(
    conn: Connection, preparing: Connection, question: Question, listeners: Sequence[Listener], times: int
) -> Measured:
    ways = [(conn, question.from_stats), (conn, question.from_raw), (preparing, question.from_raw)]
    if question.from_bounded_raw is not None:
        ways.append((preparing, question.from_bounded_raw))
    stats, raw, prepared, *bounded = (_answered(mine, way, listeners, times) for mine, way in ways)
    return Measured(question, stats, raw, prepared, bounded[0] if bounded else None)


def _milliseconds(way: Ask, conn: Connection, listener: Listener) -> float:
    began = time.perf_counter()
    way(conn, listener)
    return (time.perf_counter() - began) * 1_000


def _answered(conn: Connection, way: Ask, listeners: Sequence[Listener], times: int) -> Answered:
    seen = [touches(conn, way, listener) for listener in listeners]  # warms up
    rounds = [[_milliseconds(way, conn, listener) for listener in listeners] for _ in range(times)]
    medians = [statistics.median(took) for took in zip(*rounds, strict=True)]
    percentiles = statistics.quantiles(medians, n=100, method="inclusive")
    return Answered(
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
        partitions=max(len(one.partitions) for one in seen),
        buffers=statistics.median(one.buffers for one in seen),
    )


def touches(conn: Connection, way: Ask, listener: Listener) -> Touched:
    """What an answer touches."""
    with executed(conn) as plans:
        way(conn, listener)
    return touched(plans)


def _raw(name: str, within: LiteralString, conn: Connection, listener: Listener) -> object:
    return _execute(conn, f"scale/{name}", within, listener, {})


def _bounded(name: str, span: dict[str, Any], conn: Connection, listener: Listener) -> object:
    row = conn.execute(statement("scale/local_span"), span | {"user_id": listener.user_id}).fetchone()
    assert row is not None
    bounds = {"since": row[0], "until": row[1]}
    return _execute(conn, f"scale/{name}", "e.played_at >= %(since)s AND e.played_at < %(until)s", listener, bounds)


def _execute(conn: Connection, name: str, within: LiteralString, listener: Listener, bounds: dict[str, Any]) -> object:
    known = bounds | {"user_id": listener.user_id, "timezone": listener.timezone, "genre": GENRE}
    known |= {"month": MONTH, "year": YEAR}
    return conn.execute(statement(name).format(within=sql.SQL(within)), known).fetchall()


_IN_MONTH = "date_trunc('month', e.played_at AT TIME ZONE %(timezone)s) = %(month)s"
_IN_YEAR = "date_part('year', e.played_at AT TIME ZONE %(timezone)s) = %(year)s"
_MONTH = {"first": MONTH, "end": next_month(MONTH)}
_YEAR = {"first": date(YEAR, 1, 1), "end": date(YEAR + 1, 1, 1)}

QUESTIONS = (
    Question(
        "last 50 plays",
        lambda conn, listener: dashboards.recent_plays(conn, listener.user_id),
        partial(_raw, "raw_recent_plays", "true"),
        None,
        needs=None,
        is_over_stats=False,
    ),
    Question(
        "top 50 tracks of all time",
        lambda conn, listener: dashboards.top_tracks(conn, listener.user_id),
        partial(_raw, "raw_top_tracks", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 tracks of a month",
        lambda conn, listener: dashboards.top_tracks_of_month(conn, listener.user_id, MONTH),
        partial(_raw, "raw_top_tracks", _IN_MONTH),
        partial(_bounded, "raw_top_tracks", _MONTH),
        needs=1,
    ),
    Question(
        "top 50 tracks of a year",
        lambda conn, listener: dashboards.top_tracks_of_year(conn, listener.user_id, YEAR),
        partial(_raw, "raw_top_tracks", _IN_YEAR),
        partial(_bounded, "raw_top_tracks", _YEAR),
        needs=0,
    ),
    Question(
        "days of a year",
        lambda conn, listener: dashboards.days_of_year(conn, listener.user_id, YEAR),
        partial(_raw, "raw_days", _IN_YEAR),
        partial(_bounded, "raw_days", _YEAR),
        needs=0,
    ),
    Question(
        "hours of the day",
        lambda conn, listener: dashboards.hours(conn, listener.user_id),
        partial(_raw, "raw_hours", "true"),
        None,
        needs=0,
    ),
    Question(
        "top 50 artists of a genre",
        lambda conn, listener: dashboards.artists_in_genre(conn, listener.user_id, GENRE),
        partial(_raw, "raw_artists_in_genre", "true"),
        None,
        needs=0,
    ),
)
