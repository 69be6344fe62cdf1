"""Statistics of invalidated user-months, of one user or of many.

All tables of a user are recomputed and committed together, so they always agree with one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any, LiteralString, NamedTuple

import psycopg

from myi_pipelines.warehouse.archive import UserMonthsArchived, require_present
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.database.temporary_tables import empty, tables_of
from myi_pipelines.warehouse.partitions import (
    LISTENING_EVENTS,
    ensure_partitions_visible,
    next_month,
    starts_at,
    with_neighbours,
)
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth, group_by_month

RANGE_GAP = 3
"""Months that may lie between two recomputed ones of one range: the buckets around them reach into these months."""

ONE_DAY = timedelta(days=1)
MAX_CLOCK_DIFFERENCE = 2 * ONE_DAY
"""A local day begins and ends at most this far from the UTC day of the same date."""

USERS_AT_LEAST = 4
"""From so many users of a month on, their user-months are recomputed together."""
USERS_AT_ONCE = 500
"""Users in one transaction. Each needs a lock in the server's memory and waits for the others."""
MONTHS_AT_MOST = 6
"""With more months, one transaction for all months of a user is faster than one for many users of a month."""

LOCAL_RANGE = ("first_week", "last_week", "first_month", "last_month", "first_day", "last_day")
"""The columns of ``stats/local_range``, which are parameters of other statements."""

HOUR_COLUMNS = 3
"""Columns of ``stats/hours_and_contexts`` that are of user_hour_months, after the user and the month; the others are of
user_month_contexts."""

TRACK_MONTHS = "user_track_months"
"""What each month adds to the others, by user and track: the only statistics that have months in Dagster."""
NOTED_TRACKS = 1_000
"""Of a user, that changed at once: from so many on, it is worth finding out whether the planner has to know."""
TOP_TRACKS = 50
"""How many tracks of a local year are kept at most."""


class Refreshed(NamedTuple):
    """The user-months that were recomputed together, and the rows added, changed or removed by table."""

    user_months: tuple[UserMonth, ...] = ()
    user_track_months: int = 0
    user_track_stats: int = 0
    user_artist_stats: int = 0
    user_song_stats: int = 0
    user_year_top_tracks: int = 0
    user_time_bucket_stats: int = 0
    user_hour_stats: int = 0
    users: int = 0
    user_album_stats: int = 0
    user_weekday_hour_stats: int = 0
    user_month_contexts: int = 0
    user_context_stats: int = 0


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
    one_by_one = set(user_months).difference(*batches)

    def refresh_batch(conn: Connection, batch: list[UserMonth]) -> tuple[Refreshed, list[UserMonth]]:
        try:
            return _refresh_batch(conn, batch, recount=recount)
        except UserMonthsArchived:
            return Refreshed(), batch

    def defer(batch: list[UserMonth], error: psycopg.Error) -> None:
        one_by_one.update(batch)

    for _, (refreshed, left) in map_on_connections(conns, batches, refresh_batch, on_error=defer):
        one_by_one.update(left)
        yield refreshed
    yield from _refresh_user_by_user(session, one_by_one, recount=recount)


def _refresh_user_by_user(session: Session, user_months: set[UserMonth], *, recount: bool) -> Iterator[Refreshed]:
    """Recompute all months of a user in one transaction. A refused user is reported, and the others go on."""
    months: dict[int, list[date]] = {}
    for user_id, month in sorted(user_months):
        months.setdefault(user_id, []).append(month)
    helpers = session.helpers[:1] if len(months) == 1 else ()

    def refresh(conn: Connection, user_id: int) -> Refreshed:
        return refresh_stats(session.on(conn, *helpers), user_id, months[user_id] if recount else ())

    def report(user_id: int, error: psycopg.Error) -> None:
        session.report_failure(Failure(user_id, None, error))

    for _, refreshed in map_on_connections(session.connections, list(months), refresh, on_error=report):
        yield refreshed


