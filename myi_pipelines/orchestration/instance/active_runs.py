"""Which runs are under way, and which only seem to be. Launching runs is for sensors, jobs and the command line."""

from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from myi_pipelines.orchestration.instance.dagster_internals import WILL_RETRY_TAG, RunRecord, get_current_timestamp
from myi_pipelines.warehouse.database.connections import Connection

SECONDS_UNTIL_SILENT = 60
SECONDS_TO_BEGIN = 300

MAX_RETRIES_TAG = "dagster/max_retries"

_BEGUN = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_UNFINISHED = [*_BEGUN, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING]


def application_name(run_id: str) -> str:
    """The name under which a run's connections show in ``pg_stat_activity``: they live as long as its process."""
    return f"myi run {run_id}"


def under_way(instance: DagsterInstance) -> Sequence[RunRecord]:
    """The runs that are queued, starting or at work. A run that was made and never handed over is none of them."""
    return [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
        if record.dagster_run.status != DagsterRunStatus.NOT_STARTED or not _is_abandoned(record)
    ]


def end_dead_runs(instance: DagsterInstance, conn: Connection) -> list[str]:
    """Mark as failed the runs whose process was killed; return their ids. Those that it only made are canceled.

    Such a run never says that it ended, so it would keep its place in the queue and hold back all that waits for it.
    Dead is a run that has been silent for a while and has no connection to the warehouse.
    """
    for record in instance.get_run_records(dg.RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED])):
        if _is_abandoned(record):
            instance.report_run_canceled(record.dagster_run, "The process that made it is gone, and never began it.")
    connected = _connected(conn)
    dead = [
        record.dagster_run
        for record in instance.get_run_records(dg.RunsFilter(statuses=_BEGUN))
        if application_name(record.dagster_run.run_id) not in connected and _is_silent(instance, record)
    ]
    for run in dead:
        if instance.run_retries_enabled:
            instance.add_run_tags(run.run_id, {WILL_RETRY_TAG: "true"})  # before a backfill can take it for final
        instance.report_run_failed(
            run,
            "The run's process is gone: it neither said anything for a minute nor holds a connection to the warehouse. "
            "What it had not finished is taken up again.",
        )
    return [run.run_id for run in dead]


def end_idle_runs(instance: DagsterInstance, conn: Connection, run_ids: Sequence[str]) -> None:
    """End those of some runs on which no process works: the dead ones, and those that wait in the queue.

    None of them is started again: whoever calls this wants them gone.
    """
    connected = _connected(conn)
    for record in instance.get_run_records(dg.RunsFilter(run_ids=run_ids, statuses=_UNFINISHED)):
        run = record.dagster_run
        if run.status in (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED):
            instance.report_run_canceled(run, "It had not begun, and its user's data are being moved or removed.")
        elif application_name(run.run_id) not in connected and _is_silent(instance, record):
            instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
            instance.report_run_failed(run, "The run's process is gone.")


def _is_abandoned(record: RunRecord) -> bool:
    """Whether a run that was made and not handed over never will be."""
    return get_current_timestamp() - record.create_timestamp.timestamp() >= SECONDS_TO_BEGIN


def _connected(conn: Connection) -> set[str]:
    return {name for (name,) in conn.execute("SELECT DISTINCT application_name FROM pg_stat_activity")}


def _is_silent(instance: DagsterInstance, record: RunRecord) -> bool:
    latest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    last = latest[0].event_log_entry.timestamp if latest else record.update_timestamp.timestamp()
    return get_current_timestamp() - last > SECONDS_UNTIL_SILENT
