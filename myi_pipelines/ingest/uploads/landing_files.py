"""One upload's way from a file to landed plays. Here ``sources.exports`` and ``warehouse`` meet."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.ingest.uploads.folder_files import files_below
from myi_pipelines.ingest.uploads.parallel_reading import read_packed
from myi_pipelines.sources.exports import ExportError, Limits, Upload, open_upload, printable_name
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines.warehouse.import_jobs import UploadedFile
from myi_pipelines.warehouse.landing import Landed, land_upload
from myi_pipelines.warehouse.odd_plays import ONE_LISTENER, TWO_ACCOUNTS
from myi_pipelines.warehouse.session import Session

OnBatch = Callable[[PackedBatch, int], None]
"""Called with every batch and the number of bytes in the whole upload."""


def _no_progress(batch: PackedBatch, total_bytes: int) -> None:
    pass


class WaitingFile(NamedTuple):
    """A file of a user that is to be landed."""

    path: Path
    user_id: int
    limits: Limits
    may_be_other: bool = False
    """It lies in a folder, where other files are normal. If nothing shows that it is an export, it gets no job."""


def land_file(
    session: Session, file: WaitingFile, on_batch: OnBatch = _no_progress, *, accounts: set[bytes] | None = None
) -> Landed:
    """Read one export file and land it: all of it or nothing.

    ``accounts`` are hashes of the Spotify accounts that the user's files of this run have named. Those of this file are
    added, and if they are other ones, its notes say so.

    Raises ExportError for a file that is no readable export, or that was changed in the meantime. It then has a FAILED
    import job with the reason, unless it ``is_no_history`` and ``may_be_other`` is set.
    """
    try:
        upload = open_upload(file.path, file.limits)
    except ExportError as error:
        if not (file.may_be_other and error.is_no_history):
            _record_failure(session, file, error)
        raise
    _compare_accounts(upload, set() if accounts is None else accounts)
    with upload, closing(read_packed(upload, file.limits, session.min_play_ms)) as batches:
        landing_file = UploadedFile(file.user_id, upload.name, upload.sha256, upload.total_bytes)
        return land_upload(session, landing_file, _reported(batches, upload, on_batch))


def _compare_accounts(upload: Upload, accounts: set[bytes]) -> None:
    if len(upload.accounts) > 1 or (accounts and not upload.accounts <= accounts):
        which = "its rows name several" if len(upload.accounts) > 1 else "it names another one than the files before it"
        upload.notes += (f"{upload.name}: {TWO_ACCOUNTS} ({which}); {ONE_LISTENER}",)
    accounts |= upload.accounts


def month_range(path: Path, limits: Limits) -> tuple[date, date] | None:
    """The first and last month that the plays of a file, or of the files of a folder, can fall into.

    None when there are no plays, or none that can be read.
    """
    ranges = [_month_range(file, limits) for file in (files_below(path).files if path.is_dir() else [path])]
    months = [month for found in ranges if found for month in found]
    return (min(months), max(months)) if months else None


def _month_range(path: Path, limits: Limits) -> tuple[date, date] | None:
    try:
        with open_upload(path, limits) as upload:
            return upload.month_range()
    except ExportError:
        return None


def _reported(batches: Iterable[PackedBatch], upload: Upload, on_batch: OnBatch) -> Iterator[PackedBatch]:
    for batch in batches:
        on_batch(batch, upload.total_bytes)
        yield batch


def _record_failure(session: Session, file: WaitingFile, error: ExportError) -> None:
    """Give a file that cannot be opened as an export a FAILED import job, unless not even its bytes can be read."""
    if not file.path.is_file():
        return  # A pipe or a device has bytes without end.
    try:
        with file.path.open("rb") as opened:
            sha256, size = hashlib.file_digest(opened, "sha256").hexdigest(), opened.tell()
    except OSError:
        return
    land_upload(session, UploadedFile(file.user_id, printable_name(file.path.name), sha256, size), _raising(error))


def _raising(error: ExportError) -> Iterator[PackedBatch]:
    yield from ()
    raise error
