"""Months are archived and restored: ``warehouse.archive`` works on the tables, ``parquet_store`` on the files, and this
module on both. No Dagster.

A month is exported in one snapshot, read back and compared with that snapshot, and only then dropped, in the
transaction that records its folder. A process that is killed at any point leaves each play either in the tables or in
the archive. A folder is recorded before its first byte is written, so the next run removes an unfinished one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, NamedTuple

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.operations.parquet_store import ArchiveDamaged, Sealed, Store
from myi_pipelines.settings import Settings
from myi_pipelines.text import one_line
from myi_pipelines.warehouse import archive
from myi_pipelines.warehouse.archive import ArchivedMonth, Contents
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, exclusive, trying
from myi_pipelines.warehouse.partitions import MonthTable, snapshot
from myi_pipelines.warehouse.session import RestoreArchived
from myi_pipelines.warehouse.user_months import UserMonth

USERS_AT_ONCE = 200


class ArchivingUnderWay(BusyError):
    """Another process is archiving at this moment."""


class UserStillInArchive(FailedError):
    """Rows of a user who was to be forgotten are still in the archive."""


class MonthOutcome(NamedTuple):
    """What happened to one month that was to be archived."""

    month: date
    rows: int
    bytes: int
    error: str | None = None
    """Why the month stays in the tables; None when it was archived."""


class CleanedFolder(NamedTuple):
    """A folder of the archive that was written again without one user: the rows removed, and those found after that."""

    month: date
    folder: str
    removed_rows: int
    remaining_rows: int


class _NewFolder(NamedTuple):
    """A folder that is to hold one part of a month."""

    month: date
    part: int
    path: str


def store_of(settings: Settings) -> Store:
    """The archive of the settings: MYI_ARCHIVE_URL, or a folder below MYI_HOME. Raises ArchiveUnreachable."""
    return Store(settings.archive_url or str(settings.home / "archive"))


def restoring_from(store: Store) -> RestoreArchived:
    """What the warehouse's work calls when plays that it needs are archived."""
    return partial(restore_archived, store)


def archive_months(
    conn: Connection, store: Store, *, before: date, now: datetime | None = None
) -> Iterator[MonthOutcome]:
    """Archive every month before another that may be archived, oldest first. A month that fails holds up no other.

    Raises ArchivingUnderWay when another process is archiving.
    """
    now = now or datetime.now(UTC)
    with _only_archiver(conn):
        collect_garbage(conn, store, now)
        for month in archive.archivable_months(conn, before, now):
            yield _archive_or_keep(conn, store, month, now)


def restore_archived(store: Store, conn: Connection, user_months: Sequence[UserMonth]) -> int:
    """Restore archived user-months, equal row for row, and return how many were restored.

    Those that are not archived are skipped. Not to be called inside a transaction. Raises ArchiveDamaged before
    anything is written.
    """
    months = sorted({month for _, month in user_months})
    parts = {(part.month, part.part): part for part in archive.archived_parts(conn, months)}
    restored = 0
    for key, user_ids in archive.parts_of_user_months(conn, user_months).items():
        if key not in parts:  # Another process has restored it since.
            continue
        part = parts[key]
        store.check(part.folder, part.manifest_sha256)

        def rows(table: MonthTable, users: Sequence[int], part: ArchivedMonth = part) -> Iterator[Any]:
            yield from store.read_table(part.folder, table.name, archive.columns_of(conn, table), users)

        for start in range(0, len(user_ids), USERS_AT_ONCE):
            some = user_ids[start : start + USERS_AT_ONCE]
            restored += archive.restore_user_months(conn, part, some, rows, now=datetime.now(UTC))
    return restored


def forget_user(conn: Connection, store: Store, user_id: int) -> list[CleanedFolder]:
    """Remove a user's rows from every file of the archive, and count them again: the proof that none remains.

    The user's row in ``users`` may be deleted already. Folders that are kept only because backups refer to them are
    removed. Raises ArchivingUnderWay, ArchiveDamaged and, if a row is found in the end, UserStillInArchive.
    """
    now = datetime.now(UTC)
    with _only_archiver(conn):
        conn.execute("DELETE FROM archived_user_months WHERE user_id = %s", [user_id])
        archive.retire_parts(conn, now)
        for folder in archive.orphaned_folders(conn):
            _remove(conn, store, folder)
        cleaned = [
            _write_without(conn, store, part, user_id)
            for part in archive.archived_parts(conn)
            if _count_rows(store, part.folder, user_id)
        ]
    if remaining := [one for one in cleaned if one.remaining_rows]:
        raise UserStillInArchive(
            f"{len(remaining)} folders of the archive still hold rows, {remaining[0].folder} first"
        )
    return cleaned


