"""Conforming: the landed plays of a user-month, from all sources, become its listening events.

Each user-month is conformed in its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import psycopg

from myi_pipelines.warehouse.archive import UserMonthsArchived, require_present
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    PartitionLoad,
    around,
    attach_month,
    ensure_partitions_visible,
    existing_months,
    index_statements,
    invalidate_partition_cache,
    month_of,
    next_month,
    starts_at,
    with_neighbours,
)
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import (
    MATCH_WINDOW,
    Stage,
    UserMonth,
    clear_invalidation,
    invalidate,
    lock_user_month,
)

LONGEST_OFFLINE = timedelta(days=31)
"""A play that was heard offline is uploaded at most 30 days after its end: the reader of exports ignores later times.
One day is added."""

SKIP_BELOW_MS = 30_000
"""A shorter play is a skip: ``listening_events.is_skip``."""

CLEAR_WORKSPACE = "TRUNCATE surviving_account_plays, candidate_polled_plays, candidate_pairs, matched_plays"


class Conformed(NamedTuple):
    """How the events of a user-month changed."""

    added: int = 0
    upgraded: int = 0
    """Polled plays of estimated length for which an export now gives the exact values."""
    updated: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def written(self) -> int:
        """Events that were added, changed or removed."""
        return self.added + self.upgraded + self.updated + self.removed


class _CatalogIsBehind(Exception):
    """A play of the user-month names a track that the catalog has not taken in."""


class _MustBeAlone(Exception):
    """Events of the user-month may move to another month, so no other month of the user may be derived now."""


def conform_user_months(session: Session, user_months: Iterable[UserMonth]) -> Iterator[tuple[UserMonth, Conformed]]:
    """Derive the events of user-months from landing, each in its own transaction; yield what changed, in order.

    Rows that are right already are not touched. Where events change, the transaction that clears the user-month's own
    invalidation invalidates it for statistics. Names that landed in the meantime are taken into the catalog first.
    Raises UserMonthsArchived when archived plays are needed and the session cannot restore them.
    """
    user_months = list(user_months)
    conns = session.connections[: max(1, len(user_months))]
    for conn in conns:
        open_workspace(conn, with_neighbours(user_month.month for user_month in user_months))
    months = {user_month.month for user_month in user_months}
    missing = months - existing_months(session.conn, LISTENING_EVENTS, months)
    partition_load = _partition_load(session.conn) if missing else None

    def conform(conn: Connection, user_month: UserMonth) -> Conformed:
        load = partition_load if user_month.month in missing else None
        return _conform_when_ready(session.on(conn), user_month, load)

    def report(user_month: UserMonth, error: psycopg.Error) -> None:
        session.report_failure(Failure(user_month.user_id, user_month.month, error))

    yield from map_on_connections(conns, user_months, conform, on_error=report)
    if missing:
        invalidate_partition_cache(session.conn, LISTENING_EVENTS)


def _partition_load(conn: Connection) -> PartitionLoad:
    return PartitionLoad(statement("events/fill_month").format, index_statements(conn, LISTENING_EVENTS))


def _conform_when_ready(session: Session, user_month: UserMonth, partition_load: PartitionLoad | None) -> Conformed:
    """Conform a user-month, and first do what it needs: restore plays, take names into the catalog, wait to be alone.

    A ``partition_load`` is given when the month has no partition yet.
    """
    conn, alone = session.conn, False
    while True:
        try:
            with conn.transaction():
                asynchronous_commit(conn)
                _lock(conn, user_month, alone=alone)
                return _conform(conn, user_month, session.min_play_ms, partition_load, alone=alone)
        except _MustBeAlone:
            alone = True
        except _CatalogIsBehind:
            invalidate(conn, [user_month], Stage.EVENTS)
            sync_catalog(conn)
        except UserMonthsArchived as needed:
            if session.restore_archived is None:
                raise
            session.restore_archived(conn, needed.user_months)


def _lock(conn: Connection, user_month: UserMonth, *, alone: bool) -> None:
    """Take the locks for one user-month: beside others of its user, or alone with the months around it."""
    if alone:
        months = [shared(Lock.MONTH, month) for month in around(user_month.month)]
        acquire(conn, shared(Lock.ARCHIVE), *months, exclusive(Lock.USER, user_month.user_id))
    else:
        lock_user_month(conn, user_month)


def _conform(
    conn: Connection, user_month: UserMonth, min_play_ms: int, partition_load: PartitionLoad | None, *, alone: bool
) -> Conformed:
    bounds = user_month_bounds(user_month, min_play_ms)
    has_account_data, has_polled_plays, is_unlinked, has_archived = fetch_row(conn, statement("events/sources"), bounds)
    if has_archived:
        require_present(conn, [user_month], with_neighbours=has_account_data or has_polled_plays)
    if is_unlinked:
        raise _CatalogIsBehind
    if has_polled_plays and not alone:
        raise _MustBeAlone
    clear_invalidation(conn, user_month, Stage.EVENTS)
    match_plays(conn, bounds, has_account_data=has_account_data, has_polled_plays=has_polled_plays)
    added = None
    if partition_load is not None and not has_polled_plays:
        added = attach_month(conn, LISTENING_EVENTS, user_month.month, partition_load, bounds)
    if added is None:
        conformed = _merge(conn, user_month, bounds, has_polled_plays=has_polled_plays)
    else:
        conformed = Conformed(added=added)
        if added:
            invalidate(conn, [user_month], Stage.STATS)
    if has_account_data or has_polled_plays:
        conn.execute(CLEAR_WORKSPACE)
    return conformed


def user_month_bounds(user_month: UserMonth, min_play_ms: int) -> dict[str, Any]:
    """The parameters of the statements that derive a user-month."""
    first, last = starts_at(user_month.month), starts_at(next_month(user_month.month))
    return {
        "user_id": user_month.user_id,
        "starts_at": first,
        "ends_at": last,
        "near_start": first - MATCH_WINDOW,
        "near_end": last + MATCH_WINDOW,
        "uploaded_from": first - MATCH_WINDOW - LONGEST_OFFLINE,
        "min_play_ms": min_play_ms,
        "skip_below_ms": SKIP_BELOW_MS,
    }


def open_workspace(conn: Connection, months: Collection[date] | None = None) -> None:
    """Prepare the session to derive user-months of the given months, or of any months.

    It empties the temporary tables, which hold one user-month at a time, and makes the partitions visible.
    """
    conn.execute(statement("events/workspace"))
    conn.execute(CLEAR_WORKSPACE)
    for table in (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS):
        ensure_partitions_visible(conn, table, months)


def match_plays(conn: Connection, bounds: dict[str, Any], *, has_account_data: bool, has_polled_plays: bool) -> None:
    """Fill the workspace with the plays that several sources may report, and with the matches between them."""
    if has_account_data:
        conn.execute(statement("events/survivors"), bounds)
    if has_polled_plays:
        _match_polled_plays(conn, bounds)


def _match_polled_plays(conn: Connection, bounds: dict[str, Any]) -> None:
    conn.execute(statement("events/polled"), bounds)
    conn.execute(statement("events/pairs"), bounds)
    while conn.execute(statement("events/match")).rowcount:
        pass


def _merge(conn: Connection, user_month: UserMonth, bounds: dict[str, Any], *, has_polled_plays: bool) -> Conformed:
    """Write the differences between the desired and the present events of a user-month."""
    conn.execute("TRUNCATE desired_events")
    conn.execute(statement("events/stage"), bounds)
    moved: list[tuple[date, date]] = []
    if has_polled_plays:
        matched = conn.execute("SELECT exported_played_at FROM matched_plays WHERE NOT by_minute").fetchall()
        for month in sorted({user_month.month, *(month_of(played_at) for (played_at,) in matched)}):
            attach_month(conn, LISTENING_EVENTS, month)
        if matched:
            moved = conn.execute(statement("events/upgrade"), bounds).fetchall()
    removed = conn.execute(statement("events/remove"), bounds).rowcount
    upgraded_flags = [is_upgraded for (is_upgraded,) in conn.execute(statement("events/update"), bounds)]
    added = conn.execute(statement("events/insert"), bounds).rowcount
    desired = fetch_scalar(conn, "SELECT count(*) FROM desired_events")
    upgraded_here = sum(upgraded_flags)
    arrived = sum(month == user_month.month for _, month in moved)
    conformed = Conformed(
        added=added,
        upgraded=len(moved) + upgraded_here,
        updated=len(upgraded_flags) - upgraded_here,
        removed=removed,
        unchanged=desired - added - len(upgraded_flags) - arrived,
    )
    if conformed.written:
        months = {user_month.month}.union(*moved)
        invalidate(conn, [UserMonth(user_month.user_id, month) for month in months], Stage.STATS)
    return conformed
