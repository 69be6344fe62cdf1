"""The archive as the database knows it: which user-months are archived, how to archive a month and how to restore.

Here plays are rows; ``operations.parquet_store`` writes and reads the files.

One rule keeps everything exact: while a user-month is derived, its plays are in the database, and so are the plays with
which it shares a time bucket or a match. Otherwise UserMonthsArchived is raised, and the plays are restored first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg
from psycopg import sql

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, TablesInUse, acquire, exclusive, lock_tables, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    MONTH_TABLES,
    MonthTable,
    attach_month,
    existing_months,
    next_month,
    partition_name,
    referenced_by,
    starts_at,
)
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_months import MATCH_WINDOW, UserMonth

MIN_RETENTION_MONTHS = 3
"""Whole months before the current one that always stay: deriving a month needs the two months before it, and polls may
reach into the previous month."""

ROWS_AT_ONCE = 50_000
LOCK_TIMEOUT = "2s"
"""How long a lock is waited for that only writers hold. Later writers wait behind it."""
SECONDS_TO_LOCK = 2.0
"""For the locks that keep readers out; see ``lock_tables``."""
ATTEMPTS = 6
RESTORED_FILES_KEPT = timedelta(days=30)
"""How long the files of restored plays are kept: backups that were made before refer to them."""

Row: TypeAlias = tuple[Any, ...]
T = TypeVar("T")


class UserMonthsArchived(FailedError):
    """Plays that the work needs are in the archive."""

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
    user_count: int
    """Users whose plays of the month are in this part and not in the database."""


class ArchivedCounts(NamedTuple):
    """What of a user is in a part."""

    imported_plays: int
    polled_plays: int
    listening_events: int
    total_ms: int
    """Milliseconds of the listening events."""


class MonthState(NamedTuple):
    """What a month's partitions held at an instant. Two states are equal only if no session wrote in between."""

    rows: Mapping[str, int]
    versions: Mapping[str, int]


class Contents(NamedTuple):
    """What is recorded about a month when it is archived."""

    state: MonthState
    user_months: list[Row]
    names: list[Row]
    """The names in account data, with the user."""


# ── What is archived ─────────────────────────────────────────────────────────────────────────────────────────────────


def archived_around(conn: Connection, user_months: Iterable[UserMonth], *, with_neighbours: bool) -> list[UserMonth]:
    """The archived user-months that work on some user-months needs, oldest first.

    These are the user-months themselves, if they are archived. The two months before and after are added if
    ``with_neighbours`` is set, as for statistics, or if they hold polled plays or account data, which may match.
    """
    chosen = list(user_months)
    rows = conn.execute(
        statement("archive/needed_user_months"),
        {
            "user_ids": [user_id for user_id, _ in chosen],
            "months": [month for _, month in chosen],
            "with_neighbours": with_neighbours,
        },
    )
    return [UserMonth(*row) for row in rows]


def require_present(conn: Connection, user_months: Iterable[UserMonth], *, with_neighbours: bool) -> None:
    """Raise UserMonthsArchived unless all plays that work on some user-months needs are in the database."""
    if archived := archived_around(conn, user_months, with_neighbours=with_neighbours):
        raise UserMonthsArchived(archived)


def with_archived_restored(session: Session, work: Callable[[], T]) -> T:
    """What some work returns, done again when plays that it needs are archived and the session has restored them.

    Raises UserMonthsArchived when the session cannot restore them.
    """
    while True:
        try:
            return work()
        except UserMonthsArchived as needed:
            if session.restore_archived is None:
                raise
            session.restore_archived(session.conn, needed.user_months)


def archived_parts(conn: Connection, months: Sequence[date] | None = None) -> list[ArchivedMonth]:
    """The parts of the archive, oldest month first; all of them, or those of some months."""
    rows = conn.execute(statement("archive/parts"), {"months": list(months) if months is not None else None})
    return [ArchivedMonth(*row) for row in rows]


