"""Whether the warehouse is what landing says: everything derived is derived again beside it and compared, row by row;
and the repair of what differs. What only adds up, or does not, is told by ``invariants``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

from myi_pipelines.warehouse import invariants, personal_data
from myi_pipelines.warehouse.archive import ARCHIVED_TABLES
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.events import conform_user_months, match_plays, open_workspace, user_month_bounds
from myi_pipelines.warehouse.partitions import (
    LISTENING_EVENTS,
    MONTH_TABLES,
    USER_TRACK_MONTHS,
    around,
    ensure_partitions_visible,
    snapshot,
)
from myi_pipelines.warehouse.session import RestoreArchived, Session
from myi_pipelines.warehouse.stats import TOP_TRACKS, refresh_stats
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate, invalidated_user_months

FROM_EVENTS = {
    "user_track_months": "track_months",
    "user_hour_months": "hour_months",
    "user_time_bucket_stats": "buckets",
    "user_month_edges": "month_edges",
}
FROM_MONTHS = {
    "user_track_stats": "tracks",
    "user_artist_stats": "artists",
    "user_year_top_tracks": "year_top_tracks",
    "user_hour_stats": "hours",
    "users": "totals",
}
ROUNDS = 5


class Difference(NamedTuple):
    """One row, or sum, that is not what it must be."""

    table: str
    what: str
    user: str | None = None
    user_id: int | None = None
    month: date | None = None
    """The month that is derived again to repair it."""
    stage: Stage | None = None
    """What of that month is."""

    def __str__(self) -> str:
        return f"{self.user}: {self.table}: {self.what}" if self.user else f"{self.table}: {self.what}"


class Verified(NamedTuple):
    """What was compared, and what differs."""

    differences: list[Difference]
    users: int
    slices: int
    """Slices whose events were derived aside."""
    stale: int
    """Slices that wait to be derived, and of which nothing was expected."""


Progress = Callable[[str], None]


def verify(
    conn: Connection, *, min_play_ms: int, user: str | None = None, progress: Progress = lambda line: None
) -> Verified:
    """Compare everything that is derived with what it is derived from; of one listener or of all. Writes nothing.

    Each listener is seen as they are at one instant, so people may go on. Stale slices, and those whose plays are in
    the archive, are compared as far as they can be.
    """
    chosen = conn.execute(
        "SELECT id, name, coalesce(timezone, 'UTC') FROM users LEFT JOIN user_settings ON user_id = users.id"
        " WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name",
        {"name": user},
    ).fetchall()
    for table in MONTH_TABLES:
        ensure_partitions_visible(conn, table)
    differences: list[Difference] = []
    slices = 0
    for user_id, name, timezone in chosen:
        progress(f"verifying {name}")
        slices += _verify_events(conn, user_id, name, min_play_ms, differences)
        differences += _statistics(conn, user_id, name, timezone)
    progress("verifying the sums" if user else "verifying the sums and the catalog")
    differences += [
        Difference(one.table, f"{one.measure} sums to {one.actual:,}, expected {one.expected:,}", one.user)
        for one in invariants.check(conn, [user_id for user_id, _, _ in chosen])
    ]
    if user is None:
        differences += [Difference(*row) for row in conn.execute(statement("verify/catalog"))]
        differences += [
            Difference(table, f"{rows:,} rows of listener {user_id}, who does not exist", user_id=user_id)
            for table, user_id, rows in personal_data.ownerless(conn)
        ]
    stale = [
        one
        for stage in Stage
        for user_id, _, _ in chosen
        for one in invalidated_user_months(conn, stage, user_id=user_id)
    ]
    return Verified(differences, len(chosen), slices, len(set(stale)))


def repair(
    conn: Connection,
    found: Verified,
    *,
    min_play_ms: int,
    restore_archived: RestoreArchived | None = None,
    progress: Progress = lambda line: None,
) -> None:
    """Mark the slices that differ and derive them; make all-time counts the sums of their months.

    Rows of nobody and of no names go, and names that mean no track are taken into the catalog again. Safe to break off
    and to repeat. Archived plays that the work needs are restored; without ``restore_archived``, UserMonthsArchived is
    raised.
    """
    if any(one.table in ("export_tracks", "export_track_links") for one in found.differences):
        conn.execute(statement("verify/relink"))
    for user_id in {one.user_id for one in found.differences if one.user is None and one.user_id is not None}:
        personal_data.forget_user(conn, user_id)
    sync_catalog(conn)
    for user_id, name in sorted({(one.user_id, one.user) for one in found.differences if one.user and one.user_id}):
        progress(f"repairing {name}")
        _repair(
            conn, user_id, [one for one in found.differences if one.user_id == user_id], min_play_ms, restore_archived
        )


def _repair(
    conn: Connection,
    user_id: int,
    differences: Sequence[Difference],
    min_play_ms: int,
    restore_archived: RestoreArchived | None,
) -> None:
    months = sorted({one.month for one in differences if one.month})
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), *(shared(Lock.MONTH, month) for month in months))
        acquire(conn, exclusive(Lock.USER, user_id), shared(Lock.CATALOG_LINKS))
        for name in ("verify/rewrite_tracks", "verify/rewrite_artists", "stats/hours", "stats/totals"):
            conn.execute(statement(name), {"user_id": user_id, "user_ids": [user_id]})
        for stage in Stage:
            stale = {one.month for one in differences if one.stage is stage and one.month}
            invalidate(conn, [UserMonth(user_id, month) for month in stale], stage)
    session = Session(conn, min_play_ms=min_play_ms, restore_archived=restore_archived)
    for _ in range(ROUNDS):
        waiting = invalidated_user_months(conn, Stage.EVENTS, user_id=user_id)
        for _ in conform_user_months(session, waiting):
            pass
        refresh_stats(session, user_id, months)
        if not invalidated_user_months(conn, Stage.EVENTS, user_id=user_id):
            break


# Comparing


def _verify_events(conn: Connection, user_id: int, name: str, min_play_ms: int, differences: list[Difference]) -> int:
    open_workspace(conn, ())
    months = [month for (month,) in conn.execute(statement("verify/slices"), {"user_id": user_id})]
    compared = 0
    for month in months:
        with snapshot(conn, ARCHIVED_TABLES, around(month)), conn.transaction(force_rollback=True):
            if (rows := _compared_events(conn, UserMonth(user_id, month), min_play_ms)) is None:
                continue
        compared += 1
        differences += [
            Difference(
                "listening_events",
                f"{kind} play of {track or f'track {track_id}'} at {played_at:%Y-%m-%d %H:%M:%S}",
                name, user_id, month, Stage.EVENTS,
            )
            for kind, played_at, track_id, track in rows
        ]  # fmt: skip
    return compared


def _compared_events(conn: Connection, one: UserMonth, min_play_ms: int) -> list[tuple[Any, ...]] | None:
    """The events of a slice that are not what landing says; None where it is about to be derived anyway.

    What is derived lies in temporary tables until the caller's transaction is rolled back.
    """
    bounds = user_month_bounds(one, min_play_ms)
    conn.execute("TRUNCATE desired_events")
    row = conn.execute(statement("events/sources"), bounds).fetchone()
    assert row is not None
    has_account_data, has_polled_plays, is_unlinked, _ = row
    if is_unlinked or one in invalidated_user_months(conn, Stage.EVENTS, months=[one.month], user_id=one.user_id):
        return None
    match_plays(conn, bounds, has_account_data=has_account_data, has_polled_plays=has_polled_plays)
    conn.execute(statement("events/stage").format(desired=statement("events/desired")), bounds)
    return conn.execute(statement("verify/events"), bounds).fetchall()


def _statistics(conn: Connection, user_id: int, name: str, timezone: str) -> list[Difference]:
    """Rows of a listener's statistics that are not what the rows below them say."""
    with snapshot(conn, (LISTENING_EVENTS, USER_TRACK_MONTHS)):
        unknown = [month for (month,) in conn.execute(statement("verify/unknown"), {"user_id": user_id})]
        parameters = {"user_id": user_id, "timezone": timezone, "unknown": unknown, "each": TOP_TRACKS}
        return [
            Difference(table, what, name, user_id, month, Stage.STATS if table in FROM_EVENTS else None)
            for table, query in {**FROM_EVENTS, **FROM_MONTHS}.items()
            for month, what in conn.execute(statement(f"verify/{query}"), parameters)
        ]
