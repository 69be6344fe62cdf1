"""Months are archived and restored: ``warehouse.archive`` works on the tables, ``parquet_store`` on the files, and this
module on both. No Dagster.

A month is exported in one snapshot, read back and compared with that snapshot, and only then dropped, in the
transaction that records its folder. A process that is killed at any point leaves each play either in the tables or in
the archive. A folder is recorded before its first byte is written, so the next run removes an unfinished one.

Tables and files part when a backup is restored that is older than either. So whatever is done to the whole archive
starts from what lies in the store (``reconcile``): a folder that was written again is found by the folders that its
manifest says it replaces, and one that no table knows is an orphan.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.operations.parquet_store import ArchiveDamaged, FolderManifest, PlayCount, Sealed, Store
from myi_pipelines.settings import Settings
from myi_pipelines.text import one_line
from myi_pipelines.warehouse import archive
from myi_pipelines.warehouse.archive import ArchivedMonth, Contents
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, exclusive, trying
from myi_pipelines.warehouse.partitions import MONTH_TABLES, MonthTable, snapshot
from myi_pipelines.warehouse.session import RestoreArchived
from myi_pipelines.warehouse.user_months import UserMonth

USERS_AT_ONCE = 200


class ArchivingUnderWay(BusyError):
    """Another process is archiving at this moment."""


class UserStillInArchive(FailedError):
    """Rows of a user who was to be forgotten are still in the archive."""


class ArchiveIncomplete(FailedError):
    """Folders that the warehouse refers to are not in the archive."""


class Reconciled(NamedTuple):
    """What was found when the tables were compared with what lies in the archive."""

    found_again: int
    """Parts whose rows lie in another folder than the one that was recorded."""
    forgotten: Mapping[str, int]
    """Users whose rows are in the archive no more: how many months of each."""
    missing: Sequence[ArchivedMonth]
    """Parts whose folder is not there, nor another one with its rows."""
    orphaned: int
    """Folders that no table knew."""


class ListedFolder(NamedTuple):
    """A folder that is in the archive, or should be."""

    folder: str
    part: ArchivedMonth | None
    """What the warehouse knows of it; None for an orphaned folder."""
    is_present: bool


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
        _reconcile(conn, store, now)
        store.protect()
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


def reconcile(conn: Connection, store: Store) -> Reconciled:
    """Make the tables agree with what lies in the archive, after either was replaced by an older state.

    A part whose folder is gone takes the one that was written in its place, if it has the rows that are recorded. Users
    whose rows it lacks were forgotten: their user-months are derived without them. A folder that no table knows becomes
    an orphan, which is kept as long as those of restored plays. Of a part that is missing nothing changes: the archive
    may be elsewhere. Raises ArchivingUnderWay and ArchiveUnreachable.
    """
    with _only_archiver(conn):
        return _reconcile(conn, store, datetime.now(UTC))


def list_folders(conn: Connection, store: Store) -> list[ListedFolder]:
    """Every folder in the archive, and those that should be, by name. Raises ArchiveUnreachable."""
    present = set(store.folders())  # before the tables are read: a new folder is recorded before it is there
    parts = {part.folder: part for part in archive.archived_parts(conn)}
    return [ListedFolder(name, parts.get(name), name in present) for name in sorted({*present, *parts})]


def count_rows(store: Store, user_ids: Collection[int]) -> int:
    """The rows of some users in all folders of the archive, counted in the files; those of files that cannot be read
    are not. Raises ArchiveUnreachable."""
    rows = 0
    for folder in store.folders():
        with suppress(ArchiveDamaged):
            rows += _count_rows(store, folder, user_ids)
    return rows


def forget_user(
    conn: Connection, store: Store, user_ids: Collection[int], *, is_lost: bool = False
) -> list[CleanedFolder]:
    """Remove a user's rows from every folder of the archive, and count them again: the proof that none remains.

    ``user_ids`` are those under which the archive may have rows. The user's row in ``users`` may be deleted already.
    The rows of others stay, also those that only backups refer to; a folder that was not finished or is damaged, and
    that no table refers to, is removed. ``is_lost`` says that folders which are missing are lost for good. Raises
    ArchiveIncomplete where they may be elsewhere, ArchivingUnderWay, ArchiveDamaged and, if a row is found in the end,
    UserStillInArchive.
    """
    now = datetime.now(UTC)
    with _only_archiver(conn):
        missing = _reconcile(conn, store, now).missing
        if missing and not is_lost:
            raise ArchiveIncomplete(
                f"{len(missing)} folders that the warehouse refers to are not in {store.url}, {missing[0].folder} "
                "first: is MYI_ARCHIVE_URL right? If they are lost for good, run this again with --archive-is-lost"
            )
        conn.execute("DELETE FROM archived_user_months WHERE user_id = ANY (%s)", [list(user_ids)])
        archive.retire_parts(conn, now + archive.RESTORED_FILES_KEPT)
        parts = {part.folder: part for part in archive.archived_parts(conn)}
        cleaned = []
        for folder in store.folders():
            part = parts.get(folder)
            if part is None and not _is_whole(store, folder):
                _remove(conn, store, folder)
            elif _count_rows(store, folder, user_ids):
                cleaned.append(_write_without(conn, store, folder, user_ids, part))
        remaining = sum(_count_rows(store, folder, user_ids) for folder in store.folders())
    if remaining:
        raise UserStillInArchive(f"{remaining:,} rows of the user are still in {store.url}; run this again")
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
    month, tables = folder.month, MONTH_TABLES
    with snapshot(conn, tables, [month]):
        contents = archive.month_contents(conn, month)
        for table in tables:
            store.write_table(folder.path, table.name, archive.month_rows(conn, table, month))
        rows = {
            table.name: store.verify_table(folder.path, table.name, archive.month_rows(conn, table, month))
            for table in tables
        }
    return contents, _seal(store, folder, rows)


# What lies in the store


def _reconcile(conn: Connection, store: Store, now: datetime) -> Reconciled:
    present = set(store.folders())  # before the tables are read: a new folder is recorded before it is there
    parts = archive.archived_parts(conn)
    orphans = set(archive.orphaned_folders(conn))
    spare = {name: store.manifest(name) for name in sorted(present - {part.folder for part in parts})}
    found_again, missing, forgotten = set[str](), list[ArchivedMonth](), Counter[str]()
    for part in parts:
        if part.folder not in present:
            folder = _successor(conn, store, part, spare)
            if folder is None:
                missing.append(part)
                continue
            found_again.add(folder)
            forgotten.update(_take_over(conn, store, part, folder))
    archive.retire_parts(conn, now + archive.RESTORED_FILES_KEPT)
    unknown = set(spare) - orphans - found_again
    for name in sorted(unknown):
        kept = archive.RESTORED_FILES_KEPT if spare[name] is not None else timedelta()
        archive.add_orphaned_folder(conn, name, now + kept)
    return Reconciled(len(found_again), forgotten, missing, len(unknown))


def _successor(
    conn: Connection, store: Store, part: ArchivedMonth, spare: Mapping[str, FolderManifest | None]
) -> str | None:
    """The whole folder that was written in the place of a part's, the latest if there are several; None if there is
    none with the rows that are recorded of every user of the part, or without any of a user's."""
    candidates = [
        (len(manifest.replaces), name)
        for name, manifest in spare.items()
        if manifest is not None and manifest.month == part.month and part.folder in manifest.replaces
    ]
    recorded = archive.archived_users(conn, part)
    for _, name in sorted(candidates, reverse=True):
        if _is_whole(store, name):
            found = archived_counts(store, name)
            if all(found.get(user_id, counts) == counts for user_id, counts in recorded.items()):
                return name
    return None


