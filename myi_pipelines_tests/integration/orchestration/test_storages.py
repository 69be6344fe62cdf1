"""The import job on Dagster's Postgres storage, and the event log that makes it fit for many months."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count as count_up
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import sqlalchemy
import yaml
from dagster import DagsterEventType, DagsterInstance
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.ref import InstanceRef

from myi_pipelines.orchestration.assets.empty_months import report_empty_months
from myi_pipelines.orchestration.instance.dagster_internals import DATA_VERSION_TAG
from myi_pipelines.orchestration.instance.storage_schema import migrate_dagster
from myi_pipelines.orchestration.instance.storages import (
    BatchingEventLog,
    ConnectedRunStorage,
    ConnectedScheduleStorage,
)
from myi_pipelines.orchestration.names import POOLS
from myi_pipelines.orchestration.partitions import MONTHS
from myi_pipelines.runtime.database_urls import sqlalchemy_url
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import MONTH_TABLES
from myi_pipelines_tests.support.dagster_harness import IMPORT_SELECTION, Harness, count, export, months_of_export, why

pytestmark = pytest.mark.slow

STORAGE = {
    "run_storage": ("myi_pipelines.orchestration.instance.storages", "ConnectedRunStorage"),
    "event_log_storage": ("myi_pipelines.orchestration.instance.storages", "BatchingEventLog"),
    "schedule_storage": ("myi_pipelines.orchestration.instance.storages", "ConnectedScheduleStorage"),
}


@pytest.fixture
def instance(dagster_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """A Dagster instance whose storage is a database of its own."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    config = {
        entry: {"module": module, "class": name, "config": {"postgres_url": sqlalchemy_url(dagster_database_url)}}
        for entry, (module, name) in STORAGE.items()
    } | {"telemetry": {"enabled": False}}
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as persistent:
        yield persistent


@pytest.fixture
def harness(database_url: str, tmp_path: Path) -> Harness:
    return Harness(database_url, tmp_path / "uploads")


@pytest.mark.thorough
def test_a_storage_whose_making_was_killed_is_made_by_the_next(empty_database_url: str) -> None:
    """Dagster takes a storage with some of its tables for whole."""
    for last in (12, 25, 75, 90):
        killed = get_context("spawn").Process(target=make_storages, args=[empty_database_url, last])
        killed.start()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        make_storages(empty_database_url)
        with psycopg.connect(empty_database_url) as conn:
            tables = {name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
            assert {"runs", "event_logs", "asset_check_executions", "jobs", "instigators"} <= tables, last
            conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def make_storages(url: str, last: int = 0) -> None:
    """Make Dagster's tables, in a process that is killed before one of the statements."""
    statements = count_up(1)

    def die(*_: object) -> None:
        if next(statements) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if last:
        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", die)
    for storage in (ConnectedRunStorage, BatchingEventLog, ConnectedScheduleStorage):
        storage(postgres_url=sqlalchemy_url(url)).dispose()


def test_the_import_job_runs_on_postgres_storage(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    assert isinstance(instance.event_log_storage, BatchingEventLog)
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    assert result.success, why(result)
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    record = instance.get_run_record_by_id(result.run_id)
    assert record is not None
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
    months = {month.isoformat() for month in months_of_export()}
    for table in IMPORT_SELECTION:
        key = dg.AssetKey(table)
        if table != "users":
            assert months <= set(instance.get_materialized_partitions(key))
        latest = instance.get_latest_materialization_event(key)
        assert latest is not None
        assert latest.run_id == result.run_id


def test_migrating_limits_the_pools_that_nobody_has_limited(
    dagster_database_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Helm chart's configuration of the instance knows no default limit."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")}
    monkeypatch.setattr(os, "environ", others)  # which the migration adds to
    settings = load_settings(
        home=tmp_path / "home", database_url=database_url, dagster_database_url=dagster_database_url
    )
    migrate_dagster(settings)
    storage = BatchingEventLog(postgres_url=sqlalchemy_url(dagster_database_url))
    assert {pool.name: pool.limit for pool in storage.get_pool_limits()} == dict.fromkeys(POOLS, 1)
    storage.set_concurrency_slots("metadata", 2)
    migrate_dagster(settings)
    assert {pool.name: pool.limit for pool in storage.get_pool_limits()} == {**dict.fromkeys(POOLS, 1), "metadata": 2}
    storage.dispose()


def test_each_storage_keeps_one_connection_and_replaces_a_lost_one(
    dagster_database_url: str, instance: DagsterInstance, conn: Connection
) -> None:
    database = psycopg.conninfo.conninfo_to_dict(dagster_database_url)["dbname"]

    def connected() -> set[int]:
        rows = conn.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [database])
        return {pid for (pid,) in rows}

    def ask() -> None:
        assert instance.get_run_records() == []
        assert list(instance.event_log_storage.get_asset_records()) == []
        assert list(instance.all_instigator_state()) == []

    ask()
    kept = connected()
    assert len(kept) == 3
    ask()
    assert connected() == kept
    conn.execute("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s::int[]) AS pid", [list(kept)])
    ask()
    replaced = connected()
    assert len(replaced) == 3
    assert not replaced & kept
    instance.dispose()
    assert instance.schedule_storage is not None
    instance.schedule_storage.dispose()
    for _ in range(200):
        if not connected():
            break
        time.sleep(0.05)  # a server process ends some time after its connection
    assert connected() == set()


def test_every_month_is_announced_and_reported(harness: Harness, instance: DagsterInstance) -> None:
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])

    def stored(type_: DagsterEventType) -> list[tuple[str, str]]:
        records = instance.get_records_for_run(result.run_id, of_type=type_).records
        events = [record.event_log_entry.get_dagster_event() for record in records]
        return sorted((event.asset_key.to_user_string(), event.partition or "") for event in events if event.asset_key)

    reported = stored(DagsterEventType.ASSET_MATERIALIZATION)
    assert len(reported) > 3 * 3
    assert stored(DagsterEventType.ASSET_MATERIALIZATION_PLANNED) == reported
    planned = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        dg.AssetKey("listening_events")
    )
    assert planned == {}