def _batches(user_months: Sequence[UserMonth], at_once: int) -> list[list[UserMonth]]:
    """The user-months that are recomputed together, in batches of one month each.

    They are those of months with enough users. No batch is returned if there are so many of these months that it is
    faster to recompute user by user.
    """
    shared = [of_month for _, of_month in group_by_month(set(user_months)) if len(of_month) >= USERS_AT_LEAST]
    if len(shared) > MONTHS_AT_MOST:
        return []
    return [
        of_month[first : first + size]
        for of_month in shared
        for size in [min(USERS_AT_ONCE, ceil(len(of_month) / at_once))]
        for first in range(0, len(of_month), size)
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
            refreshed = _refresh_user(session.conn, user_id, months, session.helper)
        except UserMonthsArchived as needed:
            if session.restore_archived is None:
                raise
            session.restore_archived(session.conn, needed.user_months)
        else:
            _analyze_users(session.conn, refreshed.user_track_stats)
            return refreshed


def _analyze_users(conn: Connection, changed: int) -> None:
    """Let the planner know how much there is of a user of whom many tracks have changed.

    It would expect hardly a row of one who is new, and read all of them for each that a page looks up, until autovacuum
    finds that the tables have changed.
    """
    if changed >= NOTED_TRACKS and fetch_scalar(conn, statement("stats/is_much"), {"changed": changed}):
        conn.execute(statement("stats/analyze_users"))


def _refresh_user(conn: Connection, user_id: int, months: Sequence[date], helper: Connection | None) -> Refreshed:
    with _exclusive_statistics(conn, [user_id]):
        cleared = conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = %s AND stage = %s RETURNING month",
            [user_id, Stage.STATS],
        )
        recomputed = sorted({month for (month,) in cleared} | set(months))
        return _recompute(conn, [user_id], recomputed, recount=bool(months), helper=helper)


def _refresh_batch(conn: Connection, batch: Sequence[UserMonth], *, recount: bool) -> tuple[Refreshed, list[UserMonth]]:
    """Recompute user-months of one month: in a recount all of them, otherwise those that are still invalidated.

    Returns also those that are left to be recomputed with the user's other months: where another month is invalidated,
    the days around this one would hold its new events, and the sums over its tracks its old ones.
    """
    [month] = {user_month.month for user_month in batch}
    user_ids = [user_month.user_id for user_month in batch]
    with _exclusive_statistics(conn, user_ids):
        others = conn.execute(
            "SELECT DISTINCT user_id FROM invalidated_user_months"
            " WHERE user_id = ANY (%s) AND month <> %s AND stage = %s",
            [user_ids, month, Stage.STATS],
        )
        left = {user_id for (user_id,) in others}
        user_ids = [user_id for user_id in user_ids if user_id not in left]
        cleared = conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = ANY (%s) AND month = %s AND stage = %s"
            " RETURNING user_id",
            [user_ids, month, Stage.STATS],
        )
        invalidated = {user_id for (user_id,) in cleared}
        recomputed = [user_id for user_id in user_ids if recount or user_id in invalidated]
        return _recompute(conn, recomputed, [month], recount=recount), [one for one in batch if one.user_id in left]


@contextmanager
def _exclusive_statistics(conn: Connection, user_ids: Sequence[int]) -> Iterator[None]:
    """A transaction in which only the caller writes statistics of the users."""
    conn.execute(statement("stats/workspace"))
    with conn.transaction():
        asynchronous_commit(conn)
        acquire(conn, shared(Lock.ARCHIVE))
        acquire(conn, *(exclusive(Lock.USER, user_id) for user_id in sorted(user_ids)))
        # Events may be rebuilt at any time, but not while they are read here: the helper has to see the same events.
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
    """Recompute months of some users whose locks are held. Users who were forgotten in the meantime are left out."""
    settings = conn.execute(
        "SELECT user_id, timezone FROM user_settings WHERE user_id = ANY (%s) ORDER BY user_id", [list(user_ids)]
    ).fetchall()
    user_months = tuple(UserMonth(user_id, month) for user_id, _ in settings for month in months)
    if not user_months:
        return Refreshed()
    require_present(conn, user_months, with_neighbours=True)
    for reader in filter(None, (conn, helper)):
        ensure_partitions_visible(reader, LISTENING_EVENTS, with_neighbours(months))
    empty(conn, tables_of("stats/workspace"))
    scope: dict[str, Any] = {"user_ids": [user_id for user_id, _ in settings], "timezones": [tz for _, tz in settings]}
    scope |= {"months": months, "recount": recount, "edges": _edges(months), "each": TOP_TRACKS}
    ranges = [scope | _range_bounds(conn, scope, first, last) for first, last in _month_ranges(months)]
    with ThreadPoolExecutor(1, thread_name_prefix="stats") as pool:
        # The helper sees the same events: a session that changes events of these users waits for the locks held here.
        reading = pool.submit(_read_local_clock, helper, ranges) if helper is not None else None
        track_months = _write_track_months(conn, ranges)
        conn.execute("ANALYZE changed_tracks (user_id, track_id)")  # few after a poll, all of a user's after an import
        tracks = _write_tracks(conn, scope)
        artists = _write_artists(conn, scope)
        songs = _write_songs(conn, scope)
        albums = _write_albums(conn, scope)
        local = reading.result() if reading is not None else _read_local_clock(conn, ranges)
    month_contexts, contexts = _write_contexts(conn, scope, local.month_contexts)
    conn.execute(statement("stats/move_versions"), scope)
    weekday_hours, hours = _write_hours(conn, scope, local.hour_months)
    return Refreshed(
        user_months=user_months,
        user_track_months=track_months,
        user_track_stats=tracks,
        user_artist_stats=artists,
        user_song_stats=songs,
        user_year_top_tracks=_write_year_top_tracks(conn, scope, local.month_edges),
        user_time_bucket_stats=_write_buckets(conn, ranges, local.buckets),
        user_hour_stats=hours,
        users=conn.execute(statement("stats/totals"), scope).rowcount,
        user_album_stats=albums,
        user_weekday_hour_stats=weekday_hours,
        user_month_contexts=month_contexts,
        user_context_stats=contexts,
    )


