"""Conforming: a slice's landed plays, of whatever source, become its listening events. One transaction a slice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import psycopg

from myi_pipelines.warehouse.archive import RestoreArchived, UserMonthsArchived, require_present
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
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
from myi_pipelines.warehouse.user_months import (
    MATCH_WINDOW,
    Stage,
    UserMonth,
    clear_invalidation,
    invalidate,
    lock_user_month,
)

LONGEST_OFFLINE = timedelta(days=31)
"""A play is uploaded 30 days after its end at most, as ``history`` reads them; and a day more."""

SKIP_BELOW_MS = 30_000
"""A shorter play is a skip: ``listening_events.is_skip``."""

CLEAR_WORKSPACE = "TRUNCATE surviving_account_plays, candidate_polled_plays, candidate_pairs, matched_plays"


class Conformed(NamedTuple):
    """What became of a slice's events."""

    added: int = 0
    upgraded: int = 0
    """Polled plays, known by an estimate, that an export now tells exactly."""
    updated: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def written(self) -> int:
        """Events that are not as they were."""
        return self.added + self.upgraded + self.updated + self.removed


OnTrouble = Callable[[UserMonth, psycopg.Error], None]
"""Is told of a slice that cannot be derived, and why."""


class _CatalogIsBehind(Exception):
    """A play of the slice names a track that the catalog has yet to learn of."""


class _MustBeAlone(Exception):
    """The slice's events may move to another month: its user's other slices have to wait."""


def conform_user_months(
    conn: Connection,
    slices: Iterable[UserMonth],
    *,
    min_play_ms: int,
    helpers: Sequence[Connection] = (),
    restore_archived: RestoreArchived | None = None,
    on_trouble: OnTrouble | None = None,
) -> Iterator[tuple[UserMonth, Conformed]]:
    """Derive the events of slices from landing anew, each in its own transaction, and yield what changed, in order.

    With ``helpers``, further connections, as many more slices are under way at once. Rows that are right already are
    not touched. Where events change, the slice is marked for statistics in the same transaction that clears its own
    mark. Names that landed meanwhile are taken into the catalog first.
    Plays that are needed and archived are brought back, or UserMonthsArchived is raised when nobody can.
    A slice that the server refuses to derive is told to ``on_trouble``, if there is one, and stays marked; the others
    go on.
    """
    slices = list(slices)
    conns = [conn, *helpers][: max(1, len(slices))]
    for one in conns:
        open_workspace(one, with_neighbours(stale.month for stale in slices))
    months = {stale.month for stale in slices}
    missing = months - existing_months(conn, LISTENING_EVENTS, months)
    partition_load = _partition_load(conn) if missing else None

    def conform(mine: Connection, stale: UserMonth) -> Conformed:
        how = partition_load if stale.month in missing else None
        return _conform_when_ready(mine, stale, min_play_ms, restore_archived, how)

    yield from map_on_connections(conns, slices, conform, on_error=on_trouble)
    if missing:
        invalidate_partition_cache(conn, LISTENING_EVENTS)


def _partition_load(conn: Connection) -> PartitionLoad:
    return PartitionLoad(statement("events/fill_month").format, index_statements(conn, LISTENING_EVENTS))


def _conform_when_ready(
    conn: Connection,
    stale: UserMonth,
    min_play_ms: int,
    restore_archived: RestoreArchived | None,
    partition_load: PartitionLoad | None,
) -> Conformed:
    alone = False
    while True:
        try:
            with conn.transaction():
                return _conform(conn, stale, min_play_ms, partition_load, alone=alone)
        except _MustBeAlone:
            alone = True
        except _CatalogIsBehind:
            invalidate(conn, [stale], Stage.EVENTS)
            sync_catalog(conn)
        except UserMonthsArchived as needed:
            if restore_archived is None:
                raise
            restore_archived(conn, needed.slices)


