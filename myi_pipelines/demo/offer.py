"""Puts the sample history where a listener would put theirs, unless the warehouse has it. Imports nothing."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.simulator.sample import SampleListener, write_sample
from myi_pipelines.simulator.sample.made_up_plays import PROFILES
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs
from myi_pipelines.warehouse.users import ensure_user

LISTENERS = 3
NAMES = tuple(profile.name for profile in PROFILES[:LISTENERS])
JOBS_AT_MOST = 10_000


class SampleFile(NamedTuple):
    """One export of a made-up listener."""

    user: str
    sha256: str
    path: Path
    """Where it waits, or waited, for Dagster."""
    size: int


class Offer(NamedTuple):
    """What there is for Dagster to import."""

    waiting: tuple[SampleFile, ...]
    known: tuple[SampleFile, ...]
    """Files that were imported before, as their hashes tell."""
    not_exports: tuple[str, ...]
    """Listeners whose names are the sample's but whose history is not: it is left alone."""
    failed_before: frozenset[int]
    """Import jobs that had failed by then and tell nothing of this try."""
    last_day: date
    """Of the sample."""

    @property
    def listeners(self) -> tuple[str, ...]:
        """Those whose history is the sample's."""
        return tuple(name for name in NAMES if name not in self.not_exports)


def offer_sample(conn: Connection, uploads: Path, *, plays: int) -> Offer:
    """Write the sample into ``uploads/<listener>/``: each file complete from the start, never over another.

    Listeners get their time zones before Dagster sees their files. A listener who has imported something else, or
    has another file of that name waiting, is a person who happens to have the name.
    """
    waiting: list[SampleFile] = []
    known: list[SampleFile] = []
    not_exports: list[str] = []
    jobs = [job for name in NAMES for job in list_jobs(conn, user=name, limit=JOBS_AT_MOST)]
    end = last_day(jobs)
    with _workshop(uploads) as workshop:
        for listener in write_sample(workshop, listeners=LISTENERS, plays=plays, end=end):
            made = {path: _sample_file(listener, path, uploads) for path in listener.files}
            imported = {job.sha256 for job in jobs if job.user == listener.name and job.status == "COMPLETED"}
            if imported - {file.sha256 for file in made.values()} or any(map(_is_taken, made.values())):
                not_exports.append(listener.name)
                continue
            for path, file in made.items():
                if file.sha256 in imported and not file.path.exists():
                    known.append(file)
                    continue
                ensure_user(conn, listener.name, listener.timezone)
                file.path.parent.mkdir(parents=True, exist_ok=True)
                path.replace(file.path)
                waiting.append(file)
    failed = frozenset(job.id for job in jobs if job.status == "FAILED")
    return Offer(tuple(waiting), tuple(known), tuple(not_exports), failed, end)


def last_day(jobs: list[ImportJob]) -> date:
    """The last day of the sample: of the last full month when it was first imported, so that it is the same sample
    ever after."""
    first = min((job.created_at for job in jobs), default=datetime.now(UTC))
    return first.astimezone(UTC).date().replace(day=1) - timedelta(days=1)


@contextmanager
def _workshop(uploads: Path) -> Iterator[Path]:
    """A folder on the same disk as the uploads, where nobody looks: its name begins with a dot."""
    folder = uploads / ".sample"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sample_file(listener: SampleListener, path: Path, uploads: Path) -> SampleFile:
    return SampleFile(listener.name, _sha256(path), uploads / listener.name / path.name, path.stat().st_size)


def _is_taken(file: SampleFile) -> bool:
    return file.path.exists() and _sha256(file.path) != file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
