"""The states of an upload: PENDING → PROCESSING → COMPLETED or FAILED, with counts of the progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from myi_pipelines.errors import BusyError, InputError
from myi_pipelines.text import shortened
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, exclusive, release, try_until_released
from myi_pipelines.warehouse.database.statements import statement

READER = 2
"""Version of what is read of an export. A file that an earlier version read is worth reading again: version 2 takes the
true start of plays and tells undated ones apart."""


class ImportJob(NamedTuple):
    """One uploaded file, or what one program submits, as ``myi jobs`` shows it."""

    id: int
    user: str
    file_name: str
    sha256: str
    status: str
    total_bytes: int | None
    processed_bytes: int
    total_rows: int | None
    """None while the file is still being read."""
    processed_rows: int
    added_rows: int
    duplicate_rows: int
    rejected: dict[str, int]
    error_message: str | None
    notes: list[str]
    """A line for each thing that was left out or looks odd."""
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    is_undone: bool
    """The user undid the import: what only it tells does not count."""

    @property
    def is_submitted(self) -> bool:
        """Whether a program submits it, play by play: there is no file, and more may come."""
        return self.total_bytes is None


class UploadedFile(NamedTuple):
    """A file that a user uploaded, as its import job knows it."""

    user_id: int
    name: str
    sha256: str
    total_bytes: int
    """Unpacked."""


class Counts(NamedTuple):
    """Rows of a file that was landed."""

    rows: int
    added: int
    duplicates: int


class JobInProgress(BusyError):
    """Another process is landing the same file now."""


LARGEST_NUMBER = 2**63 - 1
"""That a job can have."""


class UnknownJob(InputError, LookupError):
    """There is no import job of a number."""


NOTES_AT_MOST = 50
LONGEST_NOTE = 500


def list_jobs(conn: Connection, *, user: str | None = None, limit: int = 50) -> list[ImportJob]:
    """The latest import jobs, newest first."""
    with conn.cursor(row_factory=class_row(ImportJob)) as cursor:
        parameters = {"user": user, "job_id": None, "limit": limit}
        return cursor.execute(statement("import_jobs/list"), parameters).fetchall()


def find_job(conn: Connection, job_id: int) -> ImportJob:
    """The import job of a number. Raises UnknownJob."""
    job = None
    if 0 < job_id <= LARGEST_NUMBER:
        with conn.cursor(row_factory=class_row(ImportJob)) as cursor:
            parameters = {"user": None, "job_id": job_id, "limit": 1}
            job = cursor.execute(statement("import_jobs/list"), parameters).fetchone()
    if job is None:
        raise UnknownJob(f"there is no import job {job_id}; `myi jobs` lists them")
    return job


class OpenedJob(NamedTuple):
    """The job of a file."""

    id: int
    is_done: bool
    """The same file was landed before, so nothing is to be read."""
    was_read_before: bool
    """An earlier version of the reader has landed the file, and this one takes more of it."""


def open_job(conn: Connection, file: UploadedFile) -> OpenedJob:
    """The job of a file, new or continued.

    A file that failed before gets a new job. An unfinished job is continued when the process that worked on it is gone:
    that process holds a lock on the job, and its connection releases the lock when it ends. This connection holds the
    lock until ``release_job`` or its own end. A completed job is repeated if it rejected rows because they lay in the
    future, or if an earlier version of the reader read it. Raises JobInProgress when another process works on the job.
    """
    upload = {
        "user_id": file.user_id,
        "file_name": file.name,
        "sha256": file.sha256,
        "total_bytes": file.total_bytes,
        "reader": READER,
    }
    row = None
    while row is None:  # once, unless another process fails the job between the two statements
        conn.execute(statement("import_jobs/open"), upload)
        row = conn.execute(statement("import_jobs/find"), upload).fetchone()
    job = OpenedJob(*row)
    if job.is_done:
        return job
    if not try_until_released(conn, exclusive(Lock.IMPORT_JOB, job.id)):
        raise JobInProgress(f"{file.name}: is being imported by another process at this moment; see `myi jobs`")
    row = conn.execute(statement("import_jobs/start"), upload | {"job_id": job.id}).fetchone()
    return job._replace(is_done=row is None)


def release_job(conn: Connection, job_id: int) -> None:
    """Release the lock that ``open_job`` took."""
    release(conn, exclusive(Lock.IMPORT_JOB, job_id))


def report_progress(conn: Connection, job_id: int, *, rows: int, bytes_read: int, rejected: Mapping[str, int]) -> None:
    """Update a job's counts while its file is read."""
    conn.execute(
        "UPDATE import_jobs SET processed_rows = %s, processed_bytes = %s, rejected = %s WHERE id = %s",
        [rows, bytes_read, Jsonb(dict(rejected)), job_id],
    )


def complete_job(
    conn: Connection, job_id: int, counts: Counts, *, rejected: Mapping[str, int], notes: Sequence[str]
) -> None:
    """PROCESSING → COMPLETED, in the transaction that lands the file."""
    conn.execute(
        statement("import_jobs/complete"),
        {
            "job_id": job_id,
            **counts._asdict(),
            "rejected": Jsonb(dict(rejected)),
            "notes": bounded(notes),
            "reader": READER,
        },
    )


def add_notes(conn: Connection, job_id: int, notes: Sequence[str]) -> None:
    """Add notes to those of a job, as far as there is room."""
    conn.execute(
        statement("import_jobs/add_notes"),
        {"job_id": job_id, "notes": bounded(notes), "notes_at_most": NOTES_AT_MOST},
    )


def bounded(notes: Sequence[str]) -> list[str]:
    """As many notes as a job may have, each one line of limited length; the last one counts those that are left out.

    >>> len(bounded(["a\\nb"] * 60)), bounded(["a\\nb"] * 60)[-1]
    (50, 'and 11 more notes like these')
    """
    kept = [shortened(note.replace("\0", ""), LONGEST_NOTE) for note in notes]
    if len(kept) > NOTES_AT_MOST:
        more = len(kept) - (NOTES_AT_MOST - 1)
        kept[NOTES_AT_MOST - 1 :] = [f"and {more:,} more notes like these"]
    return kept


def fail_job(conn: Connection, job_id: int, message: str) -> None:
    """PROCESSING → FAILED, with the one line that says why.

    A completed job stays so: a connection that breaks during the commit does not tell whether the file has landed.
    """
    conn.execute(
        "UPDATE import_jobs SET status = 'FAILED', error_message = %s, completed_at = now()"
        " WHERE id = %s AND status <> 'COMPLETED'",
        [message, job_id],
    )
