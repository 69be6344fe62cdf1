"""Statistics of one listener, recomputed for stale slices and committed together, so that the tables always agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from myi_pipelines.warehouse.database import Connection, commit_lazily, lock_user, share_catalog_links, statement
from myi_pipelines.warehouse.partitions import USER_TRACK_MONTHS, attach_month, existing_months, next_month, starts_at
from myi_pipelines.warehouse.slices import Stage, stale_slices

ANALYZE_FROM = 10_000
"""Events from which on the planner is told how many there are, which costs less than a bad plan."""

RUN_GAP = 3
"""Months that may lie between two stale ones of one run: buckets around them reach into their neighbours."""


class Refreshed(NamedTuple):
    """Rows written (new, changed or removed) by table, and the months that were recomputed."""

    months: list[date]
    user_track_months: int
    user_track_stats: int
    user_artist_stats: int
    user_time_bucket_stats: int
    user_hour_stats: int
    users: int


def refresh_stats(conn: Connection, user_id: int, months: Sequence[date] = ()) -> Refreshed:
    """Recompute a listener's statistics for the given months and for all that are marked stale, in one transaction.

    Every table changes by what differs only. Of months that are given, the all-time rows are recounted as well, so
    that tables which somebody emptied or changed are whole again. When it commits, no slice of the listener is stale
    for statistics and all tables agree with the events and with one another.
    """
    conn.execute(statement("stats/workspace"))
    expected = {month for _, month in stale_slices(conn, Stage.STATS, user_id=user_id)} | set(months)
    with conn.transaction():
        _ensure_partitions(conn, expected)
    with conn.transaction():
        commit_lazily(conn)
        lock_user(conn, user_id)
        marked = conn.execute(
            "DELETE FROM stale_slices WHERE user_id = %s AND stage = %s RETURNING month", [user_id, Stage.STATS]
        )
        stale = sorted({month for (month,) in marked} | set(months))
        if not stale:
            return Refreshed([], 0, 0, 0, 0, 0, 0)
        _ensure_partitions(conn, stale)
        conn.execute(statement("stats/clear"))
        row = conn.execute("SELECT timezone FROM user_settings WHERE user_id = %s", [user_id]).fetchone()
        assert row is not None
        run: dict[str, Any] = {"user_id": user_id, "months": stale, "timezone": row[0], "recount": bool(months)}
        local_ranges = [_local_range(conn, run, first, last) for first, last in _runs(stale)]
        events = sum(conn.execute(statement("stats/local_plays"), run | days).rowcount for days in local_ranges)
        if events > ANALYZE_FROM:
            conn.execute("ANALYZE local_plays")
        return Refreshed(
            months=stale,
            user_track_months=_write_track_months(conn, run),
            user_track_stats=_write_tracks(conn, run),
            user_artist_stats=_write_artists(conn, run),
            user_time_bucket_stats=_write_buckets(conn, run, local_ranges),
            user_hour_stats=_write_hours(conn, run),
            users=conn.execute(statement("stats/totals"), run).rowcount,
        )


def _ensure_partitions(conn: Connection, months: Iterable[date]) -> None:
    """Attach the partitions that user_track_months lacks, best in a transaction of its own.

    A statement that was planned before an attachment and runs after the commit of statistics would miss their rows.
    """
    for month in sorted(set(months) - existing_months(conn, USER_TRACK_MONTHS)):
        attach_month(conn, USER_TRACK_MONTHS, month)


def _local_range(conn: Connection, run: dict[str, Any], first: date, last: date) -> dict[str, date]:
    """The local days, weeks and months that overlap a run of UTC months."""
    bounds = run | {"starts_at": starts_at(first), "ends_at": starts_at(next_month(last))}
    with conn.cursor(row_factory=dict_row) as cursor:
        days = cursor.execute(statement("stats/local_range"), bounds).fetchone()
    assert days is not None
    return days


def _write_track_months(conn: Connection, run: dict[str, Any]) -> int:
    changed = conn.execute(statement("stats/changed_track_months"), run).rowcount
    for name in ("remove_track_months", "update_track_months", "insert_track_months"):
        conn.execute(statement(f"stats/{name}"), run)
    return changed


def _write_tracks(conn: Connection, run: dict[str, Any]) -> int:
    conn.execute(statement("stats/changed_tracks"))
    names = ["remove_tracks", "update_tracks", "insert_tracks"]
    if run["recount"]:
        names.append("recount_tracks")
    return sum(conn.execute(statement(f"stats/{name}"), run).rowcount for name in names)


def _write_artists(conn: Connection, run: dict[str, Any]) -> int:
    share_catalog_links(conn)
    conn.execute(statement("stats/touched_artists"), run)
    return conn.execute(statement("stats/artists")).rowcount


def _write_buckets(conn: Connection, run: dict[str, Any], local_ranges: Sequence[dict[str, date]]) -> int:
    """Recompute whole local days, weeks and months; each from all its events, also those of neighbouring months."""
    written = 0
    for days in local_ranges:
        bounds = run | days
        conn.execute("DELETE FROM fresh_buckets")
        conn.execute(statement("stats/fresh_buckets"), bounds)
        for name in ("remove_buckets", "write_buckets"):
            written += conn.execute(statement(f"stats/{name}"), bounds).rowcount
    return written


def _write_hours(conn: Connection, run: dict[str, Any]) -> int:
    conn.execute(statement("stats/fresh_hour_months"), run)
    conn.execute(statement("stats/remove_hour_months"), run)
    conn.execute(statement("stats/write_hour_months"), run)
    return conn.execute(statement("stats/hours"), run).rowcount


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
