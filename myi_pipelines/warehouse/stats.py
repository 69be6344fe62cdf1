"""Statistics of stale slices, recomputed and committed together, for one or many listeners: the tables always agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from math import ceil
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import dict_row

from myi_pipelines.warehouse.archive import UserMonthsArchived, require_present
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    LISTENING_EVENTS,
    USER_TRACK_MONTHS,
    ensure_partitions,
    ensure_partitions_visible,
    next_month,
    starts_at,
    with_neighbours,
)
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidated_user_months

RUN_GAP = 3
"""Months that may lie between two stale ones of one run: buckets around them reach into their neighbours."""

ONE_DAY = timedelta(days=1)
CLOCKS_DIFFER = 2 * ONE_DAY
"""No local day begins or ends farther from the UTC day of its name."""

LISTENERS_AT_LEAST = 4
"""From so many on, listeners whose slices of a month are stale are recomputed together."""
LISTENERS_AT_ONCE = 500
"""So many in one transaction: each is a lock in the server's memory, and waits for the others."""
MONTHS_AT_MOST = 6
"""Of more months, all of a listener's in one transaction are recomputed faster than one month of many listeners."""

TOP_TRACKS = 50
"""Tracks of a local year that are kept, or fewer if it has fewer."""


class Refreshed(NamedTuple):
    """The slices that were recomputed together, and the rows written (new, changed or removed) by table."""

    slices: tuple[UserMonth, ...] = ()
    user_track_months: int = 0
    user_track_stats: int = 0
    user_artist_stats: int = 0
    user_year_top_tracks: int = 0
    user_time_bucket_stats: int = 0
    user_hour_stats: int = 0
    users: int = 0


def refresh_user_months(
    session: Session, user_months: Sequence[UserMonth], *, recount: bool = False
) -> Iterator[Refreshed]:
    """Recompute the statistics of some user-months; yield what was recomputed together, and what changed.

    A month that many users share is recomputed for many of them in one transaction. The rest is recomputed user by
    user with ``refresh_stats``, which includes every other invalidated month of the user. The session's connections
    work at the same time; a single user has two of them. With ``recount``, the all-time rows of the months are
    recounted too.
    """
    conns = session.connections
    batches = _batches(user_months, len(conns))
    left = set(user_months).difference(one for batch in batches for one in batch)

    def refresh_batch(conn: Connection, batch: list[UserMonth]) -> Refreshed | None:
        try:
            return _refresh_batch(conn, batch, recount)
        except UserMonthsArchived:
            return None

    def leave(batch: list[UserMonth], error: psycopg.Error) -> None:
        left.update(batch)

    for batch, refreshed in map_on_connections(conns, batches, refresh_batch, on_error=leave):
        if refreshed is None:
            left.update(batch)
        else:
            yield refreshed
    yield from _refresh_user_by_user(session, left, recount)


def _refresh_user_by_user(session: Session, left: set[UserMonth], recount: bool) -> Iterator[Refreshed]:
    months = {
        user_id: [one.month for one in group] for user_id, group in groupby(sorted(left), key=lambda one: one.user_id)
    }
    helpers = session.helpers[:1] if len(months) == 1 else ()

    def refresh(conn: Connection, user_id: int) -> Refreshed:
        return refresh_stats(session.on(conn, *helpers), user_id, months[user_id] if recount else ())

    def report(user_id: int, error: psycopg.Error) -> None:
        session.report_failure(Failure(user_id, None, error))

    for _, refreshed in map_on_connections(session.connections, list(months), refresh, on_error=report):
        yield refreshed


def _batches(slices: Sequence[UserMonth], at_once: int) -> list[list[UserMonth]]:
    """The slices of months that so many listeners share that they are better recomputed together, in lists of one month
    each. None where that is so of so many months that listener by listener is better."""
    by_month = groupby(sorted(set(slices), key=lambda one: (one.month, one.user_id)), key=lambda one: one.month)
    batched = [batch for batch in (list(group) for _, group in by_month) if len(batch) >= LISTENERS_AT_LEAST]
    if len(batched) > MONTHS_AT_MOST:
        return []
    return [
        batch[first : first + size]
        for batch in batched
        for size in [min(LISTENERS_AT_ONCE, ceil(len(batch) / at_once))]
        for first in range(0, len(batch), size)
    ]


def refresh_stats(session: Session, user_id: int, months: Sequence[date] = ()) -> Refreshed:
    """Recompute a user's statistics for the given months and all invalidated ones, in one transaction.

    Every table changes only by what differs. For the given months the all-time rows are recounted as well, so that
    tables which were emptied or changed by hand are right again. After the commit, no month of the user is invalidated
    for statistics, and all tables agree with the events and with one another.

    With a helper, the session's second connection reads the user's local clock at the same time.
    Raises UserMonthsArchived when archived plays are needed and the session cannot restore them.
    """
    while True:
        try:
            return _refresh_user(session.conn, user_id, months, session.helper)
        except UserMonthsArchived as needed:
            if session.restore_archived is None:
                raise
            session.restore_archived(session.conn, needed.user_months)