def _range_bounds(conn: Connection, scope: dict[str, Any], first: date, last: date) -> dict[str, Any]:
    """The recomputed months in a range of UTC months, its bounds, and the local days, weeks and months around it."""
    months = [month for month in scope["months"] if first <= month <= last]
    bounds: dict[str, Any] = {
        "months": months,
        "edges": _edges(months),
        "starts_at": starts_at(first),
        "ends_at": starts_at(next_month(last)),
        "edges_from": starts_at(first) - ONE_DAY,
        "edges_to": starts_at(next_month(last)) + ONE_DAY,
    }
    local_range = fetch_row(conn, statement("stats/local_range"), scope | bounds)
    days: dict[str, date] = dict(zip(LOCAL_RANGE, local_range, strict=True))
    # These are constants, so the planner considers only the partitions between them. Expressions over days are not.
    reach = {
        "days_from": _midnight(days["first_day"]) - MAX_CLOCK_DIFFERENCE,
        "days_to": _midnight(days["last_day"]) + ONE_DAY + MAX_CLOCK_DIFFERENCE,
    }
    return bounds | days | reach


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _edges(months: Sequence[date]) -> list[date]:
    """The months that begin where some months begin or end."""
    return sorted({edge for month in months for edge in (month, next_month(month))})


class _LocalClock(NamedTuple):
    """What the events say at the user's local clock."""

    buckets: list[list[tuple[Any, ...]]]
    """By range: rows of user_time_bucket_stats."""
    hour_months: list[tuple[Any, ...]]
    """Rows of user_hour_months."""
    month_contexts: list[tuple[Any, ...]]
    """Rows of user_month_contexts."""
    month_edges: list[tuple[Any, ...]]
    """Rows of user_month_edges."""


def _read_local_clock(conn: Connection, ranges: Sequence[dict[str, Any]]) -> _LocalClock:
    buckets = [conn.execute(statement("stats/buckets"), bounds).fetchall() for bounds in ranges]
    months = [row for bounds in ranges for row in conn.execute(statement("stats/hours_and_contexts"), bounds)]
    return _LocalClock(
        buckets,
        [(user_id, month, *row[:HOUR_COLUMNS]) for user_id, month, *row in months],
        [(user_id, month, *row[HOUR_COLUMNS:]) for user_id, month, *row in months],
        [row for bounds in ranges for row in conn.execute(statement("stats/month_edges"), bounds)],
    )


def _write_track_months(conn: Connection, ranges: Sequence[dict[str, Any]]) -> int:
    changed = 0
    for bounds in ranges:
        has_rows = fetch_scalar(conn, statement("stats/has_track_months"), bounds)
        changed += fetch_scalar(conn, statement("stats/track_months" if has_rows else "stats/new_track_months"), bounds)
    if len(ranges) > 1:
        conn.execute(statement("stats/sum_tracks"))
    return changed


def _write_tracks(conn: Connection, scope: dict[str, Any]) -> int:
    names = ["remove_tracks", "update_tracks", "insert_tracks"]
    if scope["recount"]:
        names.append("recount_tracks")
    written = sum(conn.execute(statement(f"stats/{name}"), scope).rowcount for name in names)
    if fetch_scalar(conn, "SELECT EXISTS (SELECT FROM changed_tracks WHERE has_lost_first_or_last)"):
        conn.execute(statement("stats/first_and_last_plays"), scope)
    return written


def _write_artists(conn: Connection, scope: dict[str, Any]) -> int:
    acquire(conn, shared(Lock.CATALOG_LINKS))
    conn.execute(statement("stats/touched_artists"), scope)
    conn.execute("ANALYZE touched_artists")
    return conn.execute(statement("stats/artists")).rowcount


def _write_songs(conn: Connection, scope: dict[str, Any]) -> int:
    """Write the sums of songs of which a user played several tracks. ``CATALOG_LINKS`` is held."""
    conn.execute(statement("stats/touched_songs"), scope)
    conn.execute("ANALYZE touched_songs")
    return conn.execute(statement("stats/songs")).rowcount


