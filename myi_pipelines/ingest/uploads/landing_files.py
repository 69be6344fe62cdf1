"""One upload's way from a file to landed plays: where ``history`` and ``warehouse`` meet. It knows no Dagster."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from myi_pipelines.ingest.uploads.parallel_reading import read_packed
from myi_pipelines.sources.exports import (
    ExportError,
    Limits,
    NotAnArray,
    NotAnExport,
    Upload,
    open_upload,
    printable_name,
)
from myi_pipelines.warehouse.archive import RestoreArchived
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.landing import Landed, land_upload

NOT_EXPORTS = (NotAnExport, NotAnArray)
"""Errors of files that nothing is wrong with, like the other JSON files in the folder that Spotify sends."""

OnBatch = Callable[[PackedBatch, int], None]
"""Told of every batch and of the bytes in the whole upload."""


def land_file(
    conn: Connection,
    status_conn: Connection,
    path: Path,
    *,
    user_id: int,
    limits: Limits,
    min_play_ms: int,
    on_note: Callable[[str], None],
    on_batch: OnBatch,
    pass_over: tuple[type[ExportError], ...] = (),
    restore_archived: RestoreArchived | None = None,
) -> Landed:
    """Read one export file and land it: all of it or nothing.

    Raises ExportError for a file that is no readable export, or that was changed meanwhile. It then has a FAILED
    import job that says why, unless the error is one of those to ``pass_over``.
    """
    try:
        upload = open_upload(path, limits)
    except pass_over:
        raise
    except ExportError as error:
        _record_failure(conn, status_conn, path, error, user_id=user_id)
        raise
    with upload, closing(read_packed(upload, limits, min_play_ms)) as batches:
        return land_upload(
            conn,
            status_conn,
            user_id=user_id,
            file_name=upload.name,
            sha256=upload.sha256,
            total_bytes=upload.total_bytes,
            batches=_told(batches, upload, on_batch),
            on_note=on_note,
            restore_archived=restore_archived,
        )


def month_range(path: Path, limits: Limits) -> tuple[date, date] | None:
    """The first and last month that a file's plays can fall into; None when it tells of none or cannot be read."""
    try:
        with open_upload(path, limits) as upload:
            return upload.month_range()
    except ExportError:
        return None


def _told(batches: Iterable[PackedBatch], upload: Upload, on_batch: OnBatch) -> Iterator[PackedBatch]:
    for batch in batches:
        on_batch(batch, upload.total_bytes)
        yield batch


def _record_failure(conn: Connection, status_conn: Connection, path: Path, error: ExportError, *, user_id: int) -> None:
    """A file that cannot be opened as an export gets a FAILED import job too, unless not even its bytes can be read."""
    try:
        with path.open("rb") as file:
            sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError:
        return
    land_upload(
        conn,
        status_conn,
        user_id=user_id,
        file_name=printable_name(path.name),
        sha256=sha256,
        total_bytes=size,
        batches=_nothing_but(error),
    )


def _nothing_but(error: ExportError) -> Iterator[PackedBatch]:
    yield from ()
    raise error