def _refresh_user(conn: Connection, user_id: int, months: Sequence[date], helper: Connection | None) -> Refreshed:
    expected = {month for _, month in invalidated_user_months(conn, Stage.STATS, user_id=user_id)} | set(months)
    with _writing(conn, [user_id], expected):
        marked = conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = %s AND stage = %s RETURNING month",
            [user_id, Stage.STATS],
        )
        stale = sorted({month for (month,) in marked} | set(months))
        return _recompute(conn, [user_id], stale, recount=bool(months), helper=helper)


def _refresh_batch(conn: Connection, batch: Sequence[UserMonth], recount: bool) -> Refreshed:
    """Slices of one month: of all of them if they are to be recounted, or else of those that are still stale."""
    [month] = {one.month for one in batch}
    with _writing(conn, [one.user_id for one in batch], [month]):
        marked = conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = ANY (%s) AND month = %s AND stage = %s"
            " RETURNING user_id",
            [[one.user_id for one in batch], month, Stage.STATS],
        )
        is_stale = {user_id for (user_id,) in marked}
        stale = [one.user_id for one in batch if recount or one.user_id in is_stale]
        return _recompute(conn, stale, [month], recount=recount)


@contextmanager
def _writing(conn: Connection, user_ids: Sequence[int], months: Iterable[date]) -> Iterator[None]:
    """A transaction in which the statistics of the listeners, probably of these months, are the caller's to write."""
    conn.execute(statement("stats/workspace"))
    # In a transaction of its own: a statement that was planned before an attachment and runs after the commit of
    # statistics would miss their rows.
    ensure_partitions(conn, USER_TRACK_MONTHS, months)
    with conn.transaction():
        asynchronous_commit(conn)
        acquire(conn, shared(Lock.ARCHIVE))
        acquire(conn, *(exclusive(Lock.USER, user_id) for user_id in sorted(user_ids)))
        # Events may be rebuilt at any time, but not between two looks at them: helper and this session see the same.
        conn.execute("LOCK TABLE ONLY listening_events IN ACCESS SHARE MODE")
        yield


def _recompute(
    conn: Connection,
    user_ids: Sequence[int],
    months: Sequence[date],
    *,
    recount: bool,
    helper: Connection | None = None,
) -> Refreshed:
    """Recompute months of some listeners whose locks are held, unless they have been forgotten meanwhile."""
    listeners = conn.execute(
        "SELECT user_id, timezone FROM user_settings WHERE user_id = ANY (%s) ORDER BY user_id", [list(user_ids)]
    ).fetchall()
    slices = tuple(UserMonth(user_id, month) for user_id, _ in listeners for month in months)
    if not slices:
        return Refreshed()
    require_present(conn, slices, with_neighbours=True)
    ensure_partitions(conn, USER_TRACK_MONTHS, months)
    ensure_partitions_visible(conn, USER_TRACK_MONTHS, months)
    for one in filter(None, (conn, helper)):
        ensure_partitions_visible(one, LISTENING_EVENTS, with_neighbours(months))
    conn.execute(statement("stats/clear"))
    run: dict[str, Any] = {"user_ids": [one for one, _ in listeners], "timezones": [zone for _, zone in listeners]}
    run |= {"months": months, "recount": recount, "edges": _edges(months), "each": TOP_TRACKS}
    ranges = [run | _range(conn, run, first, last) for first, last in _runs(months)]
    with ThreadPoolExecutor(1, thread_name_prefix="stats") as pool:
        # The helper sees the same events: whoever changes these listeners' waits for the locks that are held here.
        reading = pool.submit(_read_local_clock, helper, ranges) if helper is not None else None
        track_months = _write_track_months(conn, ranges)
        tracks = _write_tracks(conn, run)
        artists = _write_artists(conn, run)
        local = reading.result() if reading is not None else _read_local_clock(conn, ranges)
    return Refreshed(
        slices=slices,
        user_track_months=track_months,
        user_track_stats=tracks,
        user_artist_stats=artists,
        user_year_top_tracks=_write_year_top_tracks(conn, run, local.month_edges),
        user_time_bucket_stats=_write_buckets(conn, ranges, local.buckets),
        user_hour_stats=_write_hours(conn, run, local.hour_months),
        users=conn.execute(statement("stats/totals"), run).rowcount,
    )


