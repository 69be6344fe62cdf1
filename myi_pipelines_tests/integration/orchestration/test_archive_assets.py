"""The archive under Dagster: retention as a job and a schedule, and materializing a month brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.orchestration.jobs import archive_config, archive_history
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.orchestration.schedules import retention_schedule
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.archive import archived_parts
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines_tests.support.dagster_harness import (
    Harness,
    checks,
    contents,
    export,
    metadata,
    months_of_export,
    why,
)

pytestmark = pytest.mark.slow

DECEMBER = date(2023, 12, 1)


@pytest.fixture
def harness(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setenv("MYI_HOME", str(tmp_path / "home"))
    return Harness(database_url, tmp_path / "uploads")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def warehouse(harness: Harness, instance: DagsterInstance) -> Iterator[Connection]:
    done = harness.run_import(instance, "anna", [harness.drop("anna", "history.json", export())])
    assert done.success, why(done)
    with connect(harness.url) as conn:
        yield conn


def archived(conn: Connection) -> list[date]:
    return sorted({part.month for part in archived_parts(conn)})


@pytest.mark.thorough
def test_materializing_an_archived_month_brings_it_back_as_it_was(
    harness: Harness, instance: DagsterInstance, warehouse: Connection, tmp_path: Path
) -> None:
    before = contents(warehouse)
    done = harness.run(archive_history.name, instance, months=[DECEMBER], config=archive_config(12))
    assert done.success, why(done)
    assert checks(done)["months_could_leave"][0]
    assert metadata(done, "archived_months")[""]["run_months"] == len(months_of_export())
    assert archived(warehouse) == months_of_export()
    assert list((tmp_path / "archive").glob("month=2023-12/1-*/listening_events.parquet"))
    assert invariants.check(warehouse) == []

    back = harness.materialize(instance, [DECEMBER], selection=["listening_events"])

    assert back.success, why(back)
    assert metadata(back, "listening_events")["2023-12-01"]["run_unchanged"] > 0
    assert DECEMBER not in archived(warehouse)
    again = harness.run(archive_history.name, instance, months=[DECEMBER], config=archive_config(12))
    assert again.success
    assert DECEMBER not in archived(warehouse), "a user wanted to look at it"
    everything = harness.materialize(instance, months_of_export(), selection=["listening_events", "users"])
    assert everything.success, why(everything)
    assert contents(warehouse) == before


def test_an_import_of_archived_plays_lands_what_is_new_and_nothing_twice(
    harness: Harness, instance: DagsterInstance, warehouse: Connection
) -> None:
    assert harness.run(archive_history.name, instance, months=[DECEMBER], config=archive_config(12)).success
    again = harness.run_import(instance, "anna", [harness.drop("anna", "again.json", export(70))])
    assert again.success, why(again)
    row = warehouse.execute("SELECT added_rows, duplicate_rows FROM import_jobs ORDER BY id DESC LIMIT 1").fetchone()
    assert row == (10, 60)
    assert invariants.check(warehouse) == []


def test_the_schedule_says_why_nothing_leaves_and_otherwise_runs(
    harness: Harness, warehouse: Connection, tmp_path: Path
) -> None:
    def tick(keep_months: int) -> dg.RunRequest | dg.SkipReason:
        with (
            DagsterInstance.local_temp(str(tmp_path)) as local,
            dg.build_schedule_context(
                instance=local,
                scheduled_execution_time=datetime.now(UTC),
                resources={"warehouse": Warehouse(url=harness.url), "archive": Archive(keep_months=keep_months)},
            ) as context,
        ):
            answer = retention_schedule(context)
        assert isinstance(answer, dg.RunRequest | dg.SkipReason)
        return answer

    assert tick(0) == dg.SkipReason("MYI_RETENTION_MONTHS is 0: everything stays")
    assert tick(1_000) == dg.SkipReason("no month is due to be archived")
    assert isinstance(tick(12), dg.RunRequest)
