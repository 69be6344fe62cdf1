"""The sensors: waiting files become import runs, invalidated user-months become healing runs. They only look and
request; the jobs do the work."""

import time
from collections.abc import Sequence, Set
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import psycopg
from dagster import DagsterInstance, DagsterRunStatus, SensorEvaluationContext

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.landing_files import month_range
from myi_pipelines.ingest.uploads.waiting_files import Dropped
from myi_pipelines.orchestration.failure_notices import failure_notices
from myi_pipelines.orchestration.instance.active_runs import end_dead_runs, under_way
from myi_pipelines.orchestration.jobs import (
    USER_TAG,
    archive_history,
    check_warehouse,
    heal_config,
    heal_user_months,
    import_config,
    import_history,
    import_tags,
    maintain_partitions,
)
from myi_pipelines.orchestration.partitions import last_month, range_tags
from myi_pipelines.orchestration.resources.uploads_folder import UploadsFolder
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.sources.exports import printable_name
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.partitions import FIRST_MONTH
from myi_pipelines.warehouse.reporting import InvalidatedRange
from myi_pipelines.warehouse.users import InvalidUserName, known_or_new_user

FILES_KEY_TAG = "myi/files_key"
FILES_A_RUN = 200
"""A run gets no more files once it has so many. A folder is not divided."""
USERS_A_TICK = 20
SECONDS_FOR_RANGES = 25
"""A tick is cut off after 60 s, so files that are looked at later count as holding any month."""

RUNS_A_FILE_SET = 4
SECONDS_BEFORE_RUN = (0, 30, 120, 600)
"""How long to wait before the first, second, third … run over the same files."""

SECONDS_INVALIDATED = 15
"""What programs submit is derived within a minute. Imports and corrections, which derive at once, are done by then."""
SECONDS_AFTER_FAILED_HEALING = 600

Answer = dg.RunRequest | str
"""A run, or the reason why there is none."""


@dg.sensor(
    name="uploads",
    job=import_history,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Imports the files in uploads/<user>/: one run for each user, over all files that wait.",
)
def uploads_sensor(
    context: SensorEvaluationContext, warehouse: Warehouse, uploads_folder: UploadsFolder
) -> dg.SensorResult | dg.SkipReason:
    inbox = waiting_files.scan(
        uploads_folder.path, settle_seconds=uploads_folder.settle_seconds, now=datetime.now(UTC).timestamp()
    )
    waiting_files.explain_misplaced(uploads_folder.path, inbox.misplaced)
    reasons = [_misplaced(uploads_folder.path, path) for path in inbox.misplaced]
    if inbox.unsettled:
        reasons.append(f"{_files(inbox.unsettled)} only just changed and may still be written to.")
    if inbox.downloads:
        many = len(inbox.downloads) > 1
        by_name = "are left alone: by their names, they are" if many else "is left alone: by its name, it is"
        reasons.append(f"{_files(inbox.downloads)} {by_name} still being downloaded.")
    reasons += [
        f"{_shown(path)} cannot be read: let the user that MYI runs as read it and write to it."
        for path in inbox.unreadable
    ]
    reasons += [
        f"{_shown(path)} is no file (a pipe, a device, a link that leads nowhere, or to a folder): remove it."
        for path in inbox.not_files
    ]
    reasons += [f"{_shown(path)} has a name that is not UTF-8: rename it." for path in inbox.nameless]
    requests: list[dg.RunRequest] = []
    if inbox.waiting:
        ranges = _Ranges(uploads_folder, time.monotonic() + SECONDS_FOR_RANGES)
        busy = {record.dagster_run.tags.get(USER_TAG) for record in under_way(context.instance)}
        with warehouse.connection() as conn:
            for folder, dropped in sorted(inbox.waiting.items()):
                if len(requests) == USERS_A_TICK:
                    break
                waiting = _Waiting(folder, _for_one_run(dropped), busy)
                try:
                    answer = _answer(context.instance, conn, ranges, waiting)
                except psycopg.OperationalError:
                    raise  # There is no warehouse: nothing can be answered.
                except Exception as error:  # What is wrong with one user's files must not hold up the others'.
                    context.log.exception(f"{printable_name(folder)}: what waits there was not looked at")
                    answer = (
                        f"{printable_name(folder)}: not looked at ({type(error).__name__}); the tick's log says more."
                    )
                if isinstance(answer, str):
                    reasons.append(answer)
                else:
                    requests.append(answer)
                    busy.add(answer.tags[USER_TAG])
    if not requests:
        return dg.SkipReason(" ".join(reasons) or f"Nothing waits. Put exports into {uploads_folder.path}/<user>/.")
    for reason in reasons:
        context.log.info(reason)
    return dg.SensorResult(run_requests=requests)


class _Ranges(NamedTuple):
    """Finds out which months files hold, until its time is up."""

    folder: UploadsFolder
    deadline: float

    def months(self, path: Path) -> tuple[date, ...]:
        if time.monotonic() > self.deadline:
            return FIRST_MONTH, last_month()
        return month_range(path, self.folder.limits) or ()


def _for_one_run(dropped: Sequence[Dropped]) -> Sequence[Dropped]:
    """The first of the files and folders, so many that they have enough files for a run."""
    files = 0
    for number, one in enumerate(dropped, 1):
        files += len(one.files)
        if files >= FILES_A_RUN:
            return dropped[:number]
    return dropped


class _Waiting(NamedTuple):
    """The files and folders that wait in one folder of the uploads."""

    folder: str
    dropped: Sequence[Dropped]
    busy: Set[str | None]
    """Users for whom a run is under way, or just requested: several folders may mean one user."""


