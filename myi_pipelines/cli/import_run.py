"""``myi import``: the import job in this process, against the same Dagster instance, with progress on the terminal.

What is done with the files is the job's business; here is what a person at the terminal sees of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from rich.console import Console

from myi_pipelines.cli.foreground_run import run_job
from myi_pipelines.cli.import_progress import shown
from myi_pipelines.errors import InputError
from myi_pipelines.ingest.uploads.folder_files import files_below, is_downloading
from myi_pipelines.ingest.uploads.landing_files import month_range
from myi_pipelines.orchestration.instance.foreground import Done, ForegroundRun
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.sources.exports import ExportError, Limits, no_history_among, open_upload, printable_name
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.personal_data import remove_if_empty
from myi_pipelines.warehouse.users import find_user, known_or_new_user


class NothingToImport(InputError):
    """A given path leads nowhere, or none of them to a file that could be an export."""


PODCASTS_AS_MUSIC = (
    "account data of before 2024 lists podcasts as music, and nothing in it tells them apart; the extended history "
    "does: ask Spotify for it, and import it as well"
)


class ImportSummary(NamedTuple):
    """What an import did, as its materializations show it too."""

    run_id: str
    imported_files: int
    """Files that are in the warehouse, since now or before."""
    known_files: int
    """Files that were imported before."""
    passed_over_files: int
    """Files without history in folders that were given."""
    problems: list[str]
    """A line for each file that was not imported."""
    notes: list[str]
    """A line for each thing that was left out or looks odd."""
    total_rows: int
    landed: int
    """Rows that were new to ``imported_plays``."""
    duplicate: int
    rejected: Mapping[str, int]
    """Rows that were not landed, and those too short to count, by reason."""
    outcomes: Mapping[str, int]
    """What became of the rows that landed: see ``import_outcomes.OUTCOMES``."""
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
        return self.imported_files > 0 or self.added + self.upgraded > 0

    @property
    def exit_code(self) -> int:
        """0 when every file that could hold plays is in the warehouse."""
        return 1 if self.problems else 0


def import_files(
    settings: Settings, paths: Sequence[Path], user: str, timezone: str | None, console: Console
) -> ImportSummary:
    """Import files and folders for a user, showing progress; the warehouse must be running and migrated.

    A file that cannot be read is a problem of the summary; the others are imported all the same. A new user of whom
    nothing was imported is removed again. Raises
    NothingToImport, RunInterrupted, RunFailed, and InvalidUserName or UnknownTimezone, each with one line.
    """
    limits = Limits(
        max_members=settings.zip_max_members, max_ratio=settings.zip_max_ratio, max_bytes=settings.zip_max_bytes
    )
    files, months = _survey(paths, limits)
    with connect(servers_of(settings).database_url, application_name="myi import") as conn:
        is_new = find_user(conn, user) is None
        known = known_or_new_user(conn, user, timezone)
        invalidated = reporting.invalidated_range(conn, user_id=known.id)
        months += [month for month in (invalidated.first, invalidated.last) if month]
        try:
            with shown(console, conn, known.id):
                done = _run(settings, files, known.name, timezone, months)
        finally:
            if is_new:
                with suppress(psycopg.Error):  # the run has said that the server went away
                    remove_if_empty(conn, known.id)
        summary = _summary(done)
        if summary.landed and reporting.has_only_older_account_data(conn, known.id):
            summary.notes.append(PODCASTS_AS_MUSIC)
    return summary


def _survey(paths: Sequence[Path], limits: Limits) -> tuple[list[Path], list[date]]:
    """The files and folders to import, each once, and the months that they may hold.

    Raises NothingToImport when there is no such file or folder, or no file in the folders that could be a history.
    """
    months: list[date] = []
    others: list[Path] = []
    could_be_history = False
    for path in paths:
        if not path.exists():
            raise NothingToImport(f"{path}: there is no such file or folder; nothing was imported")
        if not path.is_dir():
            if not path.is_file():
                raise NothingToImport(f"{path}: is neither a file nor a folder; nothing was imported")
            if is_downloading(path.name):
                raise NothingToImport(f"{path}: is still being downloaded, by its name; nothing was imported")
            could_be_history = True
            months += month_range(path, limits) or ()
            continue
        for file in files_below(path, on_error=_refuse).files:
            try:
                with open_upload(file, limits) as upload:
                    months += upload.month_range() or ()
            except ExportError as error:
                if error.is_no_history:
                    others.append(file.relative_to(path))
                    continue  # the run passes it over
            could_be_history = True  # the run says what is wrong, and keeps it in import_jobs
    if not could_be_history:
        names = [printable_name(str(other)) for other in others]
        raise NothingToImport(str(no_history_among(", ".join(map(str, paths)), names)))
    return _each_once(paths), months


def _each_once(paths: Sequence[Path]) -> list[Path]:
    """Paths without those that lie in a folder which is given, too."""
    given = {path.resolve(): path.absolute() for path in paths}
    folders = {path for path in given if path.is_dir()}
    return [path for resolved, path in given.items() if folders.isdisjoint(resolved.parents)]


def _refuse(error: OSError) -> None:
    reason = (error.strerror or type(error).__name__).lower()
    raise NothingToImport(f"{error.filename}: cannot be read ({reason}); nothing was imported") from error


def _run(settings: Settings, files: Sequence[Path], user: str, timezone: str | None, months: Sequence[date]) -> Done:
    from myi_pipelines.orchestration.jobs import import_config, import_history, import_tags
    from myi_pipelines.orchestration.partitions import range_tags
    from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder

    config = import_config(user, [str(file) for file in files], timezone)
    tags = {
        **import_tags(user, [file.name for file in files]),
        **range_tags(months or [datetime.now(UTC).date()]),
    }
    resources = {"uploads_folder": UploadsFolder(takes_any_file=True)}
    return run_job(settings, ForegroundRun(import_history.name, config, tags, "the import", resources))


def _summary(done: Done) -> ImportSummary:
    landing = done.metadata_of("imported_plays")
    events = done.metadata_of("listening_events")
    lines: dict[str, list[str]] = {"problems": [], "notes": []}
    for check in done.result.get_asset_check_evaluations():
        for name, found in lines.items():
            if name in check.metadata:
                more: Any = check.metadata[name].value
                found += more
    return ImportSummary(
        run_id=done.result.run_id,
        imported_files=landing["files_landed"] + landing["files_known"],
        known_files=landing["files_known"],
        passed_over_files=landing["files_passed_over"],
        problems=lines["problems"],
        notes=lines["notes"],
        total_rows=landing["total_rows"],
        landed=landing["landed_rows"],
        duplicate=landing["known_rows"],
        rejected=landing["rejected"],
        outcomes=_outcomes(events),
        added=events["run_added"],
        upgraded=events["run_upgraded"],
        months=events["run_months"],
        seconds=done.seconds,
    )


def _outcomes(events: Mapping[str, Any]) -> dict[str, int]:
    table = events.get("run_outcomes")
    return {record.data["outcome"]: record.data["rows"] for record in table.records} if table else {}
