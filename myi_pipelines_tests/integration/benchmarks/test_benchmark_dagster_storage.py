"""Dagster's tables over simulated weeks, at tiny sizes: whatever runs and ticks leave is removed in time."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.dagster_storage import Load, measure, simulated, table
from myi_pipelines.orchestration.instance.run_history import DAYS_OF_ROUTINE
from myi_pipelines.settings import PROJECT, load_settings

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.thorough]

DAYS_OF_TICKS = 5
LOAD = Load(polls=3, metadata_runs=2, nightly=(), sensor_seconds=600)
GROWING = {"event_logs", "run_tags", "runs", "asset_event_tags", "asset_check_executions", "job_ticks"}


def test_no_table_of_dagsters_grows_for_ever(
    database_url: str, dagster_database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", *load_settings().as_environment()):
        monkeypatch.setenv(name, "")  # What the instance's settings put there goes at the end.
    configuration = (PROJECT / "dagster.yaml").read_text()
    assert configuration.count("success: 30") == 2
    (tmp_path / "dagster.yaml").write_text(configuration.replace("success: 30", f"success: {DAYS_OF_TICKS}"))
    monkeypatch.setenv("MYI_DAGSTER_YAML", str(tmp_path / "dagster.yaml"))
    days: list[int] = []
    with simulated(tmp_path, database_url, dagster_database_url, redis_url) as settings:
        sizes = measure(settings, LOAD, DAYS_OF_TICKS + 4, days.append)
    _, second, third, *_, before, last = [{name: size.rows for name, size in day.items()} for day in sizes]
    assert {name for name in second if third[name] > second[name]} == GROWING
    assert last == before
    assert last["runs"] >= DAYS_OF_ROUTINE * (LOAD.polls + LOAD.metadata_runs)
    assert last["job_ticks"] > DAYS_OF_TICKS * (LOAD.polls + LOAD.metadata_runs)
    assert len(days) == len(sizes) == DAYS_OF_TICKS + 4
    Console(quiet=True).print(table(sizes))
