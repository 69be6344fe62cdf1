"""What the run queue lets through, by the project's dagster.yaml."""

from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter

from myi_pipelines_tests.support.dagster_harness import Harness

pytestmark = pytest.mark.slow

MONTH = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-01"}


@pytest.mark.parametrize(
    ("under_way", "queued", "waits"),
    [
        ("refresh_metadata", "refresh_metadata", True),
        ("archive_history", "archive_history", True),
        ("refresh_metadata", "archive_history", False),
        ("refresh_metadata", "poll_plays", False),
    ],
)
def test_metadata_and_archive_runs_take_turns_and_polls_wait_for_neither(
    project_instance: DagsterInstance, tmp_path: Path, database_url: str, under_way: str, queued: str, waits: bool
) -> None:
    defs = Harness(database_url, tmp_path / "uploads").defs()

    def run(job: str, status: DagsterRunStatus) -> DagsterRun:
        return project_instance.create_run_for_job(defs.resolve_job_def(job), status=status, tags=MONTH)

    started = run(under_way, DagsterRunStatus.STARTED)
    waiting = run(queued, DagsterRunStatus.NOT_STARTED)
    for _ in range(2):  # what the daemon does every two seconds; a pool is known from the first time on
        queue = GlobalOpConcurrencyLimitsCounter(
            project_instance,
            [waiting],
            project_instance.get_run_records(RunsFilter(run_ids=[started.run_id])),
            project_instance.event_log_storage.get_concurrency_keys(),
            project_instance.event_log_storage.get_pool_limits(),
            pool_granularity=project_instance.get_concurrency_config().pool_config.pool_granularity,
        )
    assert queue.is_blocked(waiting) is waits
