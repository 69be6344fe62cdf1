"""Landing: plays from exports and polls go into their append-only tables, all of an upload or nothing."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
from psycopg import Copy

from myi_pipelines.warehouse import import_jobs, odd_plays
from myi_pipelines.warehouse.archive import archived_around, with_archived_restored
from myi_pipelines.warehouse.binary_copy import (
    COPY_BEGINS,
    COPY_CONTEXTS,
    COPY_ENDS,
    COPY_PLAYS,
    COPY_TRACKS,
    PackedBatch,
)
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.corrections import redo_import
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    FIRST_MONTH,
    IMPORTED_PLAYS,
    POLLED_PLAYS,
    PartitionLoad,
    attach_month,
    ensure_months,
    ensure_partitions_visible,
    existing_months,
    index_statements,
    invalidate_partition_cache,
    month_of,
    next_month,
    starts_at,
)
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.undone_imports import consolidate
from myi_pipelines.warehouse.user_months import MATCH_WINDOW, UserMonth

SECONDS_BETWEEN_PROGRESS = 0.1
"""Each report of progress costs a commit."""

NAMES_IN_PARTS_FROM = 4_000
"""So many names land in two parts. The catalog takes in the first while the second lands."""

NAMES_BUFFERED_AT_MOST = 16_000
"""Names of tracks and contexts that wait until a COPY of plays ends. The limit keeps memory flat."""


_TAKEN_BACK = "its import was undone, and counts again because the file was imported again"
_READ_BEFORE = "was imported by an earlier version, which left out some of what it tells; so it was read again"


class Landed(NamedTuple):
    """The outcome of one upload."""

    job_id: int
    known: bool
    """The same file was landed before, so nothing was read."""
    total_rows: int
    added_rows: int
    duplicate_rows: int
    rejected: dict[str, int]
    """Rows that make no listening event, by reason. Rows that are ``too_short`` are landed, too."""
    cleaned: int
    months: list[date]
    """Months in which rows were added."""
    seconds: float
    notes: list[str]
    """A line for each thing that was left out or looks odd."""


class PolledPlay(NamedTuple):
    """One row of Spotify's recently-played list."""

    played_at: datetime
    spotify_id: str
    duration_ms: int | None
    context_type: str | None = None
    """From what the play was started: playlist, album, artist, …"""
    context_uri: str | None = None
    """The Spotify URI of that. None if Spotify did not say."""


def land_upload(session: Session, upload: import_jobs.UploadedFile, batches: Iterable[PackedBatch]) -> Landed:
    """Land one uploaded file and invalidate the user-months that it changes.

    The rows are read into temporary tables first, so a file that cannot be read changes nothing. Then its names land,
    while the statistics get their partitions. Then all of its plays land in one transaction, while the catalog takes
    in the names.

    The session needs a helper: a second connection, which reports progress and writes the catalog. An error that
    ``batches`` raises fails the job with that message and is raised again. A job that a dead process left unfinished is
    continued; one that another process works on raises JobInProgress. Archived months that the file covers are restored
    first, if the session can restore them, so that duplicates are found.
    """
    began = time.monotonic()
    conn, status_conn = session.conn, session.helpers[0]
    job_id, is_done, was_read_before = import_jobs.open_job(status_conn, upload)
    is_taken_back = with_archived_restored(session, lambda: redo_import(conn, upload.user_id, job_id))
    notes = [f"{upload.name}: {_TAKEN_BACK}"] if is_taken_back else []
    if is_done:
        for note in notes:
            session.on_note(note)
        return Landed(job_id, True, 0, 0, 0, {}, 0, [], time.monotonic() - began, notes)
    with ThreadPoolExecutor(1, thread_name_prefix="catalog") as pool:
        try:
            with staged_upload(conn) as staging:
                staging.notes += notes
                if was_read_before:
                    staging.notes.append(f"{upload.name}: {_READ_BEFORE}")
                _stage(session, staging, job_id, batches)
                _restore_arriving_months(session, upload.user_id, staging.months)
                months, parallel_steps = _land_staged(session, pool, upload, job_id, staging)
        except Exception as error:
            pool.shutdown()
            if not status_conn.closed:
                import_jobs.fail_job(status_conn, job_id, _reason(error))
            raise
        finally:
            pool.shutdown()
            if not status_conn.closed:
                import_jobs.release_job(status_conn, job_id)
    for step in parallel_steps:
        step.result()
    invalidate_partition_cache(conn, IMPORTED_PLAYS)
    added = sum(months.values())
    return Landed(
        job_id, False, staging.rows, added, staging.plays - added, dict(staging.rejected), staging.cleaned,
        sorted(months), time.monotonic() - began, import_jobs.bounded(staging.notes),
    )  # fmt: skip


