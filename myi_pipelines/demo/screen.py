"""Draws the progress of the demo, and at its end what the user can do next. Reads no database."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from myi_pipelines.demo.arrivals import Arrivals
from myi_pipelines.demo.home import HOME
from myi_pipelines.demo.sample_upload import SampleFile, SampleUpload
from myi_pipelines.demo.watch import Snapshot, Work
from myi_pipelines.orchestration import names
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.import_jobs import ImportJob

ASKING = {
    names.POLL_PLAYS: "recent plays",
    names.REFRESH_TOP_LISTS: "top lists",
    names.REFRESH_METADATA: "metadata",
}
"""Jobs, and what they ask Spotify for."""

GREEN, QUIET, NOTE = "#1ed760", "#17803d", "dim"
BAR = 24


@contextmanager
def screen(console: Console) -> "Iterator[Screen]":
    """A place to draw snapshots. Without a terminal, each finished file gets a line instead."""
    drawn = Screen(console)
    if not console.is_terminal:
        yield drawn
        drawn.say("done")
        return
    with Live(drawn, console=console, refresh_per_second=10):
        yield drawn
        drawn.is_over = True


class Screen:
    """Draws the latest snapshot: a bar for each file, a bar for each derived stage, and the current step."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.snapshot: Snapshot | None = None
        self.is_over = False
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style=GREEN)
        self._reported: set[SampleFile] = set()
        self._polled: set[str] = set()
        self._stage = ""

    def show(self, snapshot: Snapshot) -> None:
        """Draw another snapshot."""
        self.snapshot = snapshot
        if not self.console.is_terminal:
            self._print_lines(snapshot)

    def say(self, text: str) -> None:
        """Print a line, as for a log."""
        self.console.print(text, style=NOTE, markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        if self.snapshot is None:
            return Text("")
        rows = Table.grid(padding=(0, 2, 0, 0))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, overflow="ellipsis")
        rows.add_column(width=BAR)
        rows.add_column(no_wrap=True, style=NOTE)
        for file, job in self.snapshot.files:
            rows.add_row(file.user, file.path.name, _file_bar(file, job), _rows_read(job))
        for title, about, work in (
            ("events", "month by month", self.snapshot.events),
            ("statistics", "all months of a listener at once", self.snapshot.stats),
        ):
            if work.total or self.snapshot.files:
                rows.add_row(title, Text(about, NOTE), _bar(work.done, work.total), _months(work))
        if self.snapshot.arrivals:
            for row in _arrivals(self.snapshot.arrivals):
                rows.add_row(*row)
        if self.is_over:
            return Group("", rows)
        now = Table.grid(padding=(0, 1, 0, 0))
        now.add_row(self._spinner, Text(stage(self.snapshot)), Text(f"{time.monotonic() - self._began:.0f} s", NOTE))
        return Group("", rows, "", now)

    def _print_lines(self, snapshot: Snapshot) -> None:
        if (now := stage(snapshot)) not in ("", self._stage):
            self._stage = now
            self.say(now)
        for file, job in snapshot.files:
            if job and job.status == "COMPLETED" and file not in self._reported:
                self._reported.add(file)
                self.say(f"imported {file.user}/{file.path.name}: {_rows_read(job)}")
        for user in snapshot.arrivals.users if snapshot.arrivals else ():
            if user.polled_plays and user.name not in self._polled:
                self._polled.add(user.name)
                self.say(f"polled {user.name}: {user.polled_plays:,} plays")


def stage(snapshot: Snapshot) -> str:
    """The current step in a few words; empty between two steps."""
    unfinished = snapshot.unfinished_runs
    if snapshot.runs is None:
        return "Dagster is starting"
    if not unfinished:
        if not snapshot.are_files_done:
            return "Dagster's daemon looks into uploads/ every few seconds"
        return "Dagster's daemon will repair the invalidated months" if not snapshot.is_warehouse_done else ""
    jobs = {run.job for run in unfinished}
    if snapshot.arrivals is not None and not jobs.isdisjoint(ASKING):
        topics = " and ".join(topic for job, topic in ASKING.items() if job in jobs)
        return f"Dagster asks the simulated Spotify for {topics}"
    if snapshot.is_warehouse_done:
        return "Dagster's runs are ending"
    if not any(run.status == "STARTED" for run in unfinished):
        return "Dagster is starting a run for each listener"
    return "Dagster imports: a run for each listener"


def _file_bar(file: SampleFile, job: ImportJob | None) -> RenderableType:
    if job is None:
        return _bar(0, file.size)
    if job.status == "COMPLETED":
        return _bar(1, 1)
    return _bar(job.processed_bytes, job.total_bytes or file.size)