def archived_user_months(conn: Connection, months: Sequence[date]) -> list[UserMonth]:
    """The user-months of some months that are in the archive."""
    rows = conn.execute(
        "SELECT user_id, month FROM archived_user_months WHERE month = ANY (%s) ORDER BY month, user_id", [list(months)]
    )
    return [UserMonth(*row) for row in rows]


def archived_months_of_user(conn: Connection, user_id: int) -> list[tuple[date, int]]:
    """The months of a user that are in the archive, and the part that each is in."""
    return conn.execute(
        "SELECT month, part FROM archived_user_months WHERE user_id = %s ORDER BY month", [user_id]
    ).fetchall()


def parts_of_user_months(conn: Connection, user_months: Sequence[UserMonth]) -> dict[tuple[date, int], list[int]]:
    """Those of some user-months that are archived: user ids by month and part."""
    found: dict[tuple[date, int], list[int]] = {}
    wanted = {"user_ids": [user_id for user_id, _ in user_months], "months": [month for _, month in user_months]}
    for month, part, user_id in conn.execute(statement("archive/parts_of_user_months"), wanted):
        found.setdefault((month, part), []).append(user_id)
    return found


def archived_users(conn: Connection, part: ArchivedMonth) -> dict[int, ArchivedCounts]:
    """The users whose plays of a month are in a part and not in the database, and what is recorded of them."""
    rows = conn.execute(
        "SELECT user_id, imported_plays, polled_plays, play_count, total_ms FROM archived_user_months"
        " WHERE month = %s AND part = %s",
        [part.month, part.part],
    )
    return {user_id: ArchivedCounts(*counts) for user_id, *counts in rows}


# ── Archiving a month ────────────────────────────────────────────────────────────────────────────────────────────────


def first_kept_month(now: datetime, retention_months: int) -> date:
    """The first month that stays in the database: the current one and those that are retained before it stay."""
    months = max(12, now.year * 12 + now.month - 1 - max(retention_months, MIN_RETENTION_MONTHS))
    return date(months // 12, months % 12 + 1, 1)


def archivable_months(
    conn: Connection, before: date, now: datetime, *, months: Sequence[date] | None = None
) -> list[date]:
    """The months before a date that may be archived now, oldest first; of some months or of all.

    A month stays while a user-month in it or near it is invalidated, and while it has a retention hold.
    """
    present = set[date]().union(*(existing_months(conn, table) for table in MONTH_TABLES))
    chosen = sorted(present if months is None else present.intersection(months))
    rows = conn.execute(statement("archive/archivable"), {"months": chosen, "before": before, "now": now})
    return [month for (month,) in rows]


def hold_months(conn: Connection, months: Sequence[date], until: datetime) -> None:
    """Place retention holds: the months are not archived before ``until``."""
    conn.execute(
        "INSERT INTO retention_holds (month, held_until) SELECT unnest(%s::date[]), %s ON CONFLICT (month)"
        " DO UPDATE SET held_until = greatest(retention_holds.held_until, excluded.held_until)",
        [list(months), until],
    )


def next_part(conn: Connection, month: date) -> int:
    """The number of a month's next part."""
    return int(fetch_scalar(conn, "SELECT coalesce(max(part), 0) + 1 FROM archived_months WHERE month = %s", [month]))


def month_state(conn: Connection, month: date) -> MonthState:
    """What a month's partitions hold now: numbers that differ after every change."""
    rows, versions = {}, {}
    for table in _tables_with_partition(conn, month):
        state = statement("archive/state").format(partition=table.partition(month))
        rows[table.name], versions[table.name] = fetch_row(conn, state)
    return MonthState(rows, versions)


def month_contents(conn: Connection, month: date) -> Contents:
    """What is recorded about a month. Read it in the snapshot in which the month is exported."""
    bounds = {"starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}
    return Contents(
        month_state(conn, month),
        conn.execute(statement("archive/user_months"), bounds).fetchall(),
        conn.execute(statement("archive/account_data_names"), bounds).fetchall(),
    )


def month_rows(conn: Connection, table: MonthTable, month: date) -> Iterator[list[Row]]:
    """A month's rows by user and time, in batches; none when it has no partition. Call it inside a transaction."""
    if table not in _tables_with_partition(conn, month):
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

    ``exported`` holds the columns of ``archived_months`` besides the month; None for a month without rows.
    Nothing is dropped when anything changed since ``contents`` was read (MonthChanged), or when the tables cannot be
    locked (MonthIsBusy).
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
    tables = _tables_with_partition(conn, month)
    partitions = [table.partition(month) for table in tables]
    if partitions:  # writers that do not take the lock above have to wait here; readers do not
        conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.SQL(", ").join(partitions)))
    is_archivable = archivable_months(conn, next_month(month), now, months=[month]) == [month]
    if not is_archivable or month_state(conn, month) != contents.state:
        raise MonthChanged(f"{month:%Y-%m} changed while it was exported, and stays for now; the next run archives it")
    if exported is not None:
        _record(conn, month, contents, exported)
    parents = [sql.Identifier(table.name) for table in tables]
    referenced = [target for partition in partitions for target in referenced_by(conn, partition)]
    if partitions:
        lock_tables(conn, [*parents, *partitions, *referenced], within=SECONDS_TO_LOCK)
    for parent, partition in zip(parents, partitions, strict=True):
        conn.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, partition))
        conn.execute(sql.SQL("DROP TABLE {}").format(partition))


