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
from myi_pipelines_tests.support.reference import Landing, catalog_of, conform

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
    assert 0.89 < written.events / written.rows < 0.92
    long_enough = sum(row["ms_played"] >= 5_000 and row["spotify_track_uri"] is not None for row in rows)
    assert 0 < long_enough - written.events < 0.003 * long_enough
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


def test_every_kind_of_row_is_as_common_as_in_real_exports(tmp_path: Path) -> None:
    write_export(tmp_path / "a.zip", rows=40_000, seed=1, years=12)
    rows = all_rows(tmp_path / "a.zip")

    def share(*has: bool) -> float:
        return sum(has) / len(rows)

    assert 0.04 < share(*(row["episode_name"] is not None for row in rows)) < 0.06
    assert 0.001 < share(*("audiobook_title" in row for row in rows)) < 0.003
    named = ("master_metadata_track_name", "episode_name", "audiobook_title")
    assert 0.001 < share(*(not any(row.get(name) for name in named) for row in rows)) < 0.005
    assert 0.003 < share(*(row["offline"] is True and not row["offline_timestamp"] for row in rows)) < 0.007
    assert share(*(row["offline"] is None for row in rows)) > 0.002
    streams = {(row["spotify_track_uri"], row["ms_played"]) for row in rows if row["ms_played"] > 110_000
               and row["spotify_track_uri"]}  # fmt: skip
    again = sum(row["ms_played"] > 110_000 and row["spotify_track_uri"] is not None for row in rows) - len(streams)
    assert 0.0004 < again / len(rows) < 0.002
    online = [row for row in rows if row["offline"] is False]
    last = [row for row in online if row["ts"] > "2023-11-02"]
    assert all(row["offline_timestamp"] for row in last)
    assert not any(row["offline_timestamp"] for row in online if row["ts"] < "2023-10-29")
    paused = [datetime.fromisoformat(row["ts"]).timestamp() - row["offline_timestamp"] - row["ms_played"] / 1000
              for row in last]  # fmt: skip
    assert 0.01 < sum(seconds > 5 for seconds in paused) / len(last) < 0.04
    digits = {len(str(row["offline_timestamp"])) for row in rows if row["ts"][:4] == "2021" and row["offline"]}
    assert digits == {1, 13}


def test_one_song_is_on_several_releases(tmp_path: Path) -> None:
    write_export(tmp_path / "a.zip", rows=20_000, seed=1)
    ids: dict[tuple[str, str], set[str]] = {}
    for row in all_rows(tmp_path / "a.zip"):
        if uri := row["spotify_track_uri"]:
            names = row["master_metadata_track_name"], row["master_metadata_album_artist_name"]
            ids.setdefault(names, set()).add(uri)
    assert 0.02 < sum(len(uris) > 1 for uris in ids.values()) / len(ids) < 0.1
    assert any(artist == "Various Artists" for _, artist in ids)


@pytest.mark.few(1)
@pytest.mark.parametrize(("rows", "seed", "years"), [(4_000, 3, 2), (8_000, 1, 12)])
def test_finished_events_are_what_the_rules_make_of_the_file(tmp_path: Path, rows: int, seed: int, years: int) -> None:
    written = write_export(tmp_path / "a.zip", rows=rows, seed=seed, years=years)
    events = list(finished_events(rows=rows, seed=seed, years=years))
    assert len({(event.spotify_id, event.played_at) for event in events}) == len(events) == written.events
    with open_upload(tmp_path / "a.zip") as upload:
        plays = [play for batch in upload.batches() for play in batch.plays]
    conformed = conform(Landing("UTC", plays), catalog_of(plays))
    assert {(event.track, event.played_at, event.ms_played) for event in conformed.events} == set(events)


@pytest.mark.thorough
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