def _answer(instance: DagsterInstance, conn: Connection, ranges: _Ranges, waiting: _Waiting) -> Answer:
    """The run that imports what waits in a folder, or why there is none now."""
    paths = [one.path for one in waiting.dropped]
    try:
        user_id, user = known_or_new_user(conn, waiting.folder)
    except InvalidUserName as error:
        return f"{ranges.folder.path.name}/{printable_name(waiting.folder)}: {error}. Rename the folder."
    if user in waiting.busy:
        return f"{user}: {_files(paths)} wait until the run under way has ended."
    key = waiting_files.fingerprint([file for one in waiting.dropped for file in one.files])
    earlier = instance.get_run_records(dg.RunsFilter(tags={FILES_KEY_TAG: key}))
    attempt = len(earlier) + 1
    if attempt > RUNS_A_FILE_SET:
        return (
            f"{user}: {_files(paths)} still lie there after {len(earlier)} runs; look into the last one, "
            f"{earlier[0].dagster_run.run_id}, for the reason, then put the files in again (`touch` is enough)."
        )
    last_ended = max((record.end_time or record.update_timestamp.timestamp() for record in earlier), default=0.0)
    wait = SECONDS_BEFORE_RUN[attempt - 1] - (datetime.now(UTC).timestamp() - last_ended)
    if earlier and wait > 0:
        return f"{user}: {_files(paths)} are tried again in {wait:.0f} s, for the {_ordinal(attempt)} time."
    names = [printable_name(path.name) for path in paths]
    invalidated = reporting.invalidated_range(conn, user_id=user_id)
    months = [month for one in waiting.dropped for file in one.files for month in ranges.months(file)] + [
        m for m in (invalidated.first, invalidated.last) if m
    ]
    return dg.RunRequest(
        run_key=f"{key}-{attempt}",
        run_config=import_config(user, [str(path) for path in paths]),
        tags={
            **import_tags(user, names),
            **range_tags(months or [datetime.now(UTC).date()]),
            FILES_KEY_TAG: key,
        },
    )


def _misplaced(folder: Path, path: Path) -> str:
    return f"{_shown(path)} lies in {folder} itself: move it into a folder with the user's name, {folder}/<user>/."


def _files(paths: Sequence[Path]) -> str:
    first = _shown(paths[0])
    return first if len(paths) == 1 else f"{len(paths)} files ({first}, …)"


def _shown(path: Path) -> str:
    return printable_name(path.name)


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


@dg.sensor(
    name="invalidated_user_months",
    job=heal_user_months,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Derives the user-months that submissions have invalidated, and those that a killed run left so.",
)
def invalidated_user_months_sensor(
    context: SensorEvaluationContext, warehouse: Warehouse
) -> dg.SensorResult | dg.SkipReason:
    with warehouse.connection() as conn:
        if dead := end_dead_runs(context.instance, conn):
            return dg.SkipReason(f"Marked as failed, their processes being gone: {', '.join(dead)}.")
        invalidated = reporting.invalidated_range(conn, older_than_seconds=SECONDS_INVALIDATED)
    if invalidated.first is None or invalidated.last is None:
        return dg.SkipReason(f"No user-month has been invalidated for {SECONDS_INVALIDATED} seconds or longer.")
    months = f"{invalidated.first:%Y-%m} to {invalidated.last:%Y-%m}"
    waiting = f"{invalidated.user_months:,} user-months from {months} are invalidated"
    if running := under_way(context.instance):
        return dg.SkipReason(f"{waiting}; {len(running)} runs are under way that may be at work on them.")
    healed = context.instance.get_run_records(dg.RunsFilter(job_name=heal_user_months.name), limit=1)
    if healed and (healed[0].dagster_run.status == DagsterRunStatus.FAILURE or _outlived(invalidated, healed[0])):
        ended = healed[0].end_time or healed[0].update_timestamp.timestamp()
        wait = SECONDS_AFTER_FAILED_HEALING - (datetime.now(UTC).timestamp() - ended)
        if wait > 0:
            return dg.SkipReason(
                f"{waiting}; run {healed[0].dagster_run.run_id} failed to heal them, another tries in {wait:.0f} s."
            )
    before = healed[0].dagster_run.run_id if healed else "none"
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"heal-after-{before}",  # the same for a tick that is repeated, and for no other one
                run_config=heal_config(),
                tags={**range_tags([invalidated.first, invalidated.last])},
            )
        ]
    )


@dg.sensor(
    name="first_upkeep",
    jobs=[maintain_partitions, archive_history, check_warehouse],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs upkeep and checks once there is something to check; from then on, every night does.",
)
def first_upkeep_sensor(context: SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
    jobs = (maintain_partitions.name, archive_history.name, check_warehouse.name)
    due = [job for job in jobs if not _has_run(context.instance, job)]
    if not due:
        return dg.SkipReason("Upkeep and checks have run; they do so every night.")
    if running := under_way(context.instance):
        return dg.SkipReason(f"{len(running)} runs are under way, after which there will be more to check.")
    with warehouse.connection() as conn:
        if not fetch_scalar(conn, "SELECT EXISTS (SELECT FROM users WHERE total_play_count > 0)"):
            return dg.SkipReason("There is nothing to check before the first import.")
    return dg.SensorResult(run_requests=[dg.RunRequest(job_name=job) for job in due])


def _has_run(instance: DagsterInstance, job: str) -> bool:
    return bool(instance.get_runs_count(dg.RunsFilter(job_name=job)))


def _outlived(invalidated: InvalidatedRange, run: dg.RunRecord) -> bool:
    """Whether a user-month was invalidated before a healing run began: that run could not heal it."""
    return (
        invalidated.since is not None and run.start_time is not None and invalidated.since.timestamp() < run.start_time
    )


SENSORS = [uploads_sensor, invalidated_user_months_sensor, first_upkeep_sensor, failure_notices]