def _record(conn: Connection, month: date, contents: Contents, exported: Mapping[str, Any]) -> None:
    """Record what a month's new part holds, and that its folder is in use."""
    conn.execute(statement("archive/record"), {"month": month, **contents.state.rows, **exported})
    _copy(
        conn,
        "COPY archived_user_months (user_id, month, part, play_count, total_ms, imported_plays, polled_plays,"
        " has_account_data) FROM STDIN",
        ((user_id, month, exported["part"], *rest) for user_id, *rest in contents.user_months),
    )
    _copy(
        conn,
        "COPY archived_names (export_track_id, user_id, has_unknown_length, month) FROM STDIN",
        ((*name, month) for name in contents.names),
    )
    conn.execute("DELETE FROM orphaned_archive_folders WHERE folder = %s", [exported["folder"]])


def _tables_with_partition(conn: Connection, month: date) -> list[MonthTable]:
    """The tables that have a partition for a month."""
    names = [partition_name(table.name, month) for table in MONTH_TABLES]
    rows = conn.execute("SELECT to_regclass(name) IS NOT NULL FROM unnest(%s::text[]) AS name", [names]).fetchall()
    return [table for table, (exists,) in zip(MONTH_TABLES, rows, strict=True) if exists]


# ── Restoring ────────────────────────────────────────────────────────────────────────────────────────────────────────


def restore_user_months(
    conn: Connection,
    part: ArchivedMonth,
    user_ids: Sequence[int],
    read_rows: Callable[[MonthTable, Sequence[int]], Iterable[Iterable[Row]]],
    *,
    now: datetime,
) -> int:
    """Restore user-months of one part, in one transaction; return how many of them were archived.

    ``read_rows`` yields a table's archived rows of some users, in the order of its columns. Each event keeps its id and
    ``created_at``. A user-month is invalidated if the catalog merged or removed one of its tracks in the meantime.
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
        for table in sorted(MONTH_TABLES, key=lambda table: table.name):  # the order of their locks
            attach_month(conn, table, part.month)
        for table in MONTH_TABLES:
            columns = columns_of(conn, table)
            for batch in read_rows(table, chosen):
                copy_returning(conn, table, columns, batch)
            conn.execute(statement(f"archive/restore_{table.name}"))
        conn.execute(statement("archive/invalidate_changed"), {"month": part.month, "match_window": MATCH_WINDOW})
        conn.execute("DELETE FROM archived_user_months WHERE month = %s AND user_id = ANY (%s)", [part.month, chosen])
        conn.execute(statement("archive/retire"), {"remove_after": now + RESTORED_FILES_KEPT})
    conn.execute("TRUNCATE returning_imported_plays, returning_polled_plays, returning_listening_events")
    return len(chosen)


def copy_returning(conn: Connection, table: MonthTable, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Copy archived rows, in the order of some columns, into a table of the workspace of ``archive/workspace``."""
    target = sql.Identifier(f"returning_{table.name}")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    _copy(conn, sql.SQL("COPY {} ({}) FROM STDIN").format(target, names), rows)


