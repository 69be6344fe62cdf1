"""Genres from the simulated MusicBrainz by Dagster: when a run is started, and what it reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from myi_pipelines.orchestration.jobs import refresh_genres
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.orchestration.schedules import genres_schedule
from myi_pipelines.simulator import Simulator
from myi_pipelines_tests.support.dagster_harness import Harness, metadata, why
from myi_pipelines_tests.support.musicbrainz_fixtures import GenreHarness, open_genre_harness

pytestmark = pytest.mark.slow


@pytest.fixture
def music(
    database_url: str, redis_url: str, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GenreHarness]:
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MUSICBRAINZ_URL": simulator.url,
        "MUSICBRAINZ_CALLS_PER_SECOND": "100",
    }.items():
        monkeypatch.setenv(f"MYI_{name}", value)
    with open_genre_harness(simulator, database_url, redis_url) as opened:
        yield opened


def tick(harness: Harness, instance: DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    resources = {"warehouse": Warehouse(url=harness.url)}
    now = datetime.now(UTC)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=now, resources=resources) as context:
        answer = genres_schedule(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_the_schedule_asks_once_a_contact_is_set_until_nobody_is_left(
    music: GenreHarness, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(database_url, tmp_path / "uploads")
    [artist] = music.known_artists(1)
    music.play(music.tracks_of(artist, 3))
    music.settle()
    months = [datetime.now(UTC).date()]
    with dg.instance_for_test() as instance:
        off = tick(harness, instance)
        assert isinstance(off, dg.SkipReason)
        assert "MYI_MUSICBRAINZ_CONTACT" in str(off.skip_message)
        result = harness.run(refresh_genres.name, instance, months=months)
        assert result.success, why(result)
        [said] = metadata(result, "musicbrainz_objects").values()
        assert "MYI_MUSICBRAINZ_CONTACT" in said["not_asked"]
        assert music.requests() == []

        monkeypatch.setenv("MYI_MUSICBRAINZ_CONTACT", "ada@example.org")
        request = tick(harness, instance)
        assert isinstance(request, dg.RunRequest)
        result = harness.run(refresh_genres.name, instance, months=months, config=request.run_config)
        assert result.success, why(result)
        [said] = metadata(result, "musicbrainz_objects").values()
        assert (said["run_found"], said["run_not_found"], said["dagster/row_count"]) == (1, 0, 1)
        assert said["run_calls"] == len(music.requests())
        assert music.genres() == {artist.name: music.voted(artist)}

        done = tick(harness, instance)
        assert isinstance(done, dg.SkipReason)
        assert "nothing of an artist" in str(done.skip_message)