def _conform(
    conn: Connection, stale: UserMonth, min_play_ms: int, partition_load: PartitionLoad | None, *, alone: bool
) -> Conformed:
    """With a ``partition_load``, the month is one that has no partition yet."""
    asynchronous_commit(conn)
    if alone:
        months = [shared(Lock.MONTH, month) for month in around(stale.month)]
        acquire(conn, shared(Lock.ARCHIVE), *months, exclusive(Lock.USER, stale.user_id))
    else:
        lock_user_month(conn, stale)
    bounds = user_month_bounds(stale, min_play_ms)
    row = conn.execute(statement("events/sources"), bounds).fetchone()
    assert row is not None
    has_account_data, has_polled_plays, is_unlinked, has_archived_slices = row
    if has_archived_slices:
        require_present(conn, [stale], with_neighbours=has_account_data or has_polled_plays)
    if is_unlinked:
        raise _CatalogIsBehind
    if has_polled_plays and not alone:
        raise _MustBeAlone
    clear_invalidation(conn, stale, Stage.EVENTS)
    match_plays(conn, bounds, has_account_data=has_account_data, has_polled_plays=has_polled_plays)
    added = None
    if partition_load is not None and not has_polled_plays:
        added = attach_month(conn, LISTENING_EVENTS, stale.month, partition_load, bounds)
    if added is None:
        conformed = _merge(conn, stale, bounds, has_polled_plays=has_polled_plays)
    else:
        conformed = Conformed(added=added)
        if added:
            invalidate(conn, [stale], Stage.STATS)
    if has_account_data or has_polled_plays:
        conn.execute(CLEAR_WORKSPACE)
    return conformed


def user_month_bounds(stale: UserMonth, min_play_ms: int) -> dict[str, Any]:
    """What the statements that derive a slice are to know of it."""
    first, last = starts_at(stale.month), starts_at(next_month(stale.month))
    return {
        "user_id": stale.user_id,
        "starts_at": first,
        "ends_at": last,
        "near_start": first - MATCH_WINDOW,
        "near_end": last + MATCH_WINDOW,
        "uploaded_from": first - MATCH_WINDOW - LONGEST_OFFLINE,
        "min_play_ms": min_play_ms,
        "skip_below_ms": SKIP_BELOW_MS,
    }


def open_workspace(conn: Connection, months: Collection[date] | None = None) -> None:
    """Make ready to derive slices of the months (or of any): empty the temporary tables in which one at a time is
    conformed, and have the session know every partition that is read.
    """
    conn.execute(statement("events/workspace"))
    conn.execute(CLEAR_WORKSPACE)
    for table in (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS):
        ensure_partitions_visible(conn, table, months)


def match_plays(conn: Connection, bounds: dict[str, Any], *, has_account_data: bool, has_polled_plays: bool) -> None:
    """Fill the workspace with the slice's plays that other sources may tell too, and with those that are one."""
    if has_account_data:
        conn.execute(statement("events/survivors"), bounds)
    if has_polled_plays:
        _match_polled_plays(conn, bounds)


def _match_polled_plays(conn: Connection, bounds: dict[str, Any]) -> None:
    conn.execute(statement("events/polled"), bounds)
    conn.execute(statement("events/pairs"), bounds)
    while conn.execute(statement("events/match")).rowcount:
        pass


def _merge(conn: Connection, stale: UserMonth, bounds: dict[str, Any], *, has_polled_plays: bool) -> Conformed:
    """Write the differences between the desired events and those that the slice has."""
    conn.execute("TRUNCATE desired_events")
    conn.execute(statement("events/stage"), bounds)
    moved: list[tuple[date, date]] = []
    if has_polled_plays:
        met = conn.execute("SELECT exported_played_at FROM matched_plays WHERE NOT by_minute").fetchall()
        for month in {stale.month, *(month_of(played_at) for (played_at,) in met)}:
            attach_month(conn, LISTENING_EVENTS, month)
        if met:
            moved = conn.execute(statement("events/upgrade"), bounds).fetchall()
    removed = conn.execute(statement("events/remove"), bounds).rowcount
    upgraded_flags = [better for (better,) in conn.execute(statement("events/update"), bounds)]
    added = conn.execute(statement("events/insert"), bounds).rowcount
    row = conn.execute("SELECT count(*) FROM desired_events").fetchone()
    assert row is not None
    upgraded_here = sum(upgraded_flags)
    arrived = sum(month == stale.month for _, month in moved)
    conformed = Conformed(
        added=added,
        upgraded=len(moved) + upgraded_here,
        updated=len(upgraded_flags) - upgraded_here,
        removed=removed,
        unchanged=row[0] - added - len(upgraded_flags) - arrived,
    )
    if conformed.written:
        months = {stale.month}.union(*moved) if moved else {stale.month}
        invalidate(conn, [UserMonth(stale.user_id, month) for month in months], Stage.STATS)
    return conformed