def _stage(session: Session, staging: _Staging, job_id: int, batches: Iterable[PackedBatch]) -> None:
    """Copy the batches into the temporary tables, and report how far the job is."""
    last_report_at = -math.inf
    for note in staging.notes:
        session.on_note(note)
    for batch in batches:
        staging.add(batch)
        for note in batch.notes:
            session.on_note(note)
        if time.monotonic() - last_report_at >= SECONDS_BETWEEN_PROGRESS:
            last_report_at = time.monotonic()
            import_jobs.report_progress(
                session.helpers[0], job_id, rows=staging.rows, bytes_read=batch.bytes_read, rejected=staging.rejected
            )
    staging.settle()


def _restore_arriving_months(session: Session, user_id: int, months: Iterable[date]) -> None:
    """Restore the user's archived months among those of the file."""
    if session.restore_archived is not None:
        arriving = [UserMonth(user_id, month) for month in sorted(months)]
        session.restore_archived(session.conn, archived_around(session.conn, arriving, with_neighbours=False))


def _land_staged(
    session: Session, pool: ThreadPoolExecutor, upload: import_jobs.UploadedFile, job_id: int, staging: _Staging
) -> tuple[dict[date, int], list[Future[object]]]:
    """Land the staged rows. Returns the rows added by month, and the steps that still run on the helper."""
    conn, status_conn, arriving = session.conn, session.helpers[0], sorted(staging.months)
    user_id = upload.user_id
    parts = 2 if staging.names >= NAMES_IN_PARTS_FROM else 1
    parallel_steps: list[Future[object]] = [
        pool.submit(sync_catalog, status_conn) for _ in land_names(conn, parts=parts)
    ]
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), exclusive(Lock.USER, user_id))
        conn.execute(statement("landing/arriving_plays"))
        had_plays = existing_months(conn, IMPORTED_PLAYS, arriving)
        months = land_arriving(conn, user_id, job_id, arriving)
        changed = [month for month in had_plays if months.get(month)]
        for line in (odd_plays.crowded_days(conn), odd_plays.second_listener(conn, user_id, job_id, changed)):
            if line is not None and not any(odd_plays.TWO_ACCOUNTS in note for note in staging.notes):
                staging.notes.append(f"{upload.name}: {line}")
                session.on_note(staging.notes[-1])
        counts = import_jobs.Counts(staging.rows, sum(months.values()), staging.plays - sum(months.values()))
        import_jobs.complete_job(conn, job_id, counts, rejected=staging.rejected, notes=staging.notes)
        conn.execute("UPDATE users SET last_ingested_at = now() WHERE id = %s", [user_id])
    return months, parallel_steps


def _reason(error: Exception) -> str:
    """Why a file was not landed, in one line. Of an error of the server, only its primary message."""
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((message or str(error)).split()) or type(error).__name__


def land_polled_plays(conn: Connection, user_id: int, plays: Sequence[PolledPlay]) -> int:
    """Land rows of the recently-played list and invalidate the user-months they change; return how many were new."""
    plays = [play for play in plays if play.played_at >= starts_at(FIRST_MONTH)]
    if not plays:
        return 0
    months = {month_of(play.played_at) for play in plays}
    ensure_months(conn, months)
    ensure_partitions_visible(conn, POLLED_PLAYS, months)  # another listener's poll may have made one just now
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), exclusive(Lock.USER, user_id))
        columns = {
            "user_id": user_id,
            "played_at": [play.played_at for play in plays],
            "spotify_id": [play.spotify_id for play in plays],
            "duration_ms": [play.duration_ms for play in plays],
            "context_type": [play.context_type for play in plays],
            "context_uri": [play.context_uri for play in plays],
            "match_window": MATCH_WINDOW,
        }
        added = int(fetch_scalar(conn, statement("landing/land_polled"), columns))
        if added:
            conn.execute("UPDATE users SET last_ingested_at = now() WHERE id = %s", [user_id])
    return added


def land_names(conn: Connection, *, parts: int = 1) -> Iterator[int]:
    """Land the names and contexts of a staged upload; yield the number of each part of the names when it has landed."""
    for part in range(parts):
        with conn.transaction():
            asynchronous_commit(conn)  # the commit of the plays, which waits for the disk, follows
            if part == 0:
                conn.execute(statement("landing/names").format(part_count=parts))
            conn.execute(statement("landing/part_of_names").format(part=part))
        yield part


