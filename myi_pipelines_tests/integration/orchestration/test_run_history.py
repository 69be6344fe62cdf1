from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance, ExecuteInProcessResult

from myi_pipelines.orchestration.instance.run_history import DAYS, DAYS_OF_ROUTINE, ROUTINE, remove_old_runs
from myi_pipelines.orchestration.names import ARCHIVE_HISTORY, PRUNE_RUNS
from myi_pipelines.orchestration.schedules import SCHEDULES
from myi_pipelines.settings import load_settings
from myi_pipelines_tests.support.dagster_harness import QUIET, Harness

pytestmark = pytest.mark.slow

MONTHS = dg.MonthlyPartitionsDefinition("2024-01-01", end_date="2024-04-01")
NOW = datetime.now(UTC)


@dg.asset(partitions_def=MONTHS)
def plays() -> None:
    print("said by a step")


@dg.op
def fails() -> None:
    raise dg.Failure("no", allow_retries=False)


@dg.job
def check_warehouse() -> None:
    fails()


DEFS = dg.Definitions(assets=[plays], jobs=[dg.define_asset_job("poll_plays", [plays]), check_warehouse])


def test_routine_goes_after_days_and_what_is_the_latest_of_a_month_never(
    project_instance: DagsterInstance, tmp_path: Path
) -> None:
    first, second, third = (
        _poll(project_instance, "2024-01-01"),
        _poll(project_instance, "2024-02-01"),
        _poll(project_instance, "2024-01-01"),
    )
    assert _logs(tmp_path, first)
    assert _logs(tmp_path, third)
    before = project_instance.get_materialized_partitions(plays.key)

    assert remove_old_runs(project_instance, NOW + timedelta(days=DAYS_OF_ROUTINE - 1)) == (0, 0)
    assert remove_old_runs(project_instance, NOW + timedelta(days=DAYS_OF_ROUTINE + 1)) == (1, 2)
    assert _ids(project_instance) == {second.run_id, third.run_id}
    assert not _logs(tmp_path, first)
    assert _logs(tmp_path, third)
    assert project_instance.all_logs(first.run_id) == []
    assert project_instance.get_materialized_partitions(plays.key) == before == {"2024-01-01", "2024-02-01"}

    assert remove_old_runs(project_instance, NOW + timedelta(days=10 * DAYS)) == (0, 4), (
        "each is met as routine and as old"
    )
    assert _ids(project_instance) == {second.run_id, third.run_id}


def test_every_job_of_a_schedule_is_routine_or_rare() -> None:
    scheduled = {schedule.job_name for schedule in SCHEDULES}
    assert scheduled - {*ROUTINE} == {ARCHIVE_HISTORY}, "once a night, and it says what left the database"


def test_what_failed_is_remembered_for_months(project_instance: DagsterInstance) -> None:
    failed = DEFS.resolve_job_def("check_warehouse").execute_in_process(instance=project_instance, raise_on_error=False)
    assert not failed.success
    assert remove_old_runs(project_instance, NOW + timedelta(days=DAYS - 1)).runs == 0
    assert remove_old_runs(project_instance, NOW + timedelta(days=DAYS + 1)).runs == 1
    assert _ids(project_instance) == set()


def test_a_run_under_way_is_not_touched(project_instance: DagsterInstance) -> None:
    run = project_instance.create_run_for_job(DEFS.resolve_job_def("poll_plays"), status=dg.DagsterRunStatus.STARTED)
    assert remove_old_runs(project_instance, NOW + timedelta(days=10 * DAYS)) == (0, 0)
    assert _ids(project_instance) == {run.run_id}


def _poll(project_instance: DagsterInstance, month: str) -> ExecuteInProcessResult:
    result = DEFS.resolve_job_def("poll_plays").execute_in_process(instance=project_instance, partition_key=month)
    assert result.success
    return result


def _ids(project_instance: DagsterInstance) -> set[str]:
    return {run.run_id for run in project_instance.get_runs()}


def _logs(home: Path, result: ExecuteInProcessResult) -> list[Path]:
    return [path for path in (home / "dagster/storage").rglob("*") if result.run_id in str(path) and path.is_file()]


@dg.multi_asset(
    specs=[dg.AssetSpec("checked", partitions_def=MONTHS)], check_specs=[dg.AssetCheckSpec("fits", asset="checked")]
)
def checked() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="fits")])


def test_a_check_is_planned_once_a_run_and_goes_with_it(project_instance: DagsterInstance) -> None:
    definitions = dg.Definitions(assets=[checked], jobs=[dg.define_asset_job("poll_plays", [checked])])

    def poll() -> str:
        months = {
            "dagster/asset_partition_range_start": "2024-01-01",
            "dagster/asset_partition_range_end": "2024-03-01",
        }
        job = definitions.resolve_job_def("poll_plays")
        return job.execute_in_process(instance=project_instance, tags=months).run_id

    runs = [poll() for _ in range(3)]
    assert _checks(project_instance) == [(run, "SUCCEEDED") for run in runs]
    project_instance.event_log_storage.delete_events(runs[0])
    assert [run for run, _ in _checks(project_instance)] == runs[1:]

    remove_old_runs(project_instance, NOW + timedelta(days=DAYS_OF_ROUTINE + 1))
    assert [run for run, _ in _checks(project_instance)] == runs[2:]


def test_checks_that_dagster_left_of_removed_runs_go_too(project_instance: DagsterInstance) -> None:
    with psycopg.connect(load_settings().dagster_database_url, autocommit=True) as conn:
        conn.execute("INSERT INTO asset_check_executions (run_id, check_name) VALUES ('gone', 'fits'), ('', 'runless')")
    assert remove_old_runs(project_instance, NOW) == (0, 0)
    assert [run for run, _ in _checks(project_instance)] == [""]


def _checks(instance: DagsterInstance) -> list[tuple[str, str]]:
    with psycopg.connect(load_settings().dagster_database_url) as conn:
        return conn.execute("SELECT run_id, execution_status FROM asset_check_executions ORDER BY id").fetchall()


def test_every_night_what_others_could_read_of_imported_files_is_closed(
    project_instance: DagsterInstance, database_url: str, tmp_path: Path
) -> None:
    harness = Harness(database_url, tmp_path / "uploads")
    old, waiting = harness.drop("anna", "imported/old.zip", "old"), harness.drop("anna", "new.zip", "new")
    (old.parent / "link.zip").symlink_to(waiting)
    for path in (old.parent, old, waiting):
        path.chmod(0o755 if path.is_dir() else 0o644)
    nightly = harness.defs().resolve_job_def(PRUNE_RUNS)
    assert nightly.execute_in_process(instance=project_instance, run_config=QUIET).success
    assert [path.stat().st_mode & 0o777 for path in (old.parent, old, waiting)] == [0o700, 0o600, 0o644]