def _range(conn: Connection, run: dict[str, Any], first: date, last: date) -> dict[str, Any]:
    """A run of UTC months: those that are stale, its bounds, and the local days, weeks and months that overlap it."""
    months = [month for month in run["months"] if first <= month <= last]
    bounds: dict[str, Any] = {
        "months": months,
        "edges": _edges(months),
        "starts_at": starts_at(first),
        "ends_at": starts_at(next_month(last)),
        "edges_from": starts_at(first) - ONE_DAY,
        "edges_to": starts_at(next_month(last)) + ONE_DAY,
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        days = cursor.execute(statement("stats/local_range"), run | bounds).fetchone()
    assert days is not None
    # Constants, unlike what a statement works out of days: the planner looks at the partitions between them only.
    reach = {
        "days_from": _midnight(days["first_day"]) - CLOCKS_DIFFER,
        "days_to": _midnight(days["last_day"]) + ONE_DAY + CLOCKS_DIFFER,
    }
    return bounds | days | reach


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _edges(months: Sequence[date]) -> list[date]:
    """The months that begin where some months begin or end."""
    return sorted({edge for month in months for edge in (month, next_month(month))})


class _LocalClock(NamedTuple):
    """What the events say at the listener's clock."""

    buckets: list[list[tuple[Any, ...]]]
    """By range: rows of user_time_bucket_stats."""
    hour_months: list[tuple[Any, ...]]
    """Rows of user_hour_months."""
    month_edges: list[tuple[Any, ...]]
    """Rows of user_month_edges."""


def _read_local_clock(conn: Connection, ranges: Sequence[dict[str, Any]]) -> _LocalClock:
    return _LocalClock(
        [conn.execute(statement("stats/buckets"), bounds).fetchall() for bounds in ranges],
        [row for bounds in ranges for row in conn.execute(statement("stats/hour_months"), bounds)],
        [row for bounds in ranges for row in conn.execute(statement("stats/month_edges"), bounds)],
    )


def _write_track_months(conn: Connection, ranges: Sequence[dict[str, Any]]) -> int:
    changed = 0
    for bounds in ranges:
        is_new = conn.execute(statement("stats/has_track_months"), bounds).fetchone() == (False,)
        row = conn.execute(statement("stats/new_track_months" if is_new else "stats/track_months"), bounds).fetchone()
        assert row is not None
        changed += row[0]
    if len(ranges) > 1:
        conn.execute(statement("stats/sum_tracks"))
    return changed


def _write_tracks(conn: Connection, run: dict[str, Any]) -> int:
    names = ["remove_tracks", "update_tracks", "insert_tracks"]
    if run["recount"]:
        names.append("recount_tracks")
    written = sum(conn.execute(statement(f"stats/{name}"), run).rowcount for name in names)
    if conn.execute("SELECT EXISTS (SELECT FROM changed_tracks WHERE has_lost_last)").fetchone() == (True,):
        conn.execute(statement("stats/last_plays"), run)
    return written


def _write_artists(conn: Connection, run: dict[str, Any]) -> int:
    acquire(conn, shared(Lock.CATALOG_LINKS))
    conn.execute(statement("stats/touched_artists"), run)
    conn.execute("ANALYZE touched_artists")
    [user_id, *others] = run["user_ids"]
    return conn.execute(statement("stats/artists"), {"user_id": None if others else user_id}).rowcount


def _write_year_top_tracks(conn: Connection, run: dict[str, Any], month_edges: Sequence[tuple[Any, ...]]) -> int:
    """Whole local years: the sums of their UTC months, with the edges where local and UTC years differ."""
    _copy(conn, "COPY fresh_month_edges FROM STDIN", month_edges)
    conn.execute(statement("stats/remove_month_edges"), run)
    conn.execute(statement("stats/write_month_edges"), run)
    years = sorted({day.year for edge in run["edges"] for day in (edge - ONE_DAY, edge)})
    bounds = {"years": years, "first": date(years[0], 1, 1), "end": date(years[-1] + 1, 1, 1)}
    return conn.execute(statement("stats/year_top_tracks"), run | bounds).rowcount


def _write_buckets(
    conn: Connection, ranges: Sequence[dict[str, Any]], buckets: Sequence[Sequence[tuple[Any, ...]]]
) -> int:
    """Whole local days, weeks and months; each from all its events, also those of neighbouring months."""
    written = 0
    for bounds, rows in zip(ranges, buckets, strict=True):
        conn.execute("TRUNCATE fresh_buckets")
        _copy(conn, "COPY fresh_buckets FROM STDIN", rows)
        for name in ("remove_buckets", "write_buckets"):
            written += conn.execute(statement(f"stats/{name}"), bounds).rowcount
    return written


def _write_hours(conn: Connection, run: dict[str, Any], hour_months: Sequence[tuple[Any, ...]]) -> int:
    _copy(conn, "COPY fresh_hour_months FROM STDIN", hour_months)
    conn.execute(statement("stats/remove_hour_months"), run)
    conn.execute(statement("stats/write_hour_months"), run)
    return conn.execute(statement("stats/hours"), run).rowcount


def _copy(conn: Connection, target: LiteralString, rows: Sequence[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)


def _runs(months: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The first and last months of runs of stale months, which may have gaps of up to ``RUN_GAP`` months."""
    first = last = months[0]
    for month in months[1:]:
        if _number(month) - _number(last) > RUN_GAP + 1:
            yield first, last
            first = month
        last = month
    yield first, last


def _number(month: date) -> int:
    return month.year * 12 + month.month
