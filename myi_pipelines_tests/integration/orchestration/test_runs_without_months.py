"""A run of partitioned tables that names no month."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.support.dagster_harness import QUIET, Harness, count, export, why

pytestmark = pytest.mark.slow


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.mark.parametrize("table", ["imported_plays", "polled_plays", "listening_events"])
def test_a_run_over_months_that_names_none_says_so_and_does_nothing(
    instance: DagsterInstance, database_url: str, conn: Connection, tmp_path: Path, table: str
) -> None:
    harness = Harness(database_url, tmp_path / "uploads")
    path = harness.drop("anna", "history.json", export(60))
    config = {"ops": {table: {"config": {"user": "anna", "files": [str(path)]}}}} if table == "imported_plays" else {}
    result = dg.materialize(
        [one for one in harness.defs().assets or [] if isinstance(one, dg.AssetsDefinition)],
        instance=instance,
        resources=harness.resources,
        selection=[table],
        run_config={**config, **QUIET},
        raise_on_error=False,
    )
    assert not result.success
    assert f"Failure: {table}: this run names no month; choose partitions, as Dagster's UI asks, or" in why(result)
    assert path.exists()
    assert count(conn, "SELECT count(*) FROM users") == 0
