"""Draws the import of the sample and what comes from Spotify while it goes on, and says at the end what to do next.
Reads no database."""

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
from myi_pipelines.demo.launches import CALLS
from myi_pipelines.demo.offer import Offer, SampleFile
from myi_pipelines.demo.watch import Moment, Work
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.import_jobs import ImportJob

ASKING = {
    "poll_plays": "recent plays",
    "refresh_top_lists": "top lists",
    "refresh_metadata": "metadata",
}
"""Jobs, and what they ask Spotify for."""

GREEN, QUIET, NOTE = "#1ed760", "#17803d", "dim"
BAR = 24


@contextmanager
def screen(console: Console) -> "Iterator[Screen]":
    """A place to draw moments in. Where nobody looks, a line tells of each file that is done."""
    drawn = Screen(console)
    if not console.is_terminal:
        yield drawn
        drawn.say("done")
        return
    with Live(drawn, console=console, refresh_per_second=10):
        yield drawn
        drawn.is_over = True


class Screen:
    """The latest moment, drawn: a bar for each file, one for each stage of what is derived, and what goes on now."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.moment: Moment | None = None
        self.is_over = False
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style=GREEN)
        self._told: set[SampleFile] = set()
        self._polled: set[str] = set()
        self._stage = ""

    def show(self, moment: Moment) -> None:
        """Draw another moment."""
        self.moment = moment
        if not self.console.is_terminal:
            self._tell(moment)

    def say(self, text: str) -> None:
        """A line for those who read a log."""
        self.console.print(text, style=NOTE, markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        if self.moment is None:
            return Text("")
        rows = Table.grid(padding=(0, 2, 0, 0))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, overflow="ellipsis")
        rows.add_column(width=BAR)
        rows.add_column(no_wrap=True, style=NOTE)
        for file, job in self.moment.files:
            rows.add_row(file.user, file.path.name, _file_bar(file, job), _rows_read(job))
        for title, about, work in (
            ("events", "month by month", self.moment.events),
            ("statistics", "all of a listener's at once", self.moment.stats),
        ):
            if work.total or self.moment.files:
                rows.add_row(title, Text(about, NOTE), _bar(work.done, work.total), _months(work))
        if self.moment.arrivals:
            for row in _arrivals(self.moment.arrivals):
                rows.add_row(*row)
        if self.is_over:
            return Group("", rows)
        now = Table.grid(padding=(0, 1, 0, 0))
        now.add_row(self._spinner, Text(stage(self.moment)), Text(f"{time.monotonic() - self._began:.0f} s", NOTE))
        return Group("", rows, "", now)

    def _tell(self, moment: Moment) -> None:
        if (now := stage(moment)) not in ("", self._stage):
            self._stage = now
            self.say(now)
        for file, job in moment.files:
            if job and job.status == "COMPLETED" and file not in self._told:
                self._told.add(file)
                self.say(f"imported {file.user}/{file.path.name}: {_rows_read(job)}")
        for one in moment.arrivals.listeners if moment.arrivals else ():
            if one.polled_plays and one.name not in self._polled:
                self._polled.add(one.name)
                self.say(f"polled {one.name}: {one.polled_plays:,} plays")


def stage(moment: Moment) -> str:
    """What goes on, in a few words; nothing between two things."""
    unfinished = moment.unfinished_runs
    if moment.runs is None:
        return "Dagster is starting"
    if not unfinished:
        if not moment.are_files_done:
            return "Dagster's daemon looks into uploads/ every few seconds"
        return "Dagster's daemon will heal the months that are stale" if not moment.is_warehouse_done else ""
    jobs = {run.job for run in unfinished}
    if moment.arrivals is not None and not jobs.isdisjoint(ASKING):
        doing = " and ".join(said for job, said in ASKING.items() if job in jobs)
        return f"Dagster asks the simulated Spotify for {doing}"
    if moment.is_warehouse_done:
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
    """Empty while nothing is known to be done or to do."""
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
    linked = len(arrivals.listeners)
    who = " · ".join(f"{one.name} {one.polled_plays:,}" for one in arrivals.listeners if one.polled_plays)
    yield (
        "Spotify's plays",
        Text(who or "the 50 latest of each", NOTE),
        _bar(arrivals.polled, linked),
        f"{arrivals.polled_plays:,} plays",
    )
    yield (
        "top lists",
        Text("four weeks, six months, a year", NOTE),
        _bar(arrivals.listed, linked),
        f"{arrivals.listed} of {linked} listeners",
    )
    before, now = arrivals.plays_told
    yield (
        "metadata",
        Text(f"in {CALLS} calls at most", NOTE),
        _bar(now.share, 1),
        f"of {before.share:.0%} of the plays"
        + (f", now {now.share:.0%}" if now.with_metadata != before.with_metadata else ""),
    )


def _months(work: Work) -> str:
    return f"{work.done:,} of {work.total:,} months" if work.total else ""


def offered(offer: Offer, uploads: Path) -> list[str]:
    """A line for everything there is to say about the sample before it is imported."""
    lines = []
    if offer.waiting:
        who = " and ".join(dict.fromkeys(file.user for file in offer.waiting))
        files = "1 file" if len(offer.waiting) == 1 else f"{len(offer.waiting)} files"
        lines.append(f"put {files} of sample history into {_short(uploads)}/: {who.replace(' and ', ', ')}")
    if offer.known and not offer.waiting:
        lines.append(f"the sample is imported already: the hashes of its {len(offer.known)} files are known")
    lines += [f"{name} has a history that is not the sample's: it is left alone" for name in offer.not_exports]
    return lines


def next_steps(settings: Settings, offer: Offer, *, is_serving: bool, next_poll: datetime | None) -> RenderableType:
    """Where to look and what to try."""
    myi = _command()
    user = next((file.user for file in (*offer.waiting, *offer.known)), "NAME")
    steps = Table.grid(padding=(0, 3, 0, 0))
    steps.add_column(style=NOTE, no_wrap=True)
    steps.add_column(overflow="fold")
    if is_serving:
        steps.add_row("Dagster's UI", Text(f"{settings.ui_url}/asset-groups", f"bold {GREEN}"))
        if next_poll:
            steps.add_row("what polls add", Text(f"{settings.ui_url}/assets/polled_plays"))
    else:
        steps.add_row("Dagster's UI", Text(f"{myi} up"))
    steps.add_row("one listener", Text(f"{myi} report --user {user}"))
    steps.add_row("any question", Text(f'{myi} sql "SELECT name, total_play_count FROM users"'))
    steps.add_row("your own account", Text(f"{myi} login --user NAME"))
    steps.add_row("your own history", Text(f"{myi} import my_spotify_data.zip --user NAME --timezone Europe/Berlin"))
    if is_serving:
        steps.add_row("", Text(f"or put the ZIP that Spotify sent you into {_short(settings.uploads)}/NAME/"))
        lines = ["Ctrl-C stops everything."]
        if next_poll:
            due = f"{next_poll.astimezone():%H:%M}"
            lines.insert(0, f"The schedules go on asking the simulated Spotify: the next poll comes at {due}.")
        return Group(steps, "", *(Text(line, NOTE) for line in lines))
    return steps


def _command() -> str:
    """How this command can be called again from here."""
    called = Path(sys.argv[0])
    if called.name != "myi" or shutil.which("myi") == str(called.resolve()):
        return "myi"
    return shlex.quote(_short(called))


def _short(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
