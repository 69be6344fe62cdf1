"""How months leave for the archive and come back: where ``warehouse.archive`` and ``archive_files`` meet. No Dagster.

A month is exported in one snapshot, read back and compared with that snapshot, and only then dropped, in the
transaction that records where it lies. Killed at any point, it is either here or there; a folder that was not finished
is noted before its first byte, and removed by the next run.
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
from myi_pipelines.warehouse import archive
from myi_pipelines.warehouse.archive import ArchivedMonth, Contents
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, exclusive, trying
from myi_pipelines.warehouse.partitions import MonthTable, snapshot
from myi_pipelines.warehouse.session import RestoreArchived
from myi_pipelines.warehouse.user_months import UserMonth

LISTENERS_AT_ONCE = 200


class ArchivingUnderWay(BusyError):
    """Another process is archiving at this moment."""


class UserStillInArchive(FailedError):
    """Rows of a listener who was to be forgotten are still in the archive."""


class Left(NamedTuple):
    """What became of one month that was to leave."""

    month: date
    rows: int
    bytes: int
    error: str | None = None


class Forgotten(NamedTuple):
    """What was removed of one listener from one folder of the archive, and how many rows were found after that."""

    month: date
    folder: str
    removed_rows: int
    remaining_rows: int


def store_of(settings: Settings) -> Store:
    """The archive of the settings: MYI_ARCHIVE_URL, or a folder below MYI_HOME. Raises ArchiveUnreachable."""
    return Store(settings.archive_url or str(settings.home / "archive"))


def restoring_from(store: Store) -> RestoreArchived:
    """What the warehouse's work calls when plays that it needs are archived."""
    return partial(restore_archived, store)


def archive_months(conn: Connection, store: Store, *, before: date, now: datetime | None = None) -> Iterator[Left]:
    """Archive every month before another that may leave, oldest first. A month that cannot leave holds up no other.

    Raises ArchivingUnderWay when another process is at it.
    """
    now = now or datetime.now(UTC)
    with _alone(conn):
        sweep(conn, store, now)
        for month in archive.archivable_months(conn, before, now):
            yield _archive_or_keep(conn, store, month, now)


def restore_archived(store: Store, conn: Connection, slices: Sequence[UserMonth]) -> int:
    """Bring archived slices back, equal row for row, and return how many came.

    Those that are not archived are passed over. Not to be called inside a transaction. Raises ArchiveDamaged before
    anything is written.
    """
    parts = {(part.month, part.part): part for part in archive.archived_parts(conn, sorted({m for _, m in slices}))}
    came = 0
    for key, user_ids in archive.parts_of_user_months(conn, slices).items():
        if key not in parts:  # Somebody else brought it back since.
            continue
        part = parts[key]
        store.check(part.folder, part.manifest_sha256)

        def rows(table: MonthTable, users: Sequence[int], part: ArchivedMonth = part) -> Iterator[Any]:
            yield from store.read_table(part.folder, table.name, archive.columns_of(conn, table), users)

        for start in range(0, len(user_ids), LISTENERS_AT_ONCE):
            some = user_ids[start : start + LISTENERS_AT_ONCE]
            came += archive.restore_user_months(conn, part, some, rows, now=datetime.now(UTC))
    return came


def forget_user(conn: Connection, store: Store, user_id: int) -> list[Forgotten]:
    """Remove a listener's rows from every file of the archive, and look again: the proof that none is left.

    Whether the listener's row in ``users`` is gone already makes no difference. Folders that are only kept because
    backups refer to them are removed altogether.
    Raises ArchivingUnderWay, ArchiveDamaged and, if a row is found after all, UserStillInArchive.
    """
    now = datetime.now(UTC)
    forgotten = []
    with _alone(conn):
        conn.execute("DELETE FROM archived_user_months WHERE user_id = %s", [user_id])
        archive.retire_parts(conn, now)
        for folder in archive.orphans(conn):
            _remove(conn, store, folder)
        for part in archive.archived_parts(conn):
            held = {table.name: store.count_rows(part.folder, table.name, user_id) for table in archive.ARCHIVED_TABLES}
            if any(held.values()):
                forgotten.append(_rewrite_without(conn, store, part, user_id, sum(held.values()), now))
    if remaining := [one for one in forgotten if one.remaining_rows]:
        raise UserStillInArchive(
            f"{len(remaining)} folders of the archive still hold rows, {remaining[0].folder} first"
        )
    return forgotten