def collect_garbage(conn: Connection, store: Store, now: datetime) -> int:
    """Remove the folders that are no longer needed; return how many there were."""
    archive.retire_parts(conn, now)
    folders = archive.orphaned_folders(conn, now)
    for folder in folders:
        _remove(conn, store, folder)
    return len(folders)


# Archiving one month


def _archive_or_keep(conn: Connection, store: Store, month: date, now: datetime) -> MonthOutcome:
    """Archive a month. What was written of one that has to stay is removed: on a full disk it would take the room of
    the next months."""
    folder = _new_folder(conn, month, archive.next_part(conn, month), now)
    try:
        return _archive(conn, store, folder, now)
    except (archive.MonthChanged, archive.MonthIsBusy, ArchiveDamaged) as error:
        reason = one_line(str(error))
    except OSError as error:
        why = error.strerror or one_line(str(error))
        reason = f"{month:%Y-%m} cannot be written to {store.url}: {why}; it stays, and the next run tries again"
    with suppress(OSError):  # The next run collects it.
        _remove(conn, store, folder.path)
    return MonthOutcome(month, 0, 0, reason)


def _archive(conn: Connection, store: Store, folder: _NewFolder, now: datetime) -> MonthOutcome:
    contents, sealed = _export(conn, store, folder)
    rows = sum(contents.state.rows.values())
    if rows == 0:
        _remove(conn, store, folder.path)
        archive.drop_month(conn, folder.month, contents, now=now)
        return MonthOutcome(folder.month, 0, 0)
    exported = {"part": folder.part, **_folder_record(folder.path, sealed)}
    archive.drop_month(conn, folder.month, contents, now=now, exported=exported)
    return MonthOutcome(folder.month, rows, sealed.bytes)


def _export(conn: Connection, store: Store, folder: _NewFolder) -> tuple[Contents, Sealed]:
    """Write a month and compare what can be read back with the snapshot that it was written from."""
    month, tables = folder.month, archive.ARCHIVED_TABLES
    with snapshot(conn, tables, [month]):
        contents = archive.month_contents(conn, month)
        for table in tables:
            store.write_table(folder.path, table.name, archive.month_rows(conn, table, month))
        rows = {
            table.name: store.verify_table(folder.path, table.name, archive.month_rows(conn, table, month))
            for table in tables
        }
    return contents, _seal(store, folder, rows)


# Forgetting a user in one folder


def _write_without(conn: Connection, store: Store, part: ArchivedMonth, user_id: int) -> CleanedFolder:
    """Write a part again without one user, and remove the old files."""
    now = datetime.now(UTC)
    store.check(part.folder, part.manifest_sha256)
    before = _count_rows(store, part.folder, user_id)
    folder = _new_folder(conn, part.month, part.part, now)
    rows = {}
    for table in (table.name for table in archive.ARCHIVED_TABLES):
        store.write_table(folder.path, table, store.rows_without(part.folder, table, user_id))
        rows[table] = store.verify_table(folder.path, table, store.rows_without(part.folder, table, user_id))
    sealed = _seal(store, folder, rows)
    archive.replace_folder(conn, part, _folder_record(folder.path, sealed), now)
    _remove(conn, store, part.folder)
    remaining = _count_rows(store, folder.path, user_id) + store.exists(part.folder)
    return CleanedFolder(part.month, folder.path, before, remaining)


def _count_rows(store: Store, folder: str, user_id: int) -> int:
    return sum(store.count_rows(folder, table.name, user_id) for table in archive.ARCHIVED_TABLES)


# Folders


def _new_folder(conn: Connection, month: date, part: int, now: datetime) -> _NewFolder:
    path = f"month={month:%Y-%m}/{part}-{secrets.token_hex(4)}"
    archive.add_orphaned_folder(conn, path, now)
    return _NewFolder(month, part, path)


def _seal(store: Store, folder: _NewFolder, rows: dict[str, int]) -> Sealed:
    return store.seal(folder.path, rows, {"month": f"{folder.month:%Y-%m}", "part": folder.part})


def _folder_record(path: str, sealed: Sealed) -> dict[str, Any]:
    """What ``archived_months`` records of a folder."""
    return {"folder": path, "manifest_sha256": sealed.manifest_sha256, "bytes": sealed.bytes, **sealed.rows}


def _remove(conn: Connection, store: Store, path: str) -> None:
    store.remove(path)
    archive.remove_orphaned_folder(conn, path)


@contextmanager
def _only_archiver(conn: Connection) -> Iterator[None]:
    """One process at a time archives, collects garbage or forgets. The lock ends with its connection."""
    with trying(conn, exclusive(Lock.ARCHIVING)) as is_mine:
        if not is_mine:
            raise ArchivingUnderWay("another process is archiving at this moment; it goes on where this one would")
        yield
