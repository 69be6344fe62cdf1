"""Landing of exports as an asset: what the files say, written once. ``sources.exports`` reads the files,
``ingest.uploads`` lands them."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.landing_files import NOT_EXPORTS, OnBatch, WaitingFile, land_file
from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_list, per_second, report_months
from myi_pipelines.orchestration.assets.specs import LANDING, table_spec
from myi_pipelines.orchestration.partitions import SINGLE_RUN, last_month, months_of
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.sources.exports import ChangedWhileRead, HistoryError
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import JobInProgress
from myi_pipelines.warehouse.landing import Landed
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, ensure_months, months_between
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.users import InvalidUserName, UnknownTimezone, ensure_user

UPLOADS_READABLE = "uploads_readable"
SECONDS_BETWEEN_PROGRESS = 10

IMPORTED_PLAYS_SPEC = table_spec(
    "imported_plays",
    group=LANDING,
    kinds=("postgres", "python"),
    about=(
        "Taken from the files that Spotify sends a user, extended histories and account data alike. A file is "
        "landed all or nothing, and once: the same file again is recognized, an overlapping one adds only what is "
        "new. Put files into `uploads/<user>/` or run `myi import`; materializing a month here lands nothing and "
        "reports what is there."
    ),
)


class ImportConfig(dg.Config):
    """Which files a run lands, and whose they are."""

    user: str = Field(default="", description="The user's name.")
    files: list[str] = Field(
        default_factory=list, description="Paths of .zip and .json files, in the order to read them."
    )
    timezone: str | None = Field(default=None, description="IANA name of the user's time zone, if it is to be set.")


@dg.multi_asset(
    name="imported_plays",
    specs=[IMPORTED_PLAYS_SPEC],
    check_specs=[
        dg.AssetCheckSpec(
            UPLOADS_READABLE,
            asset="imported_plays",
            description="Every file of the latest run could be read and landed. Those that could not are named.",
        )
    ],
    backfill_policy=SINGLE_RUN,
)
def imported_plays(
    context: AssetExecutionContext,
    config: ImportConfig,
    warehouse: Warehouse,
    uploads_folder: UploadsFolder,
    archive: Archive,
) -> Iterator[dg.MaterializeResult[None]]:
    began = time.monotonic()
    with warehouse.session(restore_archived=archive.restore_archived, on_note=context.log.warning) as session:
        ensure_months(session.conn, months_between(datetime.now(UTC).date(), last_month()))
        run = _FileRun(context, session, uploads_folder)
        if config.files:
            user_id = _user_of(session.conn, config)
            for file in config.files:
                run.land(Path(file), user_id)
        sizes = reporting.month_sizes(session.conn, IMPORTED_PLAYS, months_of(context))
    report_months(
        context,
        "imported_plays",
        by_month={
            month: {"dagster/partition_row_count": size.rows, "bytes": size.bytes} for month, size in sizes.items()
        },
        summary=_summary(config, run, time.monotonic() - began),
    )
    yield dg.MaterializeResult(check_results=[_readable(config, run)])


def _user_of(conn: Connection, config: ImportConfig) -> int:
    try:
        return ensure_user(conn, config.user, config.timezone)
    except (InvalidUserName, UnknownTimezone) as error:
        raise dg.Failure(str(error), allow_retries=False) from None


class _FileRun:
    """The files of one run: each is landed and moved away on its own, and one that cannot be read stops no other."""

    def __init__(self, context: AssetExecutionContext, session: Session, folder: UploadsFolder) -> None:
        self.landed: list[Landed] = []
        self.problems: list[str] = []
        """A line for each file that was not landed."""
        self._context = context
        self._session = session
        self._folder = folder

    def land(self, path: Path, user_id: int) -> None:
        """Land one file and move it out of the uploads folder, whatever came of it."""
        signature = waiting_files.FileSignature.of(path)
        if signature is None:
            self._context.log.warning(
                f"{path.name}: is no longer there; an earlier attempt of this run may have landed it"
            )
            return
        may_be_other = waiting_files.is_in_dropped_folder(self._folder.path, path)
        file = WaitingFile(path, user_id, self._folder.limits, may_be_other)
        failure = None
        try:
            landed = land_file(self._session, file, _progress_log(self._context, path.name))
        except (ChangedWhileRead, JobInProgress) as error:
            self.problems.append(str(error))  # stays where it is: it has another chance
            return
        except HistoryError as error:
            if may_be_other and isinstance(error, NOT_EXPORTS):
                self._context.log.info(f"passed over: {error}")
            else:
                failure = str(error)
                self.problems.append(failure)
        else:
            self.landed.append(landed)
            self._context.log.info(_outcome(path.name, landed))
        self._move_away(path, signature, failure)

    def _move_away(self, path: Path, signature: waiting_files.FileSignature, failure: str | None) -> None:
        """Move a file that waited in the uploads folder. One that was replaced since it was read waits there again."""
        folder = self._folder.path
        if waiting_files.owner(folder, path) is None or waiting_files.FileSignature.of(path) != signature:
            return
        try:
            if failure is None:
                waiting_files.move_to_imported(folder, path)
            else:
                waiting_files.move_to_failed(folder, path, failure)
        except OSError as error:
            self.problems.append(
                f"{path.name}: was read, but cannot be moved out of the way: {error.strerror or error}; move it by hand"
            )


def _progress_log(context: AssetExecutionContext, name: str) -> OnBatch:
    rows, last = 0, time.monotonic()

    def log(batch: PackedBatch, total_bytes: int) -> None:
        nonlocal rows, last
        rows += batch.rows
        if time.monotonic() - last >= SECONDS_BETWEEN_PROGRESS:
            last = time.monotonic()
            context.log.info(f"{name}: {rows:,} rows read, {100 * batch.bytes_read // max(total_bytes, 1)} %")

    return log


def _outcome(name: str, landed: Landed) -> str:
    if landed.known:
        return f"{name}: landed before, nothing to do"
    return (
        f"{name}: {landed.total_rows:,} rows read, {landed.added_rows:,} new, {landed.duplicate_rows:,} known, "
        f"{sum(landed.rejected.values()):,} that make no event, {landed.seconds:.1f} s"
    )


def _summary(config: ImportConfig, run: _FileRun, seconds: float) -> Metadata:
    if not config.files:
        return {}
    rejected: Counter[str] = Counter()
    months: set[date] = set()
    for landed in run.landed:
        rejected.update(landed.rejected)
        months.update(landed.months)
    rows = sum(landed.total_rows for landed in run.landed)
    summary: dict[str, Any] = {
        "user": config.user,
        "files_landed": sum(not landed.known for landed in run.landed),
        "files_known": sum(landed.known for landed in run.landed),
        "total_rows": rows,
        "added_rows": sum(landed.added_rows for landed in run.landed),
        "duplicate_rows": sum(landed.duplicate_rows for landed in run.landed),
        "rejected": dict(rejected.most_common()),
        "cleaned_rows": sum(landed.cleaned for landed in run.landed),
        "months": len(months),
        "seconds": round(seconds, 2),
        "rows_per_second": per_second(rows, seconds),
    }
    if run.problems:
        summary["problems"] = markdown_list(run.problems)
    return summary


def _readable(config: ImportConfig, run: _FileRun) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"files": len(config.files)}
    if run.problems:
        metadata["problems"] = dg.MetadataValue.json(run.problems)
    return dg.AssetCheckResult(
        check_name=UPLOADS_READABLE,
        passed=not run.problems,
        description="; ".join(run.problems) or "Nothing was wrong with the run's files.",
        metadata=metadata,
    )