@contextmanager
def staged_upload(conn: Connection) -> Iterator[_Staging]:
    """Temporary tables for one upload, within the block."""
    conn.execute(statement("landing/unstage"))
    conn.execute(statement("landing/staging"))
    try:
        with _Staging(conn) as staging:
            yield staging
    finally:
        if not conn.closed:
            conn.execute(statement("landing/unstage"))


class _Staging:
    """Copies packed plays into temporary tables. The server stores a batch while the next one is read.

    From ``add`` until ``settle`` or the end of the block its connection runs a COPY and accepts nothing else. Memory
    stays flat.
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.rows = 0
        self.plays = 0
        self.names = 0
        """Of tracks and contexts; some are counted more than once."""
        self.months: set[date] = set()
        self.cleaned = 0
        self.rejected: Counter[str] = Counter()
        self.notes: list[str] = []
        self._copying = ExitStack()
        self._copy: Copy | None = None
        self._tracks = bytearray()
        self._contexts = bytearray()
        self._buffered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._copying.__exit__(kind, error, traceback)

    def add(self, batch: PackedBatch) -> None:
        """Send a batch's plays to the server, and keep its names for the end of the COPY."""
        if self._copy is None:
            cursor = self._copying.enter_context(self.conn.cursor())
            self._copy = self._copying.enter_context(cursor.copy(COPY_PLAYS))
            self._copy.write(COPY_BEGINS)
        self._copy.write(batch.copied)
        self._tracks += batch.tracks
        self._contexts += batch.contexts
        self._buffered += batch.names
        self.names += batch.names
        self.rows += batch.rows
        self.plays += batch.plays
        self.months |= batch.months
        self.cleaned += batch.cleaned
        self.rejected.update(batch.rejected)
        self.notes += batch.notes
        if self._buffered > NAMES_BUFFERED_AT_MOST:
            self.settle()

    def settle(self) -> None:
        """End the COPY, so that everything that was added is in the tables."""
        if self._copy is None:
            return
        self._copy.write(COPY_ENDS)
        self._copy = None
        self._copying.close()
        for target, rows in ((COPY_TRACKS, self._tracks), (COPY_CONTEXTS, self._contexts)):
            with self.conn.cursor() as cursor, cursor.copy(target) as copy:
                copy.write(COPY_BEGINS + rows + COPY_ENDS)
            rows.clear()
        self._buffered = 0


def land_arriving(conn: Connection, user_id: int, job_id: int, months: Sequence[date]) -> dict[date, int]:
    """arriving_plays → imported_plays, with the invalidations that follow. Returns the rows added by month."""
    added: dict[date, int] = {}
    play = {"user_id": user_id, "job_id": job_id}
    partition_load = PartitionLoad(statement("landing/fill_month").format, index_statements(conn, IMPORTED_PLAYS))
    for month in sorted(set(months) - existing_months(conn, IMPORTED_PLAYS, months)):
        rows = attach_month(conn, IMPORTED_PLAYS, month, partition_load, play | {"month": month})
        if rows is not None:
            added[month] = rows
    if known := sorted(set(months) - set(added)):
        ensure_partitions_visible(conn, IMPORTED_PLAYS, known)
        bounds = {"starts_at": starts_at(known[0]), "ends_at": starts_at(next_month(known[-1]))}
        landed = conn.execute(statement("landing/land"), play | {"months": known, **bounds}).fetchall()
        added |= {month: count for month, count, _ in landed}
        _keep_duplicates(conn, play, known, added)
    if months:
        consolidate(conn, user_id, min(months), next_month(max(months)))
    if added:
        conn.execute(
            statement("landing/invalidate"), {"user_id": user_id, "months": list(added), "match_window": MATCH_WINDOW}
        )
    return added


def _keep_duplicates(
    conn: Connection, play: Mapping[str, int], months: Sequence[date], added: Mapping[date, int]
) -> None:
    """Keep which rows of the upload had landed before: when the import that landed them is undone, they stay."""
    count = "SELECT month, count(*) FROM arriving_plays WHERE month = ANY (%s) GROUP BY month"
    with_duplicates = [month for month, rows in conn.execute(count, [months]) if rows > added.get(month, 0)]
    if with_duplicates:
        conn.execute(statement("landing/duplicates"), {**play, "months": with_duplicates})
