"""Polling, top lists and metadata as Dagster runs them, against the simulated Spotify."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.ingest.spotify.app_settings import app_of, client_of
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.orchestration.checks import polling_is_fresh
from myi_pipelines.orchestration.jobs import (
    metadata_config,
    poll_config,
    poll_plays,
    refresh_metadata,
    refresh_top_lists,
    top_list_config,
)
from myi_pipelines.orchestration.resources.spotify_app import Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.orchestration.schedules import metadata_schedule, polling_schedule, top_lists_schedule
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.warehouse import invariants, reporting
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines_tests.support.dagster_harness import Harness, contents, count, metadata, why

pytestmark = pytest.mark.slow


@pytest.fixture
def spotify() -> Iterator[Simulator]:
    """Three listeners, some hours of whose listening lie behind them, at the clock that everybody has."""
    with Simulator(Setup(users=3)) as running:
        yield running


@pytest.fixture
def settings(
    database_url: str, redis_url: str, spotify: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SPOTIFY_CLIENT_ID": "client",
        "SPOTIFY_ACCOUNTS_URL": spotify.url,
        "SPOTIFY_API_URL": spotify.url,
    }.items():
        monkeypatch.setenv(f"MYI_{name}", value)
    return load_settings()


@pytest.fixture
def harness(settings: Settings, tmp_path: Path) -> Harness:
    return Harness(settings.database_url, tmp_path / "uploads")


@pytest.fixture
def warehouse(harness: Harness) -> Iterator[Connection]:
    with connect(harness.url) as conn:
        yield conn


def link(settings: Settings, conn: Connection, spotify: Simulator, *names: str) -> None:
    app = app_of(settings)
    for name in names:
        attempt = begin_login(app)
        answer = spotify.control.approve(attempt.url, name)
        with client_of(settings) as client:
            finish_login(conn, LoginServices(app, client, TokenKeys.of_settings(settings)), attempt, answer, name=name)


def tokens_of(settings: Settings, conn: Connection) -> list[str]:
    tokens = AccessTokens.of_settings(settings)
    return [tokens.of(user_id) for (user_id,) in conn.execute("SELECT user_id FROM spotify_auth").fetchall()]


def tick(schedule: dg.ScheduleDefinition, harness: Harness, instance: DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.now(UTC),
        resources={"warehouse": Warehouse(url=harness.url), "spotify": Spotify()},
    )
    with context:
        answer = schedule(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_a_poll_becomes_events_and_statistics_in_one_run(
    settings: Settings, harness: Harness, warehouse: Connection, spotify: Simulator
) -> None:
    link(settings, warehouse, spotify, "ada", "bela")
    with dg.instance_for_test() as instance:
        request = tick(polling_schedule, harness, instance)
        assert isinstance(request, dg.RunRequest)
        result = (
            harness.defs()
            .resolve_job_def(poll_plays.name)
            .execute_in_process(
                instance=instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
            )
        )
        assert result.success, why(result)
        polled = count(warehouse, "SELECT count(*) FROM polled_plays")
        assert polled == 100  # fifty are visible of each
        [asked] = warehouse.execute("SELECT DISTINCT last_polled_at FROM poll_states")
        assert asked[0].isoformat() == request.run_config["ops"]["polled_plays"]["config"]["tick"]
        assert count(warehouse, "SELECT count(*) FROM listening_events WHERE is_estimated") == polled
        assert count(warehouse, "SELECT count(*) FROM tracks WHERE name IS NULL") == 0
        assert count(warehouse, "SELECT count(*) FROM invalidated_user_months") == 0
        assert invariants.check(warehouse) == []

        [latest] = [
            one.metadata
            for one in result.asset_materializations_for_node("polled_plays")
            if "run_added" in one.metadata
        ]
        assert latest["run_added"].value == polled
        assert latest["run_calls"].value == 2
        assert "bela" in str(latest["run_polls"].value)

        said = "".join(str(record.event_log_entry) for record in instance.get_records_for_run(result.run_id).records)
        assert not [token for token in tokens_of(settings, warehouse) if token in said]

        again = tick(polling_schedule, harness, instance)
        assert isinstance(again, dg.SkipReason)
        assert "due" in str(again.skip_message)


def test_metadata_fills_in_and_changes_no_total(
    settings: Settings, harness: Harness, warehouse: Connection, spotify: Simulator
) -> None:
    link(settings, warehouse, spotify, "ada")
    months = [spotify.control.now().date() - timedelta(days=31), spotify.control.now().date()]
    with dg.instance_for_test() as instance:
        assert harness.run(poll_plays.name, instance, months=months, config=poll_config()).success
        before = warehouse.execute("SELECT total_play_count, total_listening_ms FROM users").fetchall()
        request = tick(metadata_schedule, harness, instance)
        assert isinstance(request, dg.RunRequest)
        assert request.run_config["ops"]["spotify_objects"]["config"] == {"limit": 100, "group_limit": 5}
        spotify.control.clear_requests()
        result = harness.run(refresh_metadata.name, instance, months=months, config=metadata_config(500))
        assert result.success, why(result)
        assert warehouse.execute("SELECT total_play_count, total_listening_ms FROM users").fetchall() == before
        assert count(warehouse, "SELECT count(*) FROM artists WHERE image_url IS NOT NULL") > 0
        assert invariants.check(warehouse) == []
        asked = [request.path for request in spotify.control.requests("/v1/")]
        assert len(asked) == len(set(asked))
        assert {one.kind: one.share for one in reporting.metadata_coverage(warehouse)} == dict.fromkeys(
            ["plays", "tracks", "albums", "artists"], 1.0
        )

        spotify.control.clear_requests()
        assert isinstance(tick(metadata_schedule, harness, instance), dg.SkipReason)
        assert harness.run(refresh_metadata.name, instance, months=months, config=metadata_config(500)).success
        assert spotify.control.requests("/v1/") == []


def test_top_lists_are_replaced_and_shown(
    settings: Settings, harness: Harness, warehouse: Connection, spotify: Simulator
) -> None:
    link(settings, warehouse, spotify, "ada")
    with dg.instance_for_test() as instance:
        assert isinstance(tick(top_lists_schedule, harness, instance), dg.RunRequest)
        job = harness.defs().resolve_job_def(refresh_top_lists.name)
        result = job.execute_in_process(instance=instance, run_config=top_list_config(), raise_on_error=False)
        assert result.success, why(result)
        assert count(warehouse, "SELECT count(*) FROM spotify_top_tracks") == 150
        assert count(warehouse, "SELECT count(*) FROM spotify_top_artists") > 0
        assert isinstance(tick(top_lists_schedule, harness, instance), dg.SkipReason)

        shown = warehouse.execute("SELECT term, rank, track_id FROM spotify_top_tracks ORDER BY 1, 2").fetchall()
        warehouse.execute("TRUNCATE spotify_top_tracks, spotify_top_artists")
        spotify.control.clear_requests()
        again = job.execute_in_process(instance=instance, run_config=top_list_config(), raise_on_error=False)
        assert again.success, why(again)
        rebuilt = warehouse.execute("SELECT term, rank, track_id FROM spotify_top_tracks ORDER BY 1, 2").fetchall()
        assert rebuilt == shown
        assert spotify.control.requests("/v1/") == []


def test_an_unusable_key_skips_the_tick_in_one_line(
    settings: Settings, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_ENCRYPTION_KEY", "no key")
    with dg.instance_for_test() as instance:
        answer = tick(polling_schedule, harness, instance)
    assert isinstance(answer, dg.SkipReason)
    assert "MYI_ENCRYPTION_KEY" in str(answer.skip_message)
    assert "no key" not in str(answer.skip_message)


def test_polls_that_fail_again_and_again_fail_the_check_of_freshness(
    settings: Settings, harness: Harness, warehouse: Connection, spotify: Simulator
) -> None:
    link(settings, warehouse, spotify, "ada")
    warehouse.execute(
        "INSERT INTO poll_states (user_id, last_polled_at, next_poll_at, consecutive_failures, last_error)"
        " SELECT user_id, now(), now() + interval '5 minutes', 3, 'it does not answer' FROM spotify_auth"
    )
    with Warehouse(url=harness.url).yield_for_execution(dg.build_init_resource_context()) as opened:
        result = polling_is_fresh(opened)
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    assert "it does not answer" in str(result.description)


def test_nobody_linked_is_a_reason_to_skip(settings: Settings, harness: Harness) -> None:
    with dg.instance_for_test() as instance:
        for schedule in (polling_schedule, metadata_schedule, top_lists_schedule):
            answer = tick(schedule, harness, instance)
            assert isinstance(answer, dg.SkipReason)
            assert "myi login" in str(answer.skip_message)


def test_without_an_app_ticks_are_skipped_and_runs_say_why(
    settings: Settings, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MYI_SPOTIFY_CLIENT_ID")
    with dg.instance_for_test() as instance:
        answer = tick(polling_schedule, harness, instance)
        assert isinstance(answer, dg.SkipReason)
        assert "MYI_SPOTIFY_CLIENT_ID" in str(answer.skip_message)
        tables = ["polled_plays", "spotify_objects", "spotify_top_tracks", "spotify_top_artists", "cover_images"]
        result = harness.materialize(instance, [datetime.now(UTC).date()], selection=tables)
        assert result.success, why(result)
        for node, table in (("polled_plays", None), ("spotify_objects", None), ("top_lists", "spotify_top_tracks")):
            [said] = metadata(result, node, table).values()
            assert said["not_asked"].startswith("MYI_SPOTIFY_CLIENT_ID is not set")
            assert said["dagster/row_count"] == 0


def test_an_app_whose_key_cannot_be_used_fails_the_run(
    settings: Settings, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_ENCRYPTION_KEY", "no key")
    with dg.instance_for_test() as instance:
        job = harness.defs().resolve_job_def(refresh_top_lists.name)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success


def test_a_limit_that_blocks_polling_skips_the_tick(
    settings: Settings, harness: Harness, warehouse: Connection, spotify: Simulator
) -> None:
    link(settings, warehouse, spotify, "ada")
    spotify.control.fault("quota_exceeded", retry_after=3600)
    months = [spotify.control.now().date()]
    with dg.instance_for_test() as instance:
        result = harness.run(poll_plays.name, instance, months=months, config=poll_config())
        assert result.success, why(result)
        [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "accounts_answer"]
        assert not check.passed
        answer = tick(polling_schedule, harness, instance)
        assert isinstance(answer, dg.SkipReason)
        assert count(warehouse, "SELECT count(*) FROM polled_plays") == 0
        assert contents(warehouse)["listening_events"] == []
