"""The progress bar of ``myi import``: it reads the database and draws. It changes nothing."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.reporting import ImportProgress, import_progress

SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def shown(console: Console, conn: Connection, user_id: int) -> Iterator[None]:
    """Draw the progress of a user's import while the block runs. Nothing is drawn where there is no terminal.

    The connection is this function's alone until the block ends.
    """
    if not console.is_terminal:
        yield
        return
    ended = threading.Event()
    with _terminal(console) as terminal:
        progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
            TimeElapsedColumn(),
            console=terminal,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        watcher = threading.Thread(target=_watch, args=(progress, conn, user_id, ended), daemon=True)
        with progress:
            watcher.start()
            try:
                yield
            finally:
                ended.set()
                watcher.join()


@contextmanager
def _terminal(console: Console) -> Iterator[Console]:
    """The same terminal by another way: Dagster turns stdout and stderr into files while a run is on."""
    try:
        number = os.dup(console.file.fileno())
    except (AttributeError, io.UnsupportedOperation):
        yield console
        return
    with os.fdopen(number, "w", encoding=console.encoding) as file:
        yield Console(file=file, force_terminal=True, width=console.width, color_system="auto")


def _watch(progress: Progress, conn: Connection, user_id: int, ended: threading.Event) -> None:
    bars = _Bars(progress)
    while not ended.wait(SECONDS_BETWEEN_LOOKS):
        try:
            bars.draw(import_progress(conn, user_id))
        except psycopg.OperationalError:
            return  # the run itself says what is wrong


class _Bars:
    """One bar a stage; those to come show that they wait."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.read = self._bar("Reading")
        self.conform = self._bar("Events")
        self.count = self._bar("Statistics")
        self.most_stale = 0

    def draw(self, now: ImportProgress) -> None:
        if now.file_name is not None:
            rows = f"{now.file_name}: {now.processed_rows or 0:,} rows"
            self._move(self.read, now.processed_bytes or 0, now.total_bytes or 1, rows)
        self.most_stale = max(self.most_stale, now.stale_events)
        if self.most_stale:
            done = self.most_stale - now.stale_events
            self._move(self.conform, done, self.most_stale, f"{done:,} of {self.most_stale:,} months")
        if now.file_name is None and now.stale_stats and not now.stale_events:
            self.progress.start_task(self.count)
            self.progress.update(self.count, detail=f"{now.stale_stats:,} months")

    def _bar(self, stage: str) -> TaskID:
        return self.progress.add_task(stage, start=False, total=None, detail="")

    def _move(self, bar: TaskID, completed: int, total: int, detail: str) -> None:
        self.progress.start_task(bar)
        self.progress.update(bar, completed=completed, total=total, detail=detail)
