"""``myi import``: the import job in this process, against the same Dagster instance, with progress on the terminal.

What is done with the files is the job's business; here is what a person at the terminal sees of it.
"""

import os
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from myi_pipelines import import_progress, inventory
from myi_pipelines.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.history import HistoryError, Limits, find_uploads, open_upload
from myi_pipelines.intake import STRANGERS
from myi_pipelines.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database import connect
from myi_pipelines.warehouse.users import ensure_user

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult
    from dagster_shared.error import SerializableErrorInfo

INTERRUPTS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")


class NothingToImport(Exception):
    """A given path leads nowhere, or none of them to a file that could be an export."""


class ImportInterrupted(Exception):
    """Somebody pressed Ctrl-C."""


class ImportFailed(Exception):
    """The run broke off for another reason than its files."""


class ImportSummary(NamedTuple):
    """What an import did, as its materializations tell it too."""

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
    def exit_code(self) -> int:
        """0 when every file is in the warehouse."""
        return 1 if self.problems else 0


def import_files(
    settings: Settings, paths: Sequence[Path], user: str, timezone: str | None, console: Console
) -> ImportSummary:
    """Import files and folders for a listener, showing progress; the warehouse must be running and migrated.

    A file that cannot be read is a problem of the summary; the others are imported all the same. Raises
    NothingToImport, ImportInterrupted, ImportFailed, and InvalidUserName or UnknownTimezone, each with one line.
    """
    limits = Limits(
        max_members=settings.zip_max_members, max_ratio=settings.zip_max_ratio, max_bytes=settings.zip_max_bytes
    )
    files, months = _survey(paths, limits, console)
    with connect(servers_of(settings).database_url, application_name="myi import") as conn:
        user_id = ensure_user(conn, user, timezone)
        stale = inventory.stale_range(conn, user_id=user_id)
        months += [month for month in (stale.first, stale.last) if month]
        with import_progress.shown(console, conn, user_id):
            result, seconds = _run(settings, files, user, months)
    _require_success(result)
    return _summary(result, len(files), seconds)


def _survey(paths: Sequence[Path], limits: Limits, console: Console) -> tuple[list[Path], list[date]]:
    """The files to import and the months that they may hold. In folders, files without history are passed over."""
    files: list[Path] = []
    months: list[date] = []
    for path in paths:
        if not path.exists():
            raise NothingToImport(f"{path}: there is no such file or folder; nothing was imported")
        for file in find_uploads([path]):
            try:
                with open_upload(file, limits) as upload:
                    months += upload.month_range() or ()
            except STRANGERS as error:
                if path.is_dir():
                    console.print(f"passed over: {error}", style="dim", markup=False, highlight=False)
                    continue
            except HistoryError:
                pass  # the run says what is wrong, and keeps it in import_jobs
            files.append(file.absolute())
    if not files:
        raise NothingToImport(
            f"{', '.join(map(str, paths))}: no history found; name the ZIP that Spotify sent, a JSON file of it or a "
            "folder with such files"
        )
    return list(dict.fromkeys(files)), months


def _run(
    settings: Settings, files: Sequence[Path], user: str, months: list[date]
) -> tuple["ExecuteInProcessResult", float]:
    """Run the import job here, telling Dagster's instance of it, and how many seconds it took."""
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from dagster import DagsterInstance

        from myi_pipelines.definitions import defs
        from myi_pipelines.jobs import import_config, import_history, import_tags
        from myi_pipelines.partitions import range_tags
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    tags = {
        **import_tags(user, [file.name for file in files]),
        **range_tags(months or [datetime.now(UTC).date()]),
        "dagster/max_retries": "0",  # whoever sits at the terminal decides that
    }
    with DagsterInstance.get() as instance:
        began = time.monotonic()
        result = defs.resolve_job_def(import_history.name).execute_in_process(
            instance=instance,
            run_config={**import_config(user, [str(file) for file in files]), **quiet},
            tags=tags,
            raise_on_error=False,
        )
        return result, time.monotonic() - began


def _require_success(result: "ExecuteInProcessResult") -> None:
    """Raise ImportInterrupted or ImportFailed, with one line, when a run did not reach its end."""
    from dagster._core.events import JobFailureData
    from dagster._core.execution.plan.objects import StepFailureData

    if result.success:
        return
    again = "what it had done is kept, run the same command again to go on"
    failures = [
        event.event_specific_data for event in result.all_events if event.is_step_failure or event.is_job_failure
    ]
    causes = [
        _cause(data.error) for data in failures if isinstance(data, StepFailureData | JobFailureData) and data.error
    ]
    if any(cause.cls_name in INTERRUPTS for cause in causes):
        raise ImportInterrupted(f"the import was interrupted; {again}")
    reason = " ".join(causes[0].message.split()) if causes else "its run ended early"
    raise ImportFailed(f"the import broke off: {reason}; {again} (run {result.run_id} in Dagster's UI)")


def _cause(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    return _cause(error.cause) if error.cause else error


def _summary(result: "ExecuteInProcessResult", files: int, seconds: float) -> ImportSummary:
    landing = _metadata(result, "imported_plays")
    events = _metadata(result, "listening_events")
    problems: list[str] = []
    for check in result.get_asset_check_evaluations():
        if "problems" in check.metadata:
            lines: Any = check.metadata["problems"].value
            problems += lines
    return ImportSummary(
        run_id=result.run_id,
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
        seconds=seconds,
    )


def _metadata(result: "ExecuteInProcessResult", asset: str) -> dict[str, Any]:
    """What the newest month's materialization says of the run."""
    newest = result.asset_materializations_for_node(asset)[-1]
    return {name: value.value for name, value in newest.metadata.items()}
