"""``myi import``: the import job in this process, against the same Dagster instance, with progress on the terminal.

What is done with the files is the job's business; here is what a person at the terminal sees of it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from myi_pipelines.cli.foreground_run import run_job
from myi_pipelines.cli.import_progress import shown
from myi_pipelines.errors import InputError
from myi_pipelines.ingest.uploads.landing_files import NOT_EXPORTS
from myi_pipelines.orchestration.instance.foreground import Done, ForegroundRun
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.sources.exports import ExportError, Limits, find_upload_files, open_upload
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.users import known_or_new_user


class NothingToImport(InputError):
    """A given path leads nowhere, or none of them to a file that could be an export."""


class ImportSummary(NamedTuple):
    """What an import did, as its materializations show it too."""

    run_id: str
    files: int
    known_files: int
    """Files that were imported before."""
    problems: list[str]
    """A line for each file that was not imported."""
    total_rows: int
    landed: int
    """Rows that were new to ``imported_plays``."""
    duplicate: int
    rejected: Mapping[str, int]
    added: int
    upgraded: int
    months: int
    seconds: float

    @property
    def events_per_second(self) -> int:
        """Events that were written, over the whole time."""
        return round((self.added + self.upgraded) / self.seconds) if self.seconds else 0

    @property
    def has_done_something(self) -> bool:
        """Whether a file is in the warehouse, or plays of earlier ones became events."""
        return len(self.problems) < self.files or self.added + self.upgraded > 0

    @property
    def exit_code(self) -> int:
        """0 when every file is in the warehouse."""
        return 1 if self.problems else 0


def import_files(
    settings: Settings, paths: Sequence[Path], user: str, timezone: str | None, console: Console
) -> ImportSummary:
    """Import files and folders for a user, showing progress; the warehouse must be running and migrated.

    A file that cannot be read is a problem of the summary; the others are imported all the same. Raises
    NothingToImport, RunInterrupted, RunFailed, and InvalidUserName or UnknownTimezone, each with one line.
    """
    limits = Limits(
        max_members=settings.zip_max_members, max_ratio=settings.zip_max_ratio, max_bytes=settings.zip_max_bytes
    )
    files, months = _survey(paths, limits, console)
    with connect(servers_of(settings).database_url, application_name="myi import") as conn:
        known = known_or_new_user(conn, user, timezone)
        invalidated = reporting.invalidated_range(conn, user_id=known.id)
        months += [month for month in (invalidated.first, invalidated.last) if month]
        with shown(console, conn, known.id):
            done = _run(settings, files, known.name, months)
    return _summary(done, len(files))


def _survey(paths: Sequence[Path], limits: Limits, console: Console) -> tuple[list[Path], list[date]]:
    """The files to import and the months that they may hold. In folders, files without history are passed over."""
    files: list[Path] = []
    months: list[date] = []
    for path in paths:
        if not path.exists():
            raise NothingToImport(f"{path}: there is no such file or folder; nothing was imported")
        for file in find_upload_files([path]):
            try:
                with open_upload(file, limits) as upload:
                    months += upload.month_range() or ()
            except NOT_EXPORTS as error:
                if path.is_dir():
                    console.print(f"passed over: {error}", style="dim", markup=False, highlight=False)
                    continue
            except ExportError:
                pass  # the run says what is wrong, and keeps it in import_jobs
            files.append(file.absolute())
    if not files:
        raise NothingToImport(
            f"{', '.join(map(str, paths))}: no history found; name the ZIP that Spotify sent, a JSON file of it or a "
            "folder with such files"
        )
    return list(dict.fromkeys(files)), months


def _run(settings: Settings, files: Sequence[Path], user: str, months: list[date]) -> Done:
    from myi_pipelines.orchestration.jobs import import_config, import_history, import_tags
    from myi_pipelines.orchestration.partitions import range_tags

    config = import_config(user, [str(file) for file in files])
    tags = {
        **import_tags(user, [file.name for file in files]),
        **range_tags(months or [datetime.now(UTC).date()]),
    }
    return run_job(settings, ForegroundRun(import_history.name, config, tags, "the import"))


def _summary(done: Done, files: int) -> ImportSummary:
    landing = done.metadata_of("imported_plays")
    events = done.metadata_of("listening_events")
    problems: list[str] = []
    for check in done.result.get_asset_check_evaluations():
        if "problems" in check.metadata:
            lines: Any = check.metadata["problems"].value
            problems += lines
    return ImportSummary(
        run_id=done.result.run_id,
        files=files,
        known_files=landing["files_known"],
        problems=problems,
        total_rows=landing["total_rows"],
        landed=landing["added_rows"],
        duplicate=landing["duplicate_rows"],
        rejected=landing["rejected"],
        added=events["run_added"],
        upgraded=events["run_upgraded"],
        months=events["run_months"],
        seconds=done.seconds,
    )