def choose_year_top_tracks(
    conn: Connection, user_years: Sequence[tuple[int, int]], among: Sequence[int] | None = None
) -> int:
    """Choose the most played tracks and songs of local years of some users again; return the rows that changed.

    Part of a transaction in which no other session writes these users' statistics or changes songs. ``among`` are
    tracks of which it is known that no other can be kept.
    """
    if not user_years:
        return 0
    years = [year for _, year in user_years]
    parameters = {
        "year_users": [user_id for user_id, _ in user_years],
        "years": years,
        "each": TOP_TRACKS,
        "among": None if among is None else list(among),
    }
    bounds = {"first": date(min(years), 1, 1), "end": date(max(years) + 1, 1, 1)}
    return conn.execute(statement("stats/year_top_tracks"), parameters | bounds).rowcount


def _write_albums(conn: Connection, scope: dict[str, Any]) -> int:
    acquire(conn, shared(Lock.CATALOG_LINKS))
    conn.execute(statement("stats/touched_albums"), scope)
    conn.execute("ANALYZE touched_albums")
    return conn.execute(statement("stats/albums")).rowcount


def _write_year_top_tracks(conn: Connection, scope: dict[str, Any], month_edges: Sequence[tuple[Any, ...]]) -> int:
    """Write complete local years: the sums of their UTC months, corrected at the edges of the local year."""
    _copy(conn, "COPY fresh_month_edges (user_id, month, track_id, play_count, total_ms) FROM STDIN", month_edges)
    conn.execute(statement("stats/remove_month_edges"), scope)
    conn.execute(statement("stats/write_month_edges"), scope)
    years = sorted({day.year for edge in scope["edges"] for day in (edge - ONE_DAY, edge)})
    user_years = [(user_id, year) for user_id in scope["user_ids"] for year in years]
    among = None
    if len(user_years) == 1 and not scope["recount"]:  # as after a poll; a month beside a year's edge is of two years
        [(user_id, year)] = user_years
        among = fetch_scalar(conn, statement("stats/most_played_among"), {"user_id": user_id, "year": year})
    return choose_year_top_tracks(conn, user_years, among)


def _write_buckets(
    conn: Connection, ranges: Sequence[dict[str, Any]], buckets: Sequence[Sequence[tuple[Any, ...]]]
) -> int:
    """Write complete local days, weeks and months, each from all of its events, also those of neighbouring months."""
    written = 0
    for bounds, rows in zip(ranges, buckets, strict=True):
        empty(conn, ("fresh_buckets",))
        _copy(
            conn,
            "COPY fresh_buckets (user_id, bucket_type, bucket_date, play_count, total_ms, unique_tracks) FROM STDIN",
            rows,
        )
        for name in ("remove_buckets", "write_buckets"):
            written += conn.execute(statement(f"stats/{name}"), bounds).rowcount
    return written


def _write_hours(conn: Connection, scope: dict[str, Any], hour_months: Sequence[tuple[Any, ...]]) -> tuple[int, int]:
    """Write the hours of the months, those of the week and those of the day; the last two are counted."""
    _copy(conn, "COPY fresh_hour_months (user_id, month, week_hours, play_counts, total_ms) FROM STDIN", hour_months)
    for name in ("changed_hours", "remove_hour_months", "write_hour_months"):
        conn.execute(statement(f"stats/{name}"), scope)
    weekday_hours = conn.execute(statement("stats/apply_hours")).rowcount
    if scope["recount"]:
        weekday_hours += conn.execute(statement("stats/recount_weekday_hours"), scope).rowcount
    return weekday_hours, conn.execute(statement("stats/hours"), scope).rowcount


def _write_contexts(
    conn: Connection, scope: dict[str, Any], month_contexts: Sequence[tuple[Any, ...]]
) -> tuple[int, int]:
    """Write the contexts of the months, and how plays of all time were heard; both are counted."""
    _copy(
        conn,
        "COPY fresh_month_contexts (user_id, month, skip_count, skip_ms, context_ids, play_counts, total_ms)"
        " FROM STDIN",
        month_contexts,
    )
    conn.execute(statement("stats/changed_contexts"), scope)
    names = ("remove_month_contexts", "write_month_contexts")
    months = sum(conn.execute(statement(f"stats/{name}"), scope).rowcount for name in names)
    contexts = conn.execute(statement("stats/apply_contexts")).rowcount
    if scope["recount"]:
        contexts += conn.execute(statement("stats/recount_contexts"), scope).rowcount
    return months, contexts


def _copy(conn: Connection, target: LiteralString, rows: Sequence[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)


def _month_ranges(months: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The first and last months of ranges of recomputed months, with gaps of up to ``RANGE_GAP`` months."""
    first = last = months[0]
    for month in months[1:]:
        if _number(month) - _number(last) > RANGE_GAP + 1:
            yield first, last
            first = month
        last = month
    yield first, last


def _number(month: date) -> int:
    return month.year * 12 + month.month