def sweep(conn: Connection, store: Store, now: datetime) -> int:
    """Remove the folders that nothing needs any more; return how many there were."""
    archive.retire_parts(conn, now)
    folders = archive.orphans(conn, now)
    for folder in folders:
        _remove(conn, store, folder)
    return len(folders)


def _archive_or_keep(conn: Connection, store: Store, month: date, now: datetime) -> Left:
    """Of a month that has to stay, nothing is left in the archive: on a full disk it would keep the next ones out."""
    part = archive.next_part(conn, month)
    folder = _new_folder(conn, month, part, now)
    try:
        return _archive(conn, store, month, part, folder, now)
    except (archive.MonthChanged, archive.MonthIsBusy, ArchiveDamaged) as error:
        reason = " ".join(str(error).split())
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        reason = f"{month:%Y-%m} cannot be written to {store.url}: {why}; it stays, and the next run tries again"
    with suppress(OSError):  # The next run sweeps.
        _remove(conn, store, folder)
    return Left(month, 0, 0, reason)


def _archive(conn: Connection, store: Store, month: date, part: int, folder: str, now: datetime) -> Left:
    contents, sealed = _export(conn, store, month, part, folder)
    rows = sum(contents.state.rows.values())
    if rows == 0:
        _remove(conn, store, folder)
        archive.drop_month(conn, month, contents, now=now)
        return Left(month, 0, 0)
    archive.drop_month(conn, month, contents, now=now, exported={"part": part, **_told(folder, sealed)})
    return Left(month, rows, sealed.bytes)


def _export(conn: Connection, store: Store, month: date, part: int, folder: str) -> tuple[Contents, Sealed]:
    """Write a month and compare what can be read back with the snapshot that it was written from."""
    tables = archive.ARCHIVED_TABLES
    with snapshot(conn, tables, [month]):
        contents = archive.month_contents(conn, month)
        for table in tables:
            store.write_table(folder, table.name, archive.month_rows(conn, table, month))
        rows = {
            table.name: store.verify_table(folder, table.name, archive.month_rows(conn, table, month))
            for table in tables
        }
    return contents, store.seal(folder, rows, {"month": f"{month:%Y-%m}", "part": part})


def _rewrite_without(
    conn: Connection, store: Store, part: ArchivedMonth, user_id: int, held: int, now: datetime
) -> Forgotten:
    """Write a part anew without one listener, and remove the old files."""
    store.check(part.folder, part.manifest_sha256)
    folder = _new_folder(conn, part.month, part.part, now)
    rows = {}
    for table in (table.name for table in archive.ARCHIVED_TABLES):
        store.write_table(folder, table, store.rows_without(part.folder, table, user_id))
        rows[table] = store.verify_table(folder, table, store.rows_without(part.folder, table, user_id))
    sealed = store.seal(folder, rows, {"month": f"{part.month:%Y-%m}", "part": part.part})
    archive.replace_folder(conn, part, _told(folder, sealed), now)
    _remove(conn, store, part.folder)
    remaining = sum(store.count_rows(folder, table.name, user_id) for table in archive.ARCHIVED_TABLES)
    return Forgotten(part.month, folder, held, remaining + store.exists(part.folder))


def _told(folder: str, sealed: Sealed) -> dict[str, Any]:
    """What ``archived_months`` records of a folder."""
    return {"folder": folder, "manifest_sha256": sealed.manifest_sha256, "bytes": sealed.bytes, **sealed.rows}


def _new_folder(conn: Connection, month: date, part: int, now: datetime) -> str:
    folder = f"month={month:%Y-%m}/{part}-{secrets.token_hex(4)}"
    archive.add_orphaned_folder(conn, folder, now)
    return folder


def _remove(conn: Connection, store: Store, folder: str) -> None:
    store.remove(folder)
    archive.remove_orphaned_folder(conn, folder)


@contextmanager
def _alone(conn: Connection) -> Iterator[None]:
    """One process at a time archives, sweeps or forgets. The lock dies with its connection."""
    with trying(conn, exclusive(Lock.ARCHIVING)) as is_mine:
        if not is_mine:
            raise ArchivingUnderWay("another process is archiving at this moment; it goes on where this one would")
        yield
