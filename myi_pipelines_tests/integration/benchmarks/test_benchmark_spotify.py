"""The benchmark of Spotify at tiny sizes: it counts the calls that were made, and misses no play."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import exports, metadata, pipeline, polling, spotify
from myi_pipelines.simulator import Mode

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.mark.parametrize("mode", Mode)
def test_all_calls_for_metadata_are_counted(database_url: str, redis_url: str, tmp_path: Path, mode: Mode) -> None:
    spent = metadata.spent(database_url, redis_url, tmp_path, plays=100, mode=mode)
    assert spent.plays_without_metadata == 0
    assert 0 < spent.calls_for_most_plays < spent.calls.total()
    assert spent.calls_for_tracks < spent.tracks
    assert (spent.calls["albums"] == 0) == (mode is Mode.EXTENDED)
    assert [row.is_met for row in spotify.metadata_rows(mode, spent)] == [True, None, None]


def test_polls_on_top_of_a_history_are_measured_and_none_loses_a_play(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    exports.write_export(tmp_path / "export.zip", rows=300, seed=1, years=1)
    pipeline.import_file(database_url, tmp_path / "export.zip")
    names = {spotify.NORMAL: pipeline.USER}
    none, ten = polling.polls(database_url, redis_url, tmp_path, names=names, new_plays=(0, 10), times=1)
    assert (none.new_plays, ten.new_plays) == (0, 10)
    assert 0 < none.deriving_ms < ten.deriving_ms
    [followed] = polling.followed(database_url, redis_url, tmp_path, names=names, ticks=48).values()
    assert (followed.lost, followed.doubled) == (0, 0)
    assert followed.plays > followed.with_plays > 0
    assert followed.polls < followed.calls <= 48
    rows = spotify.followed_rows(followed, 1, none, ten)
    assert [row.is_met for row in rows] == [None, None, None, True]
    spotify.show(Console(quiet=True), [spotify.poll_row(none, 1_000.0), *rows])