def _take_over(conn: Connection, store: Store, part: ArchivedMonth, folder: str) -> list[str]:
    """Record that a part lies in another folder; the names of the users whose rows are not in it."""
    kept = archived_counts(store, folder)
    gone = [user_id for user_id in archive.archived_users(conn, part) if user_id not in kept]
    return archive.take_over_folder(conn, part, _folder_record(folder, _manifest(store, folder).sealed), gone)


def archived_counts(store: Store, folder: str) -> dict[int, archive.ArchivedCounts]:
    """What a folder's files hold of each user. Raises ArchiveDamaged."""
    nothing = PlayCount(0, 0)
    imported, polled, events = (store.count_by_user(folder, table.name) for table in MONTH_TABLES)
    return {
        user_id: archive.ArchivedCounts(
            imported.get(user_id, nothing).rows, polled.get(user_id, nothing).rows, *events.get(user_id, nothing)
        )
        for user_id in {*imported, *polled, *events}
    }


def _is_whole(store: Store, folder: str) -> bool:
    """Whether a folder is complete, and its files are what its manifest says."""
    manifest = store.manifest(folder)
    if manifest is None:
        return False
    try:
        store.check(folder, manifest.sealed.manifest_sha256)
    except ArchiveDamaged:
        return False
    return True


def _manifest(store: Store, folder: str) -> FolderManifest:
    """What a folder that was checked says of itself."""
    manifest = store.manifest(folder)
    assert manifest is not None
    return manifest


# Forgetting a user in one folder


def _write_without(
    conn: Connection, store: Store, old_folder: str, user_ids: Collection[int], part: ArchivedMonth | None
) -> CleanedFolder:
    """Write a folder again without one user, and remove the old files. ``part`` is what lies in it, if any table refers
    to it; if none does, and no other user's rows are in it, nothing is written."""
    if part is not None:
        store.check(old_folder, part.manifest_sha256)
    old = _manifest(store, old_folder)
    before = _count_rows(store, old_folder, user_ids)
    if part is None and before == sum(old.sealed.rows.values()):
        _remove(conn, store, old_folder)
        return CleanedFolder(old.month, old_folder, before, 0)
    folder = _new_folder(conn, old.month, old.part, datetime.now(UTC))
    rows = {}
    for table in (table.name for table in MONTH_TABLES):
        store.write_table(folder.path, table, store.rows_without(old_folder, table, user_ids))
        rows[table] = store.verify_table(folder.path, table, store.rows_without(old_folder, table, user_ids))
    sealed = _seal(store, folder, rows, replaces=[*old.replaces, old_folder])
    if part is None:
        archive.replace_orphaned_folder(conn, old_folder, folder.path)
    else:
        archive.replace_folder(conn, part, _folder_record(folder.path, sealed), datetime.now(UTC))
    _remove(conn, store, old_folder)
    remaining = _count_rows(store, folder.path, user_ids) + store.exists(old_folder)
    return CleanedFolder(old.month, folder.path, before, remaining)


def _count_rows(store: Store, folder: str, user_ids: Collection[int]) -> int:
    return sum(store.count_rows(folder, table.name, user_ids) for table in MONTH_TABLES)


# Folders


def _new_folder(conn: Connection, month: date, part: int, now: datetime) -> _NewFolder:
    path = f"month={month:%Y-%m}/{part}-{secrets.token_hex(4)}"
    archive.add_orphaned_folder(conn, path, now)
    return _NewFolder(month, part, path)


def _seal(store: Store, folder: _NewFolder, rows: dict[str, int], replaces: Sequence[str] = ()) -> Sealed:
    about = {"month": f"{folder.month:%Y-%m}", "part": folder.part, "replaces": list(replaces)}
    return store.seal(folder.path, rows, about)


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
