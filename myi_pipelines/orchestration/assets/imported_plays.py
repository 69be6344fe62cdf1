"""Landing as assets: what the sources said, written once. Reading exports is ``history``'s and ``intake``'s work."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.landing_files import NOT_EXPORTS, OnBatch, land_file
from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_list, per_second, report_months
from myi_pipelines.orchestration.assets.specs import LANDING, table_spec
from myi_pipelines.orchestration.partitions import SINGLE_RUN, last_month, months_of
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.sources.exports import ChangedWhileRead, ExportError
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import JobInProgress
from myi_pipelines.warehouse.landing import Landed
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, ensure_months, months_between
from myi_pipelines.warehouse.users import InvalidUserName, UnknownTimezone, ensure_user

UPLOADS_READABLE = "uploads_readable"
SECONDS_BETWEEN_PROGRESS = 10

IMPORTED_PLAYS_SPEC = table_spec(
    "imported_plays",
    group=LANDING,
    kinds=("postgres", "python"),
    about=(
        "Taken from the files that Spotify sends a listener, extended histories and account data alike. A file is "
        "landed all or nothing, and once: the same file again is recognized, an overlapping one adds only what is "
        "new. Put files into `uploads/<user>/` or run `myi import`; materializing a month here lands nothing and "
        "reports what is there."
    ),
)


class ImportConfig(dg.Config):
    """Which files a run lands, and whose they are."""

    user: str = Field(default="", description="The listener's name.")
    files: list[str] = Field(
        default_factory=list, description="Paths of .zip and .json files, in the order to read them."
    )
    timezone: str | None = Field(default=None, description="IANA name of the listener's time zone, if it is to be set.")


class Intake(NamedTuple):
    """What became of a run's files."""

    landed: list[Landed]
    problems: list[str]
    """A line for each file that was not landed."""


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
    with warehouse.connection() as conn, warehouse.connection() as status_conn:
        ensure_months(conn, months_between(datetime.now(UTC).date(), last_month()))
        intake = Intake([], [])
        if config.files:
            user_id = _listener(conn, config)
            for file in config.files:
                _take_in(context, conn, status_conn, Path(file), user_id, warehouse, uploads_folder, archive, intake)
        sizes = reporting.month_sizes(conn, IMPORTED_PLAYS, months_of(context))
    report_months(
        context,
        "imported_plays",
        by_month={
            month: {"dagster/partition_row_count": size.rows, "bytes": size.bytes} for month, size in sizes.items()
        },
        summary=_summary(config, intake, time.monotonic() - began),
    )
    yield dg.MaterializeResult(check_results=[_readable(config, intake)])


def _listener(conn: Connection, config: ImportConfig) -> int:
    try:
        return ensure_user(conn, config.user, config.timezone)
    except (InvalidUserName, UnknownTimezone) as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _take_in(
    context: AssetExecutionContext,
    conn: Connection,
    status_conn: Connection,
    path: Path,
    user_id: int,
    warehouse: Warehouse,
    folder: UploadsFolder,
    archive: Archive,
    intake: Intake,
) -> None:
    """Land one file and clear it away. A file that cannot be read is a line, not the end of the run."""
    signature = waiting_files.FileSignature.of(path)
    if signature is None:
        context.log.warning(f"{path.name}: is no longer there; an earlier attempt of this run may have taken it in")
        return
    not_exports = NOT_EXPORTS if waiting_files.is_in_dropped_folder(folder.path, path) else ()
    try:
        landed = land_file(
            conn,
            status_conn,
            path,
            user_id=user_id,
            limits=folder.limits,
            min_play_ms=warehouse.shortest_play_ms,
            on_note=context.log.warning,
            on_batch=_progress_log(context, path.name),
            pass_over=not_exports,
            restore_archived=archive.restore_archived,
        )
    except not_exports as error:
        context.log.info(f"passed over: {error}")
        _clear_away(intake, folder.path, path, signature, None)
    except (ChangedWhileRead, JobInProgress) as error:
        intake.problems.append(str(error))  # stays where it is: it has another chance
    except ExportError as error:
        intake.problems.append(str(error))
        _clear_away(intake, folder.path, path, signature, str(error))
    else:
        intake.landed.append(landed)
        context.log.info(_outcome(path.name, landed))
        _clear_away(intake, folder.path, path, signature, None)


def _clear_away(
    intake: Intake, folder: Path, path: Path, signature: waiting_files.FileSignature, failure: str | None
) -> None:
    """Move a file that waited in the uploads folder. One that was replaced since it was read waits there again."""
    if waiting_files.owner(folder, path) is None or waiting_files.FileSignature.of(path) != signature:
        return
    try:
        if failure is None:
            waiting_files.move_to_imported(folder, path)
        else:
            waiting_files.move_to_failed(folder, path, failure)
    except OSError as error:
        intake.problems.append(
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


def _summary(config: ImportConfig, intake: Intake, seconds: float) -> Metadata:
    if not config.files:
        return {}
    rejected: Counter[str] = Counter()
    months: set[date] = set()
    for landed in intake.landed:
        rejected.update(landed.rejected)
        months.update(landed.months)
    rows = sum(landed.total_rows for landed in intake.landed)
    summary: dict[str, Any] = {
        "user": config.user,
        "files_landed": sum(not landed.known for landed in intake.landed),
        "files_known": sum(landed.known for landed in intake.landed),
        "total_rows": rows,
        "added_rows": sum(landed.added_rows for landed in intake.landed),
        "duplicate_rows": sum(landed.duplicate_rows for landed in intake.landed),
        "rejected": dict(rejected.most_common()),
        "cleaned_rows": sum(landed.cleaned for landed in intake.landed),
        "months": len(months),
        "seconds": round(seconds, 2),
        "rows_per_second": per_second(rows, seconds),
    }
    if intake.problems:
        summary["problems"] = markdown_list(intake.problems)
    return summary


def _readable(config: ImportConfig, intake: Intake) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"files": len(config.files)}
    if intake.problems:
        metadata["problems"] = dg.MetadataValue.json(intake.problems)
    return dg.AssetCheckResult(
        check_name=UPLOADS_READABLE,
        passed=not intake.problems,
        description="; ".join(intake.problems) or "Nothing was wrong with the run's files.",
        metadata=metadata,
    )
