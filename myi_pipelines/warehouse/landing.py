"""Landing: plays from exports and polls go into their append-only tables, all of an upload or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple, Protocol

from myi_pipelines.warehouse import import_jobs
from myi_pipelines.warehouse.archive import BringBack, archived_around
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database import Connection, lock_user, share_archive, statement
from myi_pipelines.warehouse.partitions import (
    FIRST_MONTH,
    IMPORTED_PLAYS,
    USER_TRACK_MONTHS,
    Filling,
    attach_month,
    ensure_months,
    ensure_partitions,
    existing_months,
    index_statements,
    month_of,
    starts_at,
)
from myi_pipelines.warehouse.slices import SURROUNDINGS, Slice

NUMBERED_AT_MOST = 50_000
"""Distinct tracks that staging numbers before it starts over: what keeps memory flat."""

_ARRIVING_MONTHS = "SELECT DISTINCT month FROM arriving_plays ORDER BY month"

TrackNames = tuple[str | None, str | None, str | None, str | None]
PlayContext = tuple[str | None, str | None, str | None, str | None, bool | None, bool | None, bool | None, bool | None]


class PlayBatch(Protocol):
    """Some rows of an upload, read. A play is (track, context, stopped_at, played_at, ms_played)."""

    @property
    def plays(self) -> Sequence[tuple[TrackNames, PlayContext, datetime, datetime, int]]: ...
    @property
    def rows(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def rejected(self) -> Mapping[str, int]: ...
    @property
    def cleaned(self) -> int: ...
    @property
    def notes(self) -> Sequence[str]: ...


class Landed(NamedTuple):
    """What became of one upload."""

    job_id: int
    known: bool
    """The same file was landed before: nothing was read."""
    total_rows: int
    added_rows: int
    duplicate_rows: int
    rejected: dict[str, int]
    """Rows that make no listening event, by reason; ``too_short`` rows are landed all the same."""
    cleaned: int
    months: list[date]
    """Months in which rows were added."""
    seconds: float


class PolledPlay(NamedTuple):
    """One row of Spotify's recently-played list."""

    played_at: datetime
    spotify_id: str
    duration_ms: int | None


def land_upload(
    conn: Connection,
    status_conn: Connection,
    *,
    user_id: int,
    file_name: str,
    sha256: str,
    total_bytes: int,
    batches: Iterable[PlayBatch],
    min_play_ms: int,
    on_note: Callable[[str], None] | None = None,
    bring_back: BringBack | None = None,
) -> Landed:
    """Land one uploaded file and mark the slices that it changes.

    The file is read into temporary tables first, so that a bad one has touched nothing. Then its names are landed, and
    after them all of its plays, in one transaction, while the catalog takes in the names and the statistics get their
    partitions.

    ``status_conn`` is a second autocommit connection, on which the job's counts move, and the catalog is written.
    Whatever ``batches`` raises fails the job with that message and is raised again.
    A job that another process left unfinished is taken up again; one that lives raises JobInProgress.
    Archived months that the file tells of are brought back first, where somebody can: so its duplicates are known.
    """
    began = time.monotonic()
    job_id, known = import_jobs.open_job(
        status_conn, user_id=user_id, file_name=file_name, sha256=sha256, total_bytes=total_bytes
    )
    if known:
        return Landed(job_id, True, 0, 0, 0, {}, 0, [], time.monotonic() - began)
    with ThreadPoolExecutor(1, thread_name_prefix="catalog") as pool:
        try:
            with _staged(conn, min_play_ms) as staging:
                for batch in batches:
                    staging.add(batch)
                    if on_note is not None:
                        for note in batch.notes:
                            on_note(note)
                    import_jobs.report_progress(
                        status_conn, job_id, rows=staging.rows, bytes_read=batch.bytes_read, rejected=staging.rejected
                    )
                if bring_back is not None:
                    bring_back(conn, archived_around(conn, staging.slices(user_id), with_neighbours=False))
                with conn.transaction():
                    conn.execute(statement("landing/names"))
                following: list[Future[object]] = [pool.submit(sync_catalog, status_conn)]
                with conn.transaction():
                    share_archive(conn)
                    lock_user(conn, user_id)
                    conn.execute(statement("landing/arrive"))
                    arriving = [month for (month,) in conn.execute(_ARRIVING_MONTHS)]
                    following.append(pool.submit(ensure_partitions, status_conn, USER_TRACK_MONTHS, arriving))
                    months = _merge(conn, user_id, arriving)
                    added = sum(months.values())
                    duplicates = staging.plays - added
                    import_jobs.complete_job(
                        conn, job_id, rows=staging.rows, added=added, duplicates=duplicates, rejected=staging.rejected
                    )
                    conn.execute("UPDATE users SET last_ingested_at = now() WHERE id = %s", [user_id])
        except Exception as error:
            pool.shutdown()
            if not status_conn.closed:
                import_jobs.fail_job(status_conn, job_id, str(error) or type(error).__name__)
            raise
        finally:
            pool.shutdown()
            if not status_conn.closed:
                import_jobs.release_job(status_conn, job_id)
    for step in following:
        step.result()
    return Landed(
        job_id, False, staging.rows, added, duplicates, dict(staging.rejected), staging.cleaned, sorted(months),
        time.monotonic() - began,
    )  # fmt: skip


