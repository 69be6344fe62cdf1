"""The benchmarks' export files: they must be like real exports, and the same every time."""

import json
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from benchmarks.exports import finished_events, usual_distinct_tracks, write_export
from myi_pipelines.sources.exports import open_upload

pytestmark = pytest.mark.slow

Row = dict[str, Any]


def members(path: Path) -> list[list[Row]]:
    with ZipFile(path) as file:
        return [json.loads(file.read(name)) for name in file.namelist()]


def all_rows(path: Path) -> list[Row]:
    return [row for member in members(path) for row in member]


def test_rows_are_as_long_as_real_ones_and_most_of_them_count(tmp_path: Path) -> None:
    written = write_export(tmp_path / "a.zip", rows=20_000, seed=1)
    rows = all_rows(tmp_path / "a.zip")
    assert len(rows) == written.rows == 20_000
    assert 640 < written.json_bytes / written.rows < 800
    assert 0.94 < written.events / written.rows < 0.96
    assert written.events == sum(row["ms_played"] >= 5_000 and row["spotify_track_uri"] is not None for row in rows)
    years = {datetime.fromisoformat(row["ts"]).year for row in rows}
    assert len(years) == 13


def test_play_counts_are_skewed_over_as_many_tracks_as_asked_for(tmp_path: Path) -> None:
    assert usual_distinct_tracks(300_000) == 25_000
    write_export(tmp_path / "a.zip", rows=20_000, seed=1, distinct_tracks=2_000)
    counts = Counter(row["spotify_track_uri"] for row in all_rows(tmp_path / "a.zip") if row["spotify_track_uri"])
    assert len(counts) == 2_000
    ranked = sorted(counts.values(), reverse=True)
    assert sum(ranked[:200]) > 0.3 * sum(ranked)
    assert 50 < ranked[0] < 1_000
    assert ranked[1_500] < 8


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_export(tmp_path / name, rows=2_000, seed=seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_repacked_export_has_the_same_rows_in_other_members_and_another_order(tmp_path: Path) -> None:
    first = write_export(tmp_path / "a.zip", rows=20_001, seed=1)
    again = write_export(tmp_path / "b.zip", rows=20_001, seed=1, repack=True)
    assert (first.rows, first.events) == (again.rows, again.events)
    rows, repacked = all_rows(tmp_path / "a.zip"), all_rows(tmp_path / "b.zip")
    assert rows != repacked
    assert sorted(map(repr, rows)) == sorted(map(repr, repacked))
    with ZipFile(tmp_path / "a.zip") as a, ZipFile(tmp_path / "b.zip") as b:
        assert len(a.namelist()) < len(b.namelist())
        assert max(info.file_size for info in a.infolist()) < 13_000_000
        assert b"\n" not in b.read(b.namelist()[0])


def test_finished_events_are_what_the_reader_makes_of_the_file(tmp_path: Path) -> None:
    written = write_export(tmp_path / "a.zip", rows=5_000, seed=3, years=2)
    events = list(finished_events(rows=5_000, seed=3, years=2))
    assert len({(event.spotify_id, event.played_at) for event in events}) == len(events) == written.events
    with open_upload(tmp_path / "a.zip") as upload:
        plays = [play for batch in upload.batches() for play in batch.plays if (play.ms_played or 0) >= 5_000]
    assert [(play.track.spotify_id, play.played_at, play.ms_played) for play in plays] == events


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        write_export(tmp_path / "a.zip", rows=36_000, seed=1, distinct_tracks=500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000


def test_more_rows_than_a_user_can_hear_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit into 1 years"):
        write_export(tmp_path / "a.zip", rows=1_000_000, seed=1, years=1)
