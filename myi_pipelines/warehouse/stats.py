"""Statistics of one listener, recomputed for stale slices and committed together, so that the tables always agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from myi_pipelines.warehouse.database import Connection, commit_lazily, lock_user, share_catalog_links, statement
from myi_pipelines.warehouse.partitions import USER_TRACK_MONTHS, attach_month, existing_months, next_month, starts_at
from myi_pipelines.warehouse.slices import Stage


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

    Every table changes by what differs only. When it commits, no slice of the listener is stale for statistics and
    all tables agree with the events and with one another.
    """
    conn.execute(statement("stats/workspace"))
    with conn.transaction():
        commit_lazily(conn)
        lock_user(conn, user_id)
        marked = conn.execute(
            "DELETE FROM stale_slices WHERE user_id = %s AND stage = %s RETURNING month", [user_id, Stage.STATS]
        )
        stale = sorted({month for (month,) in marked} | set(months))
        if not stale:
            return Refreshed([], 0, 0, 0, 0, 0, 0)
        share_catalog_links(conn)
        row = conn.execute("SELECT timezone FROM user_settings WHERE user_id = %s", [user_id]).fetchone()
        assert row is not None
        run: dict[str, Any] = {"user_id": user_id, "months": stale, "timezone": row[0]}
        for first, last in _runs(stale, gap=0):
            bounds = run | {"starts_at": starts_at(first), "ends_at": starts_at(next_month(last))}
            conn.execute(statement("stats/fresh_track_months"), bounds)
            conn.execute(statement("stats/fresh_hour_months"), bounds)
        return Refreshed(
            months=stale,
            user_track_months=_write_track_months(conn, run),
            user_track_stats=_write_tracks(conn, run),
            user_artist_stats=_write_artists(conn, run),
            user_time_bucket_stats=_write_buckets(conn, run),
            user_hour_stats=_write_hours(conn, run),
            users=conn.execute(statement("stats/totals"), run).rowcount,
        )


def _write_track_months(conn: Connection, run: dict[str, Any]) -> int:
    changed = conn.execute(statement("stats/changed_track_months"), run).rowcount
    filled = []
    for month in sorted(set(run["months"]) - existing_months(conn, USER_TRACK_MONTHS)):
        fill = statement("stats/fill_month")
        if attach_month(conn, USER_TRACK_MONTHS, month, fill, run | {"month": month}) is not None:
            filled.append(month)
    conn.execute(statement("stats/remove_track_months"), run)
    conn.execute(statement("stats/write_track_months"), run | {"filled": filled})
    return changed


def _write_tracks(conn: Connection, run: dict[str, Any]) -> int:
    conn.execute(statement("stats/changed_tracks"))
    names = ("remove_tracks", "update_tracks", "insert_tracks")
    return sum(conn.execute(statement(f"stats/{name}"), run).rowcount for name in names)


def _write_artists(conn: Connection, run: dict[str, Any]) -> int:
    conn.execute(statement("stats/touched_artists"), run)
    return conn.execute(statement("stats/artists")).rowcount


def _write_buckets(conn: Connection, run: dict[str, Any]) -> int:
    """Recompute whole local days, weeks and months; each from all its events, also those of neighbouring months."""
    written = 0
    for first, last in _runs(run["months"], gap=3):
        bounds = run | {"starts_at": starts_at(first), "ends_at": starts_at(next_month(last))}
        with conn.cursor() as cursor:
            row = cursor.execute(statement("stats/local_range"), bounds).fetchone()
            assert row is not None and cursor.description is not None
            bounds |= dict(zip((column.name for column in cursor.description), row, strict=True))
        conn.execute("TRUNCATE fresh_buckets")
        for name in ("fresh_buckets", "remove_buckets", "write_buckets"):
            result = conn.execute(statement(f"stats/{name}"), bounds)
            written += 0 if name == "fresh_buckets" else result.rowcount
    return written


def _write_hours(conn: Connection, run: dict[str, Any]) -> int:
    conn.execute(statement("stats/remove_hour_months"), run)
    conn.execute(statement("stats/write_hour_months"), run)
    return conn.execute(statement("stats/hours"), run).rowcount


def _runs(months: Sequence[date], *, gap: int) -> Iterator[tuple[date, date]]:
    """The first and last months of unbroken runs; runs that lie at most ``gap`` months apart are one."""
    first = last = months[0]
    for month in months[1:]:
        if _number(month) - _number(last) > gap + 1:
            yield first, last
            first = month
        last = month
    yield first, last


def _number(month: date) -> int:
    return month.year * 12 + month.month
