"""Watches Dagster import the sample and asks it for the runs that call Spotify, until all is done or something failed.
Draws nothing."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from myi_pipelines.demo.arrivals import Arrivals, load_arrivals
from myi_pipelines.demo.failure import DemoFailed
from myi_pipelines.demo.sample_upload import JOBS_AT_MOST, SampleFile, SampleUpload
from myi_pipelines.orchestration import names
from myi_pipelines.orchestration.instance.graphql_client import Launch, Run, launch, runs_since
from myi_pipelines.runtime.dagster_processes import Stack
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs
from myi_pipelines.warehouse.reporting import Coverage, metadata_coverage
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidated_user_months

SECONDS_BETWEEN_LOOKS = 0.2
GENRE_CALLS = 90
"""For the artists who were played most; the schedule asks for the others."""

SECONDS_BETWEEN_QUESTIONS = 0.8
"""Dagster's webserver is asked less often than the database: it has other work while runs are on."""

PATIENCE_SECONDS = 300
"""Longer than the daemon takes to find and repair what an interrupted demo left."""


class Work(NamedTuple):
    """How many user-months are done at one stage, of those known to need it."""

    done: int
    total: int


class Snapshot(NamedTuple):
    """How far the work is at one time."""

    files: tuple[tuple[SampleFile, ImportJob | None], ...]
    events: Work
    stats: Work
    runs: tuple[Run, ...] | None
    """None before Dagster's webserver answers."""
    arrivals: Arrivals | None = None
    """What has come from Spotify; None while no user is linked."""

    @property
    def unfinished_runs(self) -> list[Run]:
        return [run for run in self.runs or () if run.is_unfinished]

    @property
    def are_files_done(self) -> bool:
        """Whether every file was read and moved out of uploads/."""
        return all(job and job.status == "COMPLETED" and not file.path.exists() for file, job in self.files)

    @property
    def is_warehouse_done(self) -> bool:
        """Whether the files are imported and no user-month is invalidated."""
        return self.are_files_done and all(work.done == work.total for work in (self.events, self.stats))

    @property
    def is_done(self) -> bool:
        """Whether the warehouse is done and all of Dagster's runs have ended."""
        return self.is_warehouse_done and self.runs is not None and not self.unfinished_runs

    def has_ended(self, run_ids: Sequence[str]) -> bool:
        """Whether these runs have ended."""
        ended = {run.id for run in self.runs or () if not run.is_unfinished}
        return ended.issuperset(run_ids)


class Watch:
    """Watches one demo. ``since`` is the time at which Dagster was started.

    The methods that yield snapshots raise DemoFailed when a file or a run fails or nothing changes for minutes, and
    DagsterFailed when Dagster ends.
    """

    def __init__(self, conn: Connection, settings: Settings, stack: Stack, sample: SampleUpload, since: float) -> None:
        self._conn = conn
        self._settings = settings
        self._stack = stack
        self._sample = sample
        self._since = since
        self._known_invalidated: dict[Stage, set[UserMonth]] = {stage: set() for stage in Stage}
        self._runs: tuple[Run, ...] | None = None
        self._linked: Sequence[str] = ()
        self._before: list[Coverage] = []
        self._arrivals: Arrivals | None = None

    def importing(self) -> Iterator[Snapshot]:
        """Snapshot after snapshot, until the sample is imported."""
        return self._until(lambda snapshot: snapshot.is_done)

    def asking_spotify(self, users: Sequence[str]) -> Iterator[Snapshot]:
        """Snapshot after snapshot, until Dagster has polled linked users, read their top lists and fetched metadata,
        and genres from the simulated MusicBrainz.

        Metadata comes last: plays and top lists bring some of it at no extra calls. Genres come by ISRCs of metadata.
        """
        self._linked, self._before = users, metadata_coverage(self._conn)
        months = names.recent_months(datetime.now(UTC))
        yield from self._running(
            Launch(names.POLL_PLAYS, names.poll_config(users), months),
            Launch(names.REFRESH_TOP_LISTS, names.top_list_config(users), {}),
        )
        yield from self._running(Launch(names.REFRESH_METADATA, names.metadata_config(names.CALLS_A_RUN), months))
        yield from self._running(Launch(names.REFRESH_GENRES, names.genre_config(GENRE_CALLS), {}))

    def _running(self, *wanted: Launch) -> Iterator[Snapshot]:
        run_ids = [launch(self._settings.ui_url, one) for one in wanted]
        return self._until(lambda snapshot: snapshot.is_done and snapshot.has_ended(run_ids))

    def _until(self, is_over: Callable[[Snapshot], bool]) -> Iterator[Snapshot]:
        asked = 0.0
        before, changed_at = None, time.monotonic()
        while True:
            self._stack.raise_if_ended()
            snapshot = self._look()
            is_last_look = snapshot.is_warehouse_done and not self._linked
            if is_last_look or time.monotonic() - asked > SECONDS_BETWEEN_QUESTIONS:
                self._ask()
                snapshot, asked = self._look(), time.monotonic()
            yield snapshot
            _require_success(snapshot, self._settings)
            if is_over(snapshot):
                return
            if snapshot != before:
                before, changed_at = snapshot, time.monotonic()
            elif time.monotonic() - changed_at > PATIENCE_SECONDS:
                raise DemoFailed(
                    f"nothing has changed for {PATIENCE_SECONDS // 60} minutes: look into {self._stack.logs}, or start "
                    f"`myi up` and look at {self._settings.ui_url}/runs and {self._settings.ui_url}/automation"
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _look(self) -> Snapshot:
        return Snapshot(self._jobs(), self._work(Stage.EVENTS), self._work(Stage.STATS), self._runs, self._arrivals)

    def _ask(self) -> None:
        """Look at what is looked at less often than the rest."""
        answer = runs_since(self._settings.ui_url, self._since)
        self._runs = self._runs if answer is None else answer
        if self._linked:
            self._arrivals = load_arrivals(self._conn, self._linked, self._sample.last_day, self._before)

    def _jobs(self) -> tuple[tuple[SampleFile, ImportJob | None], ...]:
        jobs = {
            (job.user, job.sha256): job
            for job in reversed(list_jobs(self._conn, limit=JOBS_AT_MOST))
            if job.id not in self._sample.failed_before
        }
        return tuple((file, jobs.get((file.user, file.sha256))) for file in self._sample.waiting)

    def _work(self, stage: Stage) -> Work:
        invalidated = invalidated_user_months(self._conn, stage)
        self._known_invalidated[stage].update(invalidated)
        return Work(len(self._known_invalidated[stage]) - len(invalidated), len(self._known_invalidated[stage]))


def _require_success(snapshot: Snapshot, settings: Settings) -> None:
    for file, job in snapshot.files:
        if job and job.status == "FAILED":
            raise DemoFailed(f"{file.path} was not imported: {job.error_message}; `myi jobs` lists every import")
    for run in snapshot.runs or ():
        if run.status in ("FAILURE", "CANCELED"):
            ended = "failed" if run.status == "FAILURE" else "was canceled"
            for_user = f" for {run.user}" if run.user else ""
            raise DemoFailed(
                f"Dagster's run {run.job}{for_user} {ended}: start `myi up` and look at {settings.ui_url}/runs/{run.id}"
            )
