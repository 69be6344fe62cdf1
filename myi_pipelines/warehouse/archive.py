"""The archive as the warehouse knows it: which slices are in it, how a month leaves and how slices come back.

Plays come and go as rows here; the files that hold them are ``archive_files``' business.

One rule keeps everything exact: whoever works on a slice has its plays, and those that it shares a bucket or a match
with, present. A slice that is not raises UserMonthsArchived, and comes back before the work is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import psycopg
from psycopg import sql

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, TablesInUse, acquire, exclusive, lock_tables, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    MonthTable,
    attach_month,
    existing_months,
    next_month,
    partition_name,
    referenced_by,
    starts_at,
)
from myi_pipelines.warehouse.user_months import UserMonth

ARCHIVED_TABLES = (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS)
"""What leaves. ``user_track_months`` stays: all-time statistics are its sums."""

KEPT_AT_LEAST = 3
"""Whole months before the current one that stay in any case: deriving a month reaches two back, and polls reach into
the month before this one."""

ROWS_AT_ONCE = 50_000
LOCK_TIMEOUT = "2s"
"""Writers who come meanwhile wait as long as their locks are waited for."""
SECONDS_TO_LOCK = 2.0
"""For the locks that readers would wait for; see ``lock_tables``."""
ATTEMPTS = 6
KEEP_RETURNED = timedelta(days=30)
"""How long the files of plays that came back are kept: backups made before refer to them."""

Row: TypeAlias = tuple[Any, ...]


class UserMonthsArchived(FailedError):
    """Plays that the work at hand needs are in the archive."""

    def __init__(self, user_months: Sequence[UserMonth]) -> None:
        self.user_months = list(user_months)
        months = sorted({f"{month:%Y-%m}" for _, month in user_months})
        super().__init__(f"plays of {', '.join(months)} are in the archive; restore them with `myi unarchive MONTH`")


class MonthChanged(BusyError):
    """A month's plays changed while they were exported; nothing was dropped."""


class MonthIsBusy(BusyError):
    """A month's tables could not be locked; nothing was dropped."""


class ArchivedMonth(NamedTuple):
    """One part of an archived month."""

    month: date
    part: int
    folder: str
    manifest_sha256: str
    imported_plays: int
    polled_plays: int
    listening_events: int
    bytes: int
    archived_at: datetime
    listeners: int
    """Whose plays of the month are in it and nowhere else."""


class MonthState(NamedTuple):
    """What a month's partitions held at an instant: equal only if nobody wrote in between."""

    rows: Mapping[str, int]
    versions: Mapping[str, int]


class Contents(NamedTuple):
    """What is recorded of a month that leaves."""

    state: MonthState
    slices: list[Row]
    names: list[Row]


# ── What is archived ─────────────────────────────────────────────────────────────────────────────────────────────────


def archived_around(conn: Connection, slices: Iterable[UserMonth], *, with_neighbours: bool) -> list[UserMonth]:
    """The archived slices that work on some slices needs, oldest first.

    Their own always. Those two months to either side with their neighbours, as statistics need them, or where polled
    plays or account data are among them, which may match.
    """
    chosen = list(slices)
    rows = conn.execute(
        statement("archive/around"),
        {
            "user_ids": [user_id for user_id, _ in chosen],
            "months": [month for _, month in chosen],
            "with_neighbours": with_neighbours,
        },
    )
    return [UserMonth(*row) for row in rows]


def require_present(conn: Connection, slices: Iterable[UserMonth], *, with_neighbours: bool) -> None:
    """Raise UserMonthsArchived unless all plays that work on some slices needs are present."""
    if archived := archived_around(conn, slices, with_neighbours=with_neighbours):
        raise UserMonthsArchived(archived)


def archived_parts(conn: Connection, months: Sequence[date] | None = None) -> list[ArchivedMonth]:
    """What the archive holds, oldest month first; all of it, or of some months."""
    rows = conn.execute(statement("archive/parts"), {"months": list(months) if months is not None else None})
    return [ArchivedMonth(*row) for row in rows]


def archived_user_months(conn: Connection, months: Sequence[date]) -> list[UserMonth]:
    """The slices of some months that are in the archive."""
    rows = conn.execute(
        "SELECT user_id, month FROM archived_user_months WHERE month = ANY (%s) ORDER BY month, user_id", [list(months)]
    )
    return [UserMonth(*row) for row in rows]


def parts_of_user_months(conn: Connection, slices: Sequence[UserMonth]) -> dict[tuple[date, int], list[int]]:
    """Those of some slices that are archived: listeners by month and part."""
    found: dict[tuple[date, int], list[int]] = {}
    wanted = {"user_ids": [one.user_id for one in slices], "months": [one.month for one in slices]}
    for month, part, user_id in conn.execute(statement("archive/parts_of_user_months"), wanted):
        found.setdefault((month, part), []).append(user_id)
    return found


# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def first_kept_month(now: datetime, retention_months: int) -> date:
    """Months before this one may leave: the current one and as many before it as are to be kept stay."""
    months = max(12, now.year * 12 + now.month - 1 - max(retention_months, KEPT_AT_LEAST))
    return date(months // 12, months % 12 + 1, 1)


def archivable_months(
    conn: Connection, before: date, now: datetime, *, months: Sequence[date] | None = None
) -> list[date]:
    """The months before another that may leave now, oldest first; of some months or of all.

    A month stays while a slice in it or near it is stale, and while somebody holds it.
    """
    present = set[date]().union(*(existing_months(conn, table) for table in ARCHIVED_TABLES))
    chosen = sorted(present if months is None else present.intersection(months))
    rows = conn.execute(statement("archive/archivable"), {"months": chosen, "before": before, "now": now})
    return [month for (month,) in rows]


def hold_months(conn: Connection, months: Sequence[date], until: datetime) -> None:
    """Keep months from being archived again before some time."""
    conn.execute(
        "INSERT INTO retention_holds (month, held_until) SELECT unnest(%s::date[]), %s ON CONFLICT (month)"
        " DO UPDATE SET held_until = greatest(retention_holds.held_until, excluded.held_until)",
        [list(months), until],
    )


def next_part(conn: Connection, month: date) -> int:
    """The number of a month's next part."""
    row = conn.execute("SELECT coalesce(max(part), 0) + 1 FROM archived_months WHERE month = %s", [month]).fetchone()
    assert row is not None
    return int(row[0])


def month_state(conn: Connection, month: date) -> MonthState:
    """What a month's partitions hold now, as far as it can be told without comparing rows."""
    rows, versions = {}, {}
    for table in _present(conn, month):
        counted = conn.execute(statement("archive/state").format(partition=table.partition(month))).fetchone()
        assert counted is not None
        rows[table.name], versions[table.name] = counted
    return MonthState(rows, versions)


def month_contents(conn: Connection, month: date) -> Contents:
    """What is recorded of a month. To be read in the snapshot in which it is exported."""
    bounds = {"starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}
    return Contents(
        month_state(conn, month),
        conn.execute(statement("archive/slices"), bounds).fetchall(),
        conn.execute(statement("archive/names"), bounds).fetchall(),
    )


def month_rows(conn: Connection, table: MonthTable, month: date) -> Iterator[list[Row]]:
    """A month's rows by listener and time, some at once; nothing where it has no partition. Inside a transaction."""
    if table not in _present(conn, month):
        return
    with conn.cursor(name=f"archive_{table.name}") as cursor:
        cursor.execute(statement(f"archive/export_{table.name}").format(partition=table.partition(month)))
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows


def drop_month(
    conn: Connection,
    month: date,
    contents: Contents,
    *,
    now: datetime,
    exported: Mapping[str, Any] | None = None,
) -> None:
    """Detach and drop a month's partitions, and record in the same transaction where their rows are.

    ``exported`` is what ``archived_months`` says of it besides the month; None for a month without rows.
    Nothing is dropped when anything changed since ``contents`` was read (MonthChanged), or when the tables cannot be
    locked for a moment (MonthIsBusy).
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with conn.transaction():
                _drop(conn, month, contents, now, exported)
            return
        except (TablesInUse, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == ATTEMPTS:
                raise MonthIsBusy(f"{month:%Y-%m} is in use and stays for now; the next run archives it") from None
            time.sleep(0.2 * attempt)


def _drop(conn: Connection, month: date, contents: Contents, now: datetime, exported: Mapping[str, Any] | None) -> None:
    conn.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
    acquire(conn, exclusive(Lock.ARCHIVE))
    tables = _present(conn, month)
    partitions = [table.partition(month) for table in tables]
    if partitions:  # Whoever writes without the lock above waits, readers do not.
        conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.SQL(", ").join(partitions)))
    may_leave = archivable_months(conn, next_month(month), now, months=[month])
    if may_leave != [month] or month_state(conn, month) != contents.state:
        raise MonthChanged(f"{month:%Y-%m} changed while it was exported, and stays for now; the next run archives it")
    if exported is not None:
        conn.execute(statement("archive/record"), {"month": month, **contents.state.rows, **exported})
        _copy(
            conn,
            "COPY archived_user_months (user_id, month, part, play_count, total_ms, imported_plays, polled_plays,"
            " has_account_data) FROM STDIN",
            ((user_id, month, exported["part"], *rest) for user_id, *rest in contents.slices),
        )
        _copy(
            conn,
            "COPY archived_names (export_track_id, user_id, month) FROM STDIN",
            ((*name, month) for name in contents.names),
        )
        conn.execute("DELETE FROM orphaned_archive_folders WHERE folder = %s", [exported["folder"]])
    parents = [sql.Identifier(table.name) for table in tables]
    referenced = [one for partition in partitions for one in referenced_by(conn, partition)]
    if partitions:
        lock_tables(conn, [*parents, *partitions, *referenced], within=SECONDS_TO_LOCK)
    for parent, partition in zip(parents, partitions, strict=True):
        conn.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, partition))
        conn.execute(sql.SQL("DROP TABLE {}").format(partition))


def _present(conn: Connection, month: date) -> list[MonthTable]:
    """The tables that have a partition for a month."""
    names = [partition_name(table.name, month) for table in ARCHIVED_TABLES]
    rows = conn.execute("SELECT to_regclass(name) IS NOT NULL FROM unnest(%s::text[]) AS name", [names]).fetchall()
    return [table for table, (is_there,) in zip(ARCHIVED_TABLES, rows, strict=True) if is_there]


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────────────────


def restore_user_months(
    conn: Connection,
    part: ArchivedMonth,
    user_ids: Sequence[int],
    rows: Callable[[MonthTable, Sequence[int]], Iterable[Iterable[Row]]],
    *,
    now: datetime,
) -> int:
    """Bring slices of one part back, in one transaction; return how many were still to come.

    ``rows`` yields a table's archived rows of some listeners, in the order of its columns. Every event keeps its id and
    ``created_at``; slices of which the catalog changed a track meanwhile are marked, to be derived again.
    """
    conn.execute(statement("archive/workspace"))
    with conn.transaction():
        acquire(conn, shared(Lock.CATALOG))
        acquire(conn, shared(Lock.ARCHIVE))
        for user_id in sorted(user_ids):
            acquire(conn, exclusive(Lock.USER, user_id))
        archived = conn.execute(
            "SELECT user_id FROM archived_user_months WHERE month = %s AND part = %s AND user_id = ANY (%s)",
            [part.month, part.part, list(user_ids)],
        )
        chosen = sorted(user_id for (user_id,) in archived)
        if not chosen:
            return 0
        for table in sorted(ARCHIVED_TABLES, key=lambda table: table.name):  # the order of their locks
            attach_month(conn, table, part.month)
        for table in ARCHIVED_TABLES:
            target = sql.Identifier(f"returning_{table.name}")
            columns = sql.SQL(", ").join(sql.Identifier(name) for name in columns_of(conn, table))
            copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(target, columns)
            for some in rows(table, chosen):
                _copy(conn, copy_in, some)
            conn.execute(statement(f"archive/return_{table.name}"))
        conn.execute(statement("archive/invalidate_changed"), {"month": part.month})
        conn.execute("DELETE FROM archived_user_months WHERE month = %s AND user_id = ANY (%s)", [part.month, chosen])
        conn.execute(statement("archive/retire"), {"remove_after": now + KEEP_RETURNED})
    conn.execute("TRUNCATE returning_imported_plays, returning_polled_plays, returning_listening_events")
    return len(chosen)


def columns_of(conn: Connection, table: MonthTable) -> list[str]:
    """A table's columns, in order."""
    rows = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [table.name],
    )
    return [name for (name,) in rows]


# ── Folders that nothing needs ───────────────────────────────────────────────────────────────────────────────────────


def add_orphaned_folder(conn: Connection, folder: str, remove_after: datetime) -> None:
    """Note a folder before anything is written into it, so that one that is never finished is removed."""
    conn.execute("INSERT INTO orphaned_archive_folders (folder, remove_after) VALUES (%s, %s)", [folder, remove_after])


def retire_parts(conn: Connection, now: datetime) -> None:
    """Give up parts that hold nobody's plays any more, as of listeners who were removed."""
    conn.execute(statement("archive/retire"), {"remove_after": now})


def orphans(conn: Connection, until: datetime | None = None) -> list[str]:
    """Folders that may be removed by some time; all that will be when none is given."""
    rows = conn.execute(
        "SELECT folder FROM orphaned_archive_folders WHERE %(until)s::timestamptz IS NULL OR remove_after <= %(until)s"
        " ORDER BY folder",
        {"until": until},
    )
    return [folder for (folder,) in rows]


def remove_orphaned_folder(conn: Connection, folder: str) -> None:
    """A folder is gone."""
    conn.execute("DELETE FROM orphaned_archive_folders WHERE folder = %s", [folder])


def replace_folder(conn: Connection, part: ArchivedMonth, exported: Mapping[str, Any], now: datetime) -> None:
    """A part's rows lie in another folder from now on, fewer of them; the old one may go."""
    with conn.transaction():
        add_orphaned_folder(conn, part.folder, now)
        conn.execute(
            "UPDATE archived_months SET folder = %(folder)s, manifest_sha256 = %(manifest_sha256)s, bytes = %(bytes)s,"
            " imported_plays = %(imported_plays)s, polled_plays = %(polled_plays)s,"
            " listening_events = %(listening_events)s WHERE month = %(month)s AND part = %(part)s",
            {"month": part.month, "part": part.part, **exported},
        )
        remove_orphaned_folder(conn, exported["folder"])


def _copy(conn: Connection, target: sql.Composed | str, rows: Iterable[Row]) -> None:
    with conn.cursor() as cursor, cursor.copy(target if isinstance(target, sql.Composed) else target.encode()) as copy:
        for row in rows:
            copy.write_row(row)