def columns_of(conn: Connection, table: MonthTable) -> list[str]:
    """A table's columns, in order."""
    rows = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [table.name],
    )
    return [name for (name,) in rows]


# ── Orphaned folders ─────────────────────────────────────────────────────────────────────────────────────────────────


def add_orphaned_folder(conn: Connection, folder: str, remove_after: datetime) -> None:
    """Record a folder before anything is written into it, so that an unfinished one is removed later."""
    conn.execute("INSERT INTO orphaned_archive_folders (folder, remove_after) VALUES (%s, %s)", [folder, remove_after])


def retire_parts(conn: Connection, now: datetime) -> None:
    """Remove the record of parts whose plays are all restored or deleted. Their folders become orphans."""
    conn.execute(statement("archive/retire"), {"remove_after": now})


def orphaned_folders(conn: Connection, until: datetime | None = None) -> list[str]:
    """Folders that may be removed at a given time; without one, all that will be removed."""
    rows = conn.execute(
        "SELECT folder FROM orphaned_archive_folders WHERE %(until)s::timestamptz IS NULL OR remove_after <= %(until)s"
        " ORDER BY folder",
        {"until": until},
    )
    return [folder for (folder,) in rows]


def remove_orphaned_folder(conn: Connection, folder: str) -> None:
    """Record that a folder is removed or in use."""
    conn.execute("DELETE FROM orphaned_archive_folders WHERE folder = %s", [folder])


def replace_folder(conn: Connection, part: ArchivedMonth, exported: Mapping[str, Any], now: datetime) -> None:
    """Record that a part's rows, fewer than before, now lie in another folder. The old folder becomes an orphan."""
    with conn.transaction():
        add_orphaned_folder(conn, part.folder, now)
        _use_folder(conn, part, exported)


def replace_orphaned_folder(conn: Connection, folder: str, new: str) -> None:
    """Record that an orphaned folder's rows, fewer than before, now lie in another, which is kept for as long."""
    with conn.transaction():
        conn.execute(
            "UPDATE orphaned_archive_folders AS new SET remove_after = old.remove_after"
            " FROM orphaned_archive_folders AS old WHERE new.folder = %s AND old.folder = %s",
            [new, folder],
        )
        conn.execute("UPDATE orphaned_archive_folders SET remove_after = now() WHERE folder = %s", [folder])


def take_over_folder(
    conn: Connection, part: ArchivedMonth, exported: Mapping[str, Any], forgotten: Sequence[int]
) -> list[str]:
    """Record in which folder a part is found again; return the names of the users who are not in it any more.

    Their user-months are not archived from then on, and are derived from what else landed.
    """
    parameters = {"month": part.month, "user_ids": list(forgotten), "match_window": MATCH_WINDOW}
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), *(exclusive(Lock.USER, user_id) for user_id in sorted(forgotten)))
        _use_folder(conn, part, exported)
        conn.execute(statement("archive/drop_forgotten"), parameters)
        names = conn.execute("SELECT name FROM users WHERE id = ANY (%s) ORDER BY name", [list(forgotten)]).fetchall()
    return [name for (name,) in names]


def _use_folder(conn: Connection, part: ArchivedMonth, exported: Mapping[str, Any]) -> None:
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
