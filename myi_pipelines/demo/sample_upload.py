"""Puts the sample history where users put theirs, unless the warehouse has it already. Imports nothing itself."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.demo.sample_polls import land_sample_polls
from myi_pipelines.private_files import make_private_folder
from myi_pipelines.simulator.sample import SampleUser, write_sample
from myi_pipelines.simulator.sample.made_up_plays import PROFILES
from myi_pipelines.simulator.world import build_world
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs
from myi_pipelines.warehouse.users import ensure_user

USERS = 3
NAMES = tuple(profile.name for profile in PROFILES[:USERS])
JOBS_AT_MOST = 10_000
TO_POLL = timedelta(days=14)
"""At least so long before its import the sample ends: then all have played more since than Spotify shows."""


class SampleFile(NamedTuple):
    """One export of a made-up user."""

    user: str
    sha256: str
    path: Path
    """Where it waits for Dagster, or waited."""
    size: int


class SampleUpload(NamedTuple):
    """The sample's files in uploads/, and the ones that need no import."""

    waiting: tuple[SampleFile, ...]
    known: tuple[SampleFile, ...]
    """Files whose hashes the warehouse knows from an earlier import."""
    namesakes: tuple[str, ...]
    """Users who have a name of the sample but another history: they are left alone."""
    failed_before: frozenset[int]
    """Import jobs that failed before this demo."""
    last_day: date
    """The last day of the sample."""

    @property
    def users(self) -> tuple[str, ...]:
        """The users whose history is the sample."""
        return tuple(name for name in NAMES if name not in self.namesakes)


def upload_sample(conn: Connection, uploads: Path, *, plays: int, api_url: str) -> SampleUpload:
    """Write the sample into ``uploads/<user>/``. Each file appears complete and never replaces another.

    Users get their time zones before Dagster sees their files, and the plays that polling would have brought of the
    last weeks, which the exports tell as well. A user is a namesake who has imported something else,
    or has another file of the same name waiting. ``api_url``: where the simulated Spotify will be.
    """
    waiting: list[SampleFile] = []
    known: list[SampleFile] = []
    namesakes: list[str] = []
    jobs = [job for name in NAMES for job in list_jobs(conn, user=name, limit=JOBS_AT_MOST)]
    end = last_day(jobs)
    with _hidden_folder(uploads) as folder:
        for user in write_sample(folder, users=USERS, plays=plays, end=end):
            made = {path: _sample_file(user, path, uploads) for path in user.files}
            imported = {job.sha256 for job in jobs if job.user == user.name and job.status == "COMPLETED"}
            if imported - {file.sha256 for file in made.values()} or any(map(_is_taken, made.values())):
                namesakes.append(user.name)
                continue
            user_id = ensure_user(conn, user.name, user.timezone)
            if not imported:
                land_sample_polls(conn, user_id, user.polled, build_world(end=end), api_url=api_url)
            for path, file in made.items():
                if file.sha256 in imported and not file.path.exists():
                    known.append(file)
                    continue
                make_private_folder(file.path.parent)
                path.replace(file.path)
                waiting.append(file)
    failed = frozenset(job.id for job in jobs if job.status == "FAILED")
    return SampleUpload(tuple(waiting), tuple(known), tuple(namesakes), failed, end)


def last_day(jobs: list[ImportJob]) -> date:
    """The last day of the sample, which stays the same from its first import on."""
    return sample_ends(min((job.created_at for job in jobs), default=datetime.now(UTC)))


def sample_ends(imported_at: datetime) -> date:
    """The end of the last full month from which on there is enough for polls to show."""
    return (imported_at.astimezone(UTC).date() - TO_POLL).replace(day=1) - timedelta(days=1)


@contextmanager
def _hidden_folder(uploads: Path) -> Iterator[Path]:
    """A folder on the same disk as the uploads that no sensor looks into: its name begins with a dot."""
    folder = uploads / ".sample"
    shutil.rmtree(folder, ignore_errors=True)
    make_private_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sample_file(user: SampleUser, path: Path, uploads: Path) -> SampleFile:
    return SampleFile(user.name, _sha256(path), uploads / user.name / path.name, path.stat().st_size)


def _is_taken(file: SampleFile) -> bool:
    return file.path.exists() and _sha256(file.path) != file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