def _bar(done: float, total: float) -> RenderableType:
    """A bar that is empty while the total is unknown."""
    return ProgressBar(
        total=total or 1, completed=done, width=BAR, style="grey23", complete_style=GREEN, finished_style=QUIET
    )


def _rows_read(job: ImportJob | None) -> str:
    if job is None:
        return "waits"
    rows = f"{job.processed_rows if job.total_rows is None else job.total_rows:,} rows"
    if job.status != "COMPLETED":
        return rows
    known = f", {job.duplicate_rows:,} of them known" if job.duplicate_rows else ""
    return rows + known


def _arrivals(arrivals: Arrivals) -> Iterator[tuple[RenderableType, ...]]:
    linked = len(arrivals.users)
    plays = " · ".join(f"{user.name} {user.polled_plays:,}" for user in arrivals.users if user.polled_plays)
    yield (
        "Spotify's plays",
        Text(plays or "the 50 latest of each", NOTE),
        _bar(arrivals.polled_users, linked),
        f"{arrivals.polled_plays:,} plays",
    )
    yield (
        "top lists",
        Text("four weeks, six months, a year", NOTE),
        _bar(arrivals.listed_users, linked),
        f"{arrivals.listed_users} of {linked} listeners",
    )
    before, now = arrivals.play_coverage
    yield (
        "metadata",
        Text(f"in {names.CALLS_A_RUN} calls at most", NOTE),
        _bar(now.share, 1),
        f"of {before.share:.0%} of the plays"
        + (f", now {now.share:.0%}" if now.with_metadata != before.with_metadata else ""),
    )


def _months(work: Work) -> str:
    return f"{work.done:,} of {work.total:,} months" if work.total else ""


def describe_upload(sample: SampleUpload, uploads: Path) -> list[str]:
    """The lines about the sample that are printed before its import."""
    lines = []
    if sample.waiting:
        users = ", ".join(dict.fromkeys(file.user for file in sample.waiting))
        files = "1 file" if len(sample.waiting) == 1 else f"{len(sample.waiting)} files"
        lines.append(f"put {files} of sample history into {_short(uploads)}/: {users}")
    if sample.known and not sample.waiting:
        lines.append(f"the sample is imported already: the hashes of its {len(sample.known)} files are known")
    lines += [f"{name} has a history that is not the sample: it is left alone" for name in sample.namesakes]
    return lines


def next_steps(
    settings: Settings, sample: SampleUpload, *, link: str | None, next_poll: datetime | None
) -> RenderableType:
    """Where the user can look, and commands to try. ``link`` signs in at the pages; None: nothing is served."""
    own = _command()
    myi = f"MYI_HOME={shlex.quote(_short(settings.home))} {own}" if settings.home.name == HOME else own
    user = next((file.user for file in (*sample.waiting, *sample.known)), "NAME")
    steps: list[tuple[str, Text | str]] = []
    if link:
        steps.append(("the pages", Text(link, f"bold {GREEN}")))
        steps.append(("", Text(f"works once, for ten minutes; then {myi} open makes another", NOTE)))
        steps.append(("Dagster's UI", names.lineage_url(settings.ui_url)))
        if next_poll:
            steps.append(("what polls add", f"{settings.ui_url}/assets/polled_plays"))
    else:
        steps.append(("the pages", f"{myi} up, then {myi} open"))
    steps.append(("one listener", f"{myi} report --user {user}"))
    steps.append(("any question", f'{myi} sql "SELECT name, total_play_count FROM users"'))
    steps.append(("your own account", f"{own} login --user NAME"))
    steps.append(("your own history", f"{own} import my_spotify_data.zip --user NAME --timezone Europe/Berlin"))
    # One line each: a terminal wraps a link without cutting it, and a table would cut it.
    shown = [Text.assemble((f"{name:<19}", NOTE), step) for name, step in steps]
    if link:
        lines = ["Ctrl-C stops everything."]
        if next_poll:
            due = f"{next_poll.astimezone():%H:%M}"
            lines.insert(0, f"The schedules continue to ask the simulated Spotify: the next poll comes at {due}.")
        shown += [Text(), *(Text(line, NOTE) for line in lines)]
    return Group(*shown)


def _command() -> str:
    """How the user can call this command again from this folder."""
    called = Path(sys.argv[0])
    if called.name != "myi" or shutil.which("myi") == str(called.resolve()):
        return "myi"
    return shlex.quote(_short(called))


def _short(path: Path) -> str:
    """A path as the user would type it in this folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
