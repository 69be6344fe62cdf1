"""Looks on while Dagster imports the sample, until all is done or will not be. Draws nothing, changes nothing."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from myi_pipelines.demo.offer import JOBS_AT_MOST, Offer, SampleFile
from myi_pipelines.demo.runs import Run, runs_since
from myi_pipelines.settings import Settings
from myi_pipelines.stack import Stack
from myi_pipelines.warehouse.database import Connection
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs
from myi_pipelines.warehouse.slices import Slice, Stage, stale_slices

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_QUESTIONS = 0.8
"""Dagster's webserver is asked less often than the database: it has other work while runs are on."""

PATIENCE_SECONDS = 300
"""Longer than the daemon takes to find and heal what an interrupted demo left."""


class DemoFailed(Exception):
    """The sample was not imported; the message says why, or where to look."""


class Work(NamedTuple):
    """How many slices are done at one stage, of those known to need it."""

    done: int
    total: int


class Moment(NamedTuple):
    """How far it all is."""

    files: tuple[tuple[SampleFile, ImportJob | None], ...]
    events: Work
    stats: Work
    runs: tuple[Run, ...] | None
    """None before Dagster's webserver answers."""

    @property
    def unfinished_runs(self) -> list[Run]:
        return [run for run in self.runs or () if run.is_unfinished]

    @property
    def are_files_done(self) -> bool:
        """Whether every file was read and put away."""
        return all(job and job.status == "COMPLETED" and not file.path.exists() for file, job in self.files)

    @property
    def is_warehouse_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.are_files_done and all(work.done == work.total for work in (self.events, self.stats))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do and Dagster's runs have come to their ends."""
        return self.is_warehouse_done and self.runs is not None and not self.unfinished_runs


def is_anything_stale(conn: Connection) -> bool:
    """Whether the warehouse's numbers are about to change."""
    return any(stale_slices(conn, stage) for stage in Stage)


def moments(conn: Connection, settings: Settings, stack: Stack, offer: Offer, since: float) -> Iterator[Moment]:
    """Moment after moment, the last of which is done. ``since`` is when Dagster was started.

    Raises DemoFailed when a file or a run fails or nothing has moved for minutes, and DagsterFailed when Dagster ends.
    """
    known_stale: dict[Stage, set[Slice]] = {stage: set() for stage in Stage}
    runs: tuple[Run, ...] | None = None
    asked = 0.0
    before, moved = None, time.monotonic()
    while True:
        stack.raise_if_ended()
        moment = Moment(
            _jobs(conn, offer), _work(conn, Stage.EVENTS, known_stale), _work(conn, Stage.STATS, known_stale), runs
        )
        if moment.is_warehouse_done or time.monotonic() - asked > SECONDS_BETWEEN_QUESTIONS:
            answer = runs_since(settings, since)
            runs = runs if answer is None else answer
            moment, asked = moment._replace(runs=runs), time.monotonic()
        yield moment
        _require_success(moment, settings)
        if moment.is_done:
            return
        if moment != before:
            before, moved = moment, time.monotonic()
        elif time.monotonic() - moved > PATIENCE_SECONDS:
            raise DemoFailed(
                f"nothing has moved for {PATIENCE_SECONDS // 60} minutes: look into {stack.log}, or start `myi up` and "
                f"look at {settings.ui_url}/runs and {settings.ui_url}/automation"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _jobs(conn: Connection, offer: Offer) -> tuple[tuple[SampleFile, ImportJob | None], ...]:
    jobs = {
        (job.user, job.sha256): job
        for job in reversed(list_jobs(conn, limit=JOBS_AT_MOST))
        if job.id not in offer.failed_before
    }
    return tuple((file, jobs.get((file.user, file.sha256))) for file in offer.waiting)


def _work(conn: Connection, stage: Stage, known_stale: dict[Stage, set[Slice]]) -> Work:
    stale = stale_slices(conn, stage)
    known_stale[stage].update(stale)
    return Work(len(known_stale[stage]) - len(stale), len(known_stale[stage]))


def _require_success(moment: Moment, settings: Settings) -> None:
    for file, job in moment.files:
        if job and job.status == "FAILED":
            raise DemoFailed(f"{file.path} was not imported: {job.error_message}; `myi jobs` lists every import")
    for run in moment.runs or ():
        if run.status in ("FAILURE", "CANCELED"):
            ended = "failed" if run.status == "FAILURE" else "was canceled"
            whose = f" for {run.user}" if run.user else ""
            raise DemoFailed(
                f"Dagster's run {run.job}{whose} {ended}: start `myi up` and look at {settings.ui_url}/runs/{run.id}"
            )