def test_months_are_announced_and_reported_in_batches(
    harness: Harness, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """133 months of 3 assets: 800 events, which take seconds one by one."""
    alone: Counter[DagsterEventType | None] = Counter()
    store_event = BatchingEventLog.store_event

    def counted(self: BatchingEventLog, event: EventLogEntry) -> None:
        alone[event.dagster_event_type] += 1
        store_event(self, event)

    monkeypatch.setattr(BatchingEventLog, "store_event", counted)
    result = harness.run(
        "import_history", instance, months=[months_of_export()[0].replace(year=2012), months_of_export()[0]]
    )
    assert result.success, why(result)
    assert len(instance.get_materialized_partitions(dg.AssetKey("user_track_months"))) == 133
    assert alone.total() > 0
    assert alone[DagsterEventType.ASSET_MATERIALIZATION_PLANNED] == 0
    assert alone[DagsterEventType.ASSET_MATERIALIZATION] < 133


def test_months_without_a_row_are_reported_once_before_the_months_of_the_run(
    harness: Harness, instance: DagsterInstance, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[EventLogEntry] = []
    store_event = BatchingEventLog.store_event

    def counted(self: BatchingEventLog, event: EventLogEntry) -> None:
        alone.append(event)
        store_event(self, event)

    monkeypatch.setattr(BatchingEventLog, "store_event", counted)
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(10))])
    assert result.success, why(result)
    assert not [event for event in alone if event.run_id == ""], "they are stored as batches"
    for table in MONTH_TABLES:
        key = dg.AssetKey(table.name)
        assert set(instance.get_materialized_partitions(key)) == set(MONTHS.get_partition_keys())
        latest = instance.get_latest_materialization_event(key)
        assert latest is not None
        assert latest.run_id == ("" if table.name == "polled_plays" else result.run_id)
    assert report_empty_months(instance, conn) == 0


def test_new_plays_make_no_table_unsynced(harness: Harness, instance: DagsterInstance, conn: Connection) -> None:
    """Dagster compares the data versions of what a table derives from with those that it derived from."""

    def versions(plays: int) -> dict[str, str]:
        result = harness.run_import(instance, "anna", [harness.drop("anna", f"{plays}.json", export(plays))])
        made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
        return {one.asset_key.to_user_string(): (one.tags or {})[DATA_VERSION_TAG] for one in made}

    assert versions(5) == versions(10)
    empty = instance.get_latest_materialization_event(dg.AssetKey("polled_plays"))
    assert empty is not None
    assert empty.asset_materialization is not None
    assert (empty.asset_materialization.tags or {})[DATA_VERSION_TAG] == versions(12)["imported_plays"]


def test_a_month_with_rows_is_not_reported_as_empty(
    harness: Harness, instance: DagsterInstance, conn: Connection
) -> None:
    assert harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(10))]).success
    instance.wipe_assets([dg.AssetKey("listening_events")])
    assert report_empty_months(instance, conn) > 200
    assert "2023-11-01" not in instance.get_materialized_partitions(dg.AssetKey("listening_events"))


def test_a_failed_run_leaves_its_months_failed(
    harness: Harness, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("myi_pipelines.orchestration.assets.catalog.sync_catalog", fails)
    result = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export(60))])
    assert not result.success
    attempts = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        dg.AssetKey("listening_events")
    )
    assert {month.isoformat() for month in months_of_export()} <= attempts.keys()
    assert {run_id for run_id, _ in attempts.values()} == {result.run_id}
