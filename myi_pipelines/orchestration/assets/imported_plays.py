"""Landing of exports as an asset: what the files say, written once. ``sources.exports`` reads the files,
``ingest.uploads`` lands them."""

import shlex
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.ingest.uploads.file_run import FileRun
from myi_pipelines.ingest.uploads.landing_files import OnBatch
from myi_pipelines.orchestration.assets.empty_months import report_empty_months
from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_list, per_second, report_months
from myi_pipelines.orchestration.assets.specs import LANDING, data_version, table_spec
from myi_pipelines.orchestration.names import IMPORT_JOBS_TAG
from myi_pipelines.orchestration.partitions import SINGLE_RUN, last_month, months_of, require_months
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.binary_copy import PackedBatch
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, ensure_months, months_between
from myi_pipelines.warehouse.users import InvalidUserName, UnknownTimezone, ensure_user, first_import_in_utc

UPLOADS_READABLE = "uploads_readable"
SECONDS_BETWEEN_PROGRESS = 10

IMPORTED_PLAYS_SPEC = table_spec(
    "imported_plays",
    group=LANDING,
    about=(
        "Taken from the files that Spotify sends a user, extended histories and account data alike. A file is "
        "landed all or nothing, and once: the same file again is recognized, an overlapping one adds only what is "
        "new. Put files or folders into `uploads/<user>/` or run `myi import`; materializing a month here lands "
        "nothing and reports what is there."
    ),
)


class ImportConfig(dg.Config):
    """Which files a run lands, and whose they are."""

    user: str = Field(default="", description="The user's name.")
    files: list[str] = Field(
        default_factory=list, description="Paths of files, and of folders with files, in the order to read them."
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
    require_months(context)
    began = time.monotonic()
    uploads_folder.require_inside(config.files)
    with warehouse.session(restore_archived=archive.restore_archived, on_note=context.log.warning) as session:
        ensure_months(session.conn, months_between(datetime.now(UTC).date(), last_month()))
        run = None
        if config.files:
            report_empty_months(context.instance, session.conn, importing=months_of(context))
            user_id = _user_of(session.conn, config)
            run = FileRun(
                session,
                user_id,
                uploads=uploads_folder.path,
                limits=uploads_folder.limits,
                log=context.log,
                first_note=_in_utc(session.conn, config, user_id),
            )
            for file in config.files:
                run.land(Path(file), lambda name: _progress_log(context, name))
            if jobs := [str(landed.job_id) for landed in run.landed if not landed.known]:
                context.instance.add_run_tags(context.run.run_id, {IMPORT_JOBS_TAG: ",".join(jobs)})
        size = reporting.month_table_size(session.conn, IMPORTED_PLAYS, months_of(context))
    summary = _summary(config, run, time.monotonic() - began)
    report_months(context, "imported_plays", size, by_month={}, summary=summary)
    yield dg.MaterializeResult(data_version=data_version(LANDING), check_results=[_readable(config, run)])


def _user_of(conn: Connection, config: ImportConfig) -> int:
    try:
        return ensure_user(conn, config.user, config.timezone)
    except (InvalidUserName, UnknownTimezone) as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _in_utc(conn: Connection, config: ImportConfig, user_id: int) -> str | None:
    """What a new user should know who has given no time zone."""
    if config.timezone is not None or not first_import_in_utc(conn, user_id):
        return None
    command = f"myi settings {shlex.quote(config.user)} --timezone Europe/Berlin"
    return f"days and hours of {config.user} are counted in UTC; `{command}`, for example, changes that"


def _progress_log(context: AssetExecutionContext, name: str) -> OnBatch:
    rows, last = 0, time.monotonic()

    def log(batch: PackedBatch, total_bytes: int) -> None:
        nonlocal rows, last
        rows += batch.rows
        if time.monotonic() - last >= SECONDS_BETWEEN_PROGRESS:
            last = time.monotonic()
            context.log.info(f"{name}: {rows:,} rows read, {100 * batch.bytes_read // max(total_bytes, 1)} %")

    return log


def _summary(config: ImportConfig, run: FileRun | None, seconds: float) -> Metadata:
    if run is None:
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
        "files_passed_over": run.passed_over,
        "total_rows": rows,
        "landed_rows": sum(landed.added_rows for landed in run.landed),
        "known_rows": sum(landed.duplicate_rows for landed in run.landed),
        "rejected": dict(rejected.most_common()),
        "cleaned_rows": sum(landed.cleaned for landed in run.landed),
        "months": len(months),
        "seconds": round(seconds, 2),
        "rows_per_second": per_second(rows, seconds),
    }
    if run.problems:
        summary["problems"] = markdown_list(run.problems)
    if run.notes:
        summary["notes"] = markdown_list(run.notes)
    return summary


def _readable(config: ImportConfig, run: FileRun | None) -> dg.AssetCheckResult:
    problems = run.problems if run else []
    metadata: dict[str, Any] = {"files": len(config.files)}
    if problems:
        metadata["problems"] = dg.MetadataValue.json(problems)
    if run and run.notes:
        metadata["notes"] = dg.MetadataValue.json(run.notes)
    return dg.AssetCheckResult(
        check_name=UPLOADS_READABLE,
        passed=not problems,
        description="; ".join(problems) or "Nothing was wrong with the run's files.",
        metadata=metadata,
    )
