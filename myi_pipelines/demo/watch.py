"""Looks on while Dagster imports the sample and asks Spotify, until all is done or will not be. Draws nothing, and does
nothing but ask Dagster for the runs of Spotify's part."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from myi_pipelines.demo.arrivals import Arrivals, load_arrivals
from myi_pipelines.demo.launches import Launch, metadata, polls, top_lists
from myi_pipelines.demo.offer import JOBS_AT_MOST, Offer, SampleFile
from myi_pipelines.demo.ui_runs import Run, launch, runs_since
from myi_pipelines.errors import FailedError
from myi_pipelines.runtime.dagster_processes import Stack
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs
from myi_pipelines.warehouse.reporting import Coverage, metadata_coverage
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidated_user_months

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_BETWEEN_QUESTIONS = 0.8
"""Dagster's webserver is asked less often than the database: it has other work while runs are on."""

PATIENCE_SECONDS = 300
"""Longer than the daemon takes to find and heal what an interrupted demo left."""


class DemoFailed(FailedError):
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
    arrivals: Arrivals | None = None
    """What Spotify told; None while nobody is linked."""

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

    def has_ended(self, run_ids: Sequence[str]) -> bool:
        """Whether these runs have come to their ends."""
        ended = {run.id for run in self.runs or () if not run.is_unfinished}
        return ended.issuperset(run_ids)


class Watch:
    """Looks at one demo. ``since`` is when Dagster was started.

    Whatever yields moments raises DemoFailed when a file or a run fails or nothing has moved for minutes, and
    DagsterFailed when Dagster ends.
    """

    def __init__(self, conn: Connection, settings: Settings, stack: Stack, offer: Offer, since: float) -> None:
        self._conn = conn
        self._settings = settings
        self._stack = stack
        self._offer = offer
        self._since = since
        self._known_stale: dict[Stage, set[UserMonth]] = {stage: set() for stage in Stage}
        self._runs: tuple[Run, ...] | None = None
        self._linked: Sequence[str] = ()
        self._before: list[Coverage] = []
        self._arrivals: Arrivals | None = None

    def importing(self) -> Iterator[Moment]:
        """Moment after moment, until the sample is imported."""
        return self._until(lambda moment: moment.is_done)

    def asking_spotify(self, listeners: Sequence[str]) -> Iterator[Moment]:
        """Moment after moment, until Dagster has polled linked listeners, listed their tops and fetched metadata.

        Metadata comes last: what comes with plays and top lists costs no calls.
        """
        self._linked, self._before = listeners, metadata_coverage(self._conn)
        today = datetime.now(UTC).date()
        yield from self._running(polls(listeners, today), top_lists(listeners))
        yield from self._running(metadata(today))

    def _running(self, *wanted: Launch) -> Iterator[Moment]:
        run_ids = [launch(self._settings, one) for one in wanted]
        return self._until(lambda moment: moment.is_done and moment.has_ended(run_ids))

    def _until(self, is_over: Callable[[Moment], bool]) -> Iterator[Moment]:
        asked = 0.0
        before, moved = None, time.monotonic()
        while True:
            self._stack.raise_if_ended()
            moment = self._look()
            is_last_look = moment.is_warehouse_done and not self._linked
            if is_last_look or time.monotonic() - asked > SECONDS_BETWEEN_QUESTIONS:
                self._ask()
                moment, asked = self._look(), time.monotonic()
            yield moment
            _require_success(moment, self._settings)
            if is_over(moment):
                return
            if moment != before:
                before, moved = moment, time.monotonic()
            elif time.monotonic() - moved > PATIENCE_SECONDS:
                raise DemoFailed(
                    f"nothing has moved for {PATIENCE_SECONDS // 60} minutes: look into {self._stack.log}, or start "
                    f"`myi up` and look at {self._settings.ui_url}/runs and {self._settings.ui_url}/automation"
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _look(self) -> Moment:
        return Moment(self._jobs(), self._work(Stage.EVENTS), self._work(Stage.STATS), self._runs, self._arrivals)

    def _ask(self) -> None:
        """What is looked at less often than the rest."""
        answer = runs_since(self._settings, self._since)
        self._runs = self._runs if answer is None else answer
        if self._linked:
            self._arrivals = load_arrivals(self._conn, self._linked, self._before)

    def _jobs(self) -> tuple[tuple[SampleFile, ImportJob | None], ...]:
        jobs = {
            (job.user, job.sha256): job
            for job in reversed(list_jobs(self._conn, limit=JOBS_AT_MOST))
            if job.id not in self._offer.failed_before
        }
        return tuple((file, jobs.get((file.user, file.sha256))) for file in self._offer.waiting)

    def _work(self, stage: Stage) -> Work:
        stale = invalidated_user_months(self._conn, stage)
        self._known_stale[stage].update(stale)
        return Work(len(self._known_stale[stage]) - len(stale), len(self._known_stale[stage]))


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
