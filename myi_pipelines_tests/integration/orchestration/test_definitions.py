"""The code location loads the way Dagster's servers load it, and says what people want to know."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from myi_pipelines.definitions import build_defs, defs
from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.partitions import MONTH_TABLES
from myi_pipelines.warehouse.stats import TRACK_MONTHS

LAYERS = {"landing": {"bronze"}, "catalog": {"silver"}, "events": {"silver"}, "stats": {"gold"}, "snapshots": {"gold"}}


def test_definitions_are_loadable() -> None:
    dg.Definitions.validate_loadable(defs)
    dg.Definitions.validate_loadable(build_defs({"warehouse": dg.ResourceDefinition.none_resource()}))


def test_definitions_validate_as_a_command(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "myi_pipelines.definitions"],
        cwd=PROJECT,
        env=environment | {"DAGSTER_HOME": str(tmp_path), "MYI_DATABASE_URL": "postgresql://nobody@nowhere/nothing"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful" in done.stdout + done.stderr


def test_loading_connects_to_nothing_and_bears_with_wrong_settings() -> None:
    code = "import myi_pipelines.definitions"
    environment = os.environ | {"MYI_DATABASE_URL": "not a url", "MYI_MIN_PLAY_MS": "x"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=PROJECT, env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("job", "minutes"),
    [("poll_plays", 15), ("refresh_metadata", 30), ("refresh_top_lists", 30), ("refresh_genres", 30)],
)
def test_a_run_that_calls_a_service_is_ended_when_it_hangs(job: str, minutes: int) -> None:
    assert defs.resolve_job_def(job).tags["dagster/max_runtime"] == str(minutes * 60)


@pytest.mark.parametrize("key", sorted(defs.resolve_asset_graph().get_all_asset_keys()), ids=str)
def test_every_asset_is_described(key: dg.AssetKey) -> None:
    node = defs.resolve_asset_graph().get(key)
    table = key.to_user_string()
    assert node.description is not None
    assert node.description.startswith("One row per ")
    assert node.group_name in {"landing", "catalog", "events", "stats", "snapshots", "operations"}
    assert node.kinds - {"table", "view", "parquet"} == {"postgres"} | LAYERS.get(node.group_name, set())
    assert node.owners
    assert node.code_version
    if table != "listening_events_partitions":  # what is told of the tables' partitions is no table itself
        assert node.metadata["dagster/table_name"] == f"public.{table}"
    assert node.metadata["dagster/column_schema"].columns
    assert all(column.description for column in node.metadata["dagster/column_schema"].columns)
    assert (node.partitions_def is not None) == (table in {*(one.name for one in MONTH_TABLES), TRACK_MONTHS})
    if node.is_executable and node.partitions_def:
        assert node.backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.parametrize("key", sorted(defs.resolve_asset_graph().executable_asset_keys), ids=str)
def test_every_asset_can_be_materialized_and_backfilled_alone(key: dg.AssetKey) -> None:
    """Dagster's UI refuses to launch one table of an asset that makes several and cannot leave any out."""
    assert defs.resolve_asset_graph().get(key).execution_set_asset_keys == {key}


def test_the_lineage_is_the_designs() -> None:
    graph = defs.resolve_asset_graph()

    def parents(table: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(dg.AssetKey(table)).parent_keys}

    assert parents("listening_events") == {"imported_plays", "polled_plays", "tracks"}
    assert parents("user_track_stats") == {"user_track_months"}
    assert parents("user_song_stats") == {"user_track_stats", "songs", "tracks"}
    assert parents("user_artist_stats") == {"user_track_stats", "track_artists"}
    assert parents("user_album_stats") == {"user_track_stats", "tracks"}
    assert parents("user_year_top_tracks") == {"user_track_months", "listening_events", "songs"}
    assert parents("user_time_bucket_stats") == parents("user_hour_stats") == {"listening_events"}
    assert parents("user_weekday_hour_stats") == parents("user_month_contexts") == {"listening_events"}
    assert parents("user_context_stats") == {"user_month_contexts"}
    assert parents("imported_plays") == parents("polled_plays") == set()


def test_sensors_are_on_from_the_start() -> None:
    statuses = {one.name: one.default_status for one in defs.sensors or [] if one.name != "failure_notices"}
    assert statuses == dict.fromkeys(
        ["uploads", "invalidated_user_months", "first_upkeep"], dg.DefaultSensorStatus.RUNNING
    )


def test_schedules_are_on_from_the_start() -> None:
    statuses = {one.name: one.default_status for one in defs.schedules or []}
    assert statuses == dict.fromkeys(
        ["polling", "metadata", "genres", "top_lists", "checks", "retention", "partitions", "prune_runs"],
        dg.DefaultScheduleStatus.RUNNING,
    )