def land_polled_plays(conn: Connection, user_id: int, plays: Sequence[PolledPlay]) -> int:
    """Land rows of the recently-played list and mark the slices they change; return how many were new."""
    plays = [play for play in plays if play.played_at >= starts_at(FIRST_MONTH)]
    if not plays:
        return 0
    ensure_months(conn, {month_of(play.played_at) for play in plays})
    with conn.transaction():
        share_archive(conn)
        lock_user(conn, user_id)
        columns = {
            "user_id": user_id,
            "played_at": [play.played_at for play in plays],
            "spotify_id": [play.spotify_id for play in plays],
            "duration_ms": [play.duration_ms for play in plays],
            "surroundings": SURROUNDINGS,
        }
        row = conn.execute(statement("landing/land_polled"), columns).fetchone()
        assert row is not None
        added = int(row[0])
        if added:
            conn.execute("UPDATE users SET last_ingested_at = now() WHERE id = %s", [user_id])
    return added


@contextmanager
def _staged(conn: Connection, min_play_ms: int) -> Iterator[_Staging]:
    """Temporary tables for one upload, for as long as the block runs."""
    conn.execute(statement("landing/unstage"))
    conn.execute(statement("landing/staging"))
    try:
        yield _Staging(conn, min_play_ms)
    finally:
        if not conn.closed:
            conn.execute(statement("landing/unstage"))


class _Staging:
    """Copies plays into temporary tables, with tracks and contexts as numbers. Memory stays flat."""

    def __init__(self, conn: Connection, min_play_ms: int) -> None:
        self.conn = conn
        self.min_play_ms = min_play_ms
        self.rows = 0
        self.plays = 0
        self.cleaned = 0
        self.rejected: Counter[str] = Counter()
        self._tracks: dict[TrackNames, int] = {}
        self._contexts: dict[PlayContext, int] = {}
        self._next_track = 0
        self._next_context = 0

    def add(self, batch: PlayBatch) -> None:
        new_tracks: list[tuple[int, TrackNames]] = []
        new_contexts: list[tuple[int, PlayContext]] = []
        tracks, contexts, too_short = self._tracks, self._contexts, 0
        with self.conn.cursor() as cursor:
            with cursor.copy("COPY staged_plays FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int4", "int4", "timestamptz", "timestamptz", "int4"])
                for track, context, stopped_at, played_at, ms_played in batch.plays:
                    track_no = tracks.get(track)
                    if track_no is None:
                        track_no = tracks[track] = self._next_track
                        self._next_track += 1
                        new_tracks.append((track_no, track))
                    context_no = None
                    if track[0] is not None:  # account data, which has no ids, tells no context either
                        context_no = contexts.get(context)
                        if context_no is None:
                            context_no = contexts[context] = self._next_context
                            self._next_context += 1
                            new_contexts.append((context_no, context))
                    if ms_played < self.min_play_ms:
                        too_short += 1
                    copy.write_row((track_no, context_no, stopped_at, played_at, ms_played))
            self._copy_names(new_tracks, new_contexts)
        if len(tracks) > NUMBERED_AT_MOST:
            tracks.clear()
        if len(contexts) > NUMBERED_AT_MOST:
            contexts.clear()
        self.rows += batch.rows
        self.plays += len(batch.plays)
        self.cleaned += batch.cleaned
        self.rejected.update(batch.rejected)
        if too_short:
            self.rejected["too_short"] += too_short

    def slices(self, user_id: int) -> list[Slice]:
        """The listener's slices of which the file tells, looked up where any of theirs are archived."""
        months = self.conn.execute(statement("landing/staged_months"), [user_id])
        return [Slice(user_id, month) for (month,) in months]

    def _copy_names(
        self, new_tracks: list[tuple[int, TrackNames]], new_contexts: list[tuple[int, PlayContext]]
    ) -> None:
        with self.conn.cursor() as cursor:
            with cursor.copy(statement("landing/copy_tracks")) as copy:
                for number, track in new_tracks:
                    copy.write_row((number, *track))
            with cursor.copy(statement("landing/copy_contexts")) as copy:
                for number, context in new_contexts:
                    copy.write_row((number, *context))


def _merge(conn: Connection, user_id: int, months: Sequence[date]) -> dict[date, int]:
    """Arriving plays → imported_plays. Rows added by month."""
    added: dict[date, int] = {}
    filling = Filling(statement("landing/fill_month").format, index_statements(conn, IMPORTED_PLAYS))
    for month in sorted(set(months) - existing_months(conn, IMPORTED_PLAYS)):
        rows = attach_month(conn, IMPORTED_PLAYS, month, filling, {"user_id": user_id, "month": month})
        if rows is not None:
            added[month] = rows
    if len(added) < len(months):
        added |= dict(conn.execute(statement("landing/land"), {"user_id": user_id, "filled": list(added)}).fetchall())
    if added:
        conn.execute(
            statement("landing/mark"), {"user_id": user_id, "months": list(added), "surroundings": SURROUNDINGS}
        )
    return added
