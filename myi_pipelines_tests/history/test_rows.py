"""Rows of all kinds and years: what becomes a play, what is counted by which reason, what is mended."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myi_pipelines.history import Play, Track, open_upload
from myi_pipelines_tests.history.test_bad_files import ROW


class Read(NamedTuple):
    """Everything that a file said."""

    plays: list[Play]
    rejected: Counter[str]
    notes: list[str]
    cleaned: int


def read(path: Path, batch_rows: int = 20_000) -> Read:
    found = Read([], Counter(), [], 0)
    with open_upload(path) as upload:
        for batch in upload.batches(batch_rows=batch_rows):
            found.plays.extend(batch.plays)
            found.rejected.update(batch.rejected)
            found.notes.extend(batch.notes)
            found = found._replace(cleaned=found.cleaned + batch.cleaned)
    return found


def rows(tmp_path: Path, *given_rows: dict[str, Any], name: str = "Streaming_History_Audio_2023.json") -> Read:
    path = tmp_path / name
    path.write_text(json.dumps([*given_rows, ROW]), encoding="utf-8")
    return read(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ms_played": "abc"}, "malformed"),
        ({"ms_played": -1}, "malformed"),
        ({"ms_played": 10**12}, "malformed"),
        ({"ms_played": None}, "malformed"),
        ({"ts": "2023-02-30T00:00:00Z"}, "bad_timestamp"),
        ({"ts": None}, "bad_timestamp"),
        ({"ts": "1970-01-01T00:00:00Z"}, "bad_timestamp"),
        ({"ts": "2199-01-01T00:00:00Z"}, "bad_timestamp"),
        ({"spotify_track_uri": "spotify:track:short"}, "malformed"),
        ({"spotify_track_uri": None, "spotify_episode_uri": "spotify:episode:x", "episode_name": "E"}, "podcast"),
        ({"spotify_track_uri": None, "audiobook_title": "Book"}, "audiobook"),
        ({"spotify_track_uri": None}, "local_file"),
        ({"spotify_track_uri": "spotify:local:a:b:c:1"}, "local_file"),
        ({"spotify_track_uri": None, "master_metadata_track_name": None}, "unidentified"),
    ],
)
def test_a_row_that_is_no_play_is_counted_and_the_others_stay(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    found = rows(tmp_path, {**ROW, **changes})
    assert found.rejected == {reason: 1}
    assert len(found.plays) == 1


def test_a_bad_row_is_named_with_its_number(tmp_path: Path) -> None:
    found = rows(tmp_path, *[ROW] * 6, {**ROW, "ms_played": "abc"})
    assert found.notes == ['Streaming_History_Audio_2023.json: row 7: ms_played is "abc" (expected a whole number)']


def test_a_video_without_a_track_is_counted_as_video(tmp_path: Path) -> None:
    row = {**ROW, "spotify_track_uri": None, "master_metadata_track_name": None}
    assert rows(tmp_path, row, name="Streaming_History_Video_2023.json").rejected == {"video": 1}


@pytest.mark.parametrize("offline_timestamp", [1_675_076_400, 1_675_076_400_000, 1_675_076_400_999])
def test_an_offline_play_ends_when_the_device_says(tmp_path: Path, offline_timestamp: int) -> None:
    row = {**ROW, "offline": True, "offline_timestamp": offline_timestamp, "ms_played": 60_500}
    play = rows(tmp_path, row).plays[0]
    assert play.stopped_at == datetime(2023, 1, 30, 19, 46, 52, tzinfo=UTC)
    assert play.played_at == datetime(2023, 1, 30, 11, 0, tzinfo=UTC) + timedelta(milliseconds=60_500)


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "offline": True, "offline_timestamp": 15},
        {**ROW, "offline": True, "offline_timestamp": None},
        {**ROW, "offline": True, "offline_timestamp": 1_675_200_000},  # after ts
        {**ROW, "offline": True, "offline_timestamp": 1_670_000_000},  # more than 30 days before
        {**ROW, "offline": False, "offline_timestamp": 1_675_076_400},
    ],
)
def test_junk_in_offline_timestamp_changes_nothing(tmp_path: Path, row: dict[str, Any]) -> None:
    play = rows(tmp_path, row).plays[0]
    assert play.played_at == play.stopped_at


def test_names_are_mended(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    row = {**ROW, "master_metadata_track_name": "a\x00b\ud800c", "master_metadata_album_artist_name": "x" * 10_000}
    path.write_text(json.dumps([row]), encoding="utf-8")
    found = read(path)
    assert found.plays[0].track == Track("a" * 22, "ab\ufffdc", "x" * 1_000, "Album")
    assert found.cleaned == 1


def test_what_is_personal_is_nowhere(tmp_path: Path) -> None:
    personal = {
        "username": "SECRET-user", "ip_addr_decrypted": "192.0.2.77", "ip_addr": "192.0.2.78",
        "user_agent_decrypted": "SECRET-agent",
    }  # fmt: skip
    found = rows(tmp_path, {**ROW, **personal}, {**ROW, **personal, "ms_played": "abc"})
    assert "SECRET" not in repr(found)
    assert "192.0.2" not in repr(found)


def test_account_data_is_read_at_the_minute(tmp_path: Path) -> None:
    path = tmp_path / "StreamingHistory_music_0.json"
    row = {"endTime": "2024-12-22 00:05", "artistName": "Artist", "trackName": "Song", "msPlayed": 1_000}
    podcast = {"endTime": "2024-12-22 00:05", "podcastName": "P", "episodeName": "E", "msPlayed": 1_000}
    path.write_text(json.dumps([row, podcast, {**row, "trackName": ""}]), encoding="utf-8-sig")
    found = read(path)
    at = datetime(2024, 12, 22, 0, 5, tzinfo=UTC)
    assert [(play.track, play.played_at, play.stopped_at) for play in found.plays] == [
        (Track(None, "Song", "Artist", None), at, at)
    ]
    assert found.rejected == {"podcast": 1, "malformed": 1}


def test_unrelated_json_in_the_same_zip_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "my_spotify_data.zip"
    account = {"endTime": "2024-12-22 00:05", "artistName": "Artist", "trackName": "Song", "msPlayed": 1_000}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MyData/renamed by me.json", json.dumps([ROW]))
        archive.writestr("MyData/StreamingHistory0.json", json.dumps([account]))
        archive.writestr("MyData/Playlist1.json", '{"playlists": []}')
        archive.writestr("MyData/Inferences.json", '["a", "b"]')
        archive.writestr("__MACOSX/MyData/._endsong_0.json", b"\x00\x05\x16\x07")
    assert len(read(path).plays) == 2


names = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["},{", '"', "\\", '\\"},\n  {"', "]", "\u2028"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    titles=st.lists(names, min_size=1, max_size=40),
    indent=st.sampled_from([None, 2]),
    escaped=st.booleans(),
    batch_rows=st.integers(1, 50),
)
def test_whatever_names_hold_every_row_is_read_once(
    tmp_path: Path, titles: list[str], indent: int | None, escaped: bool, batch_rows: int
) -> None:
    given_rows = [
        {**ROW, "master_metadata_track_name": title, "ms_played": 1_000 + number} for number, title in enumerate(titles)
    ]
    text = io.StringIO()
    json.dump(given_rows, text, indent=indent, ensure_ascii=escaped)
    path = tmp_path / "history.json"
    path.write_text(text.getvalue(), encoding="utf-8")
    assert [play.ms_played for play in read(path, batch_rows).plays] == [row["ms_played"] for row in given_rows]


def test_month_range_covers_every_play(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    early = {**ROW, "ts": "2021-03-01T00:00:10Z", "offline": True, "offline_timestamp": 1_612_500_000}
    path.write_text(json.dumps([early, ROW]), encoding="utf-8")
    with open_upload(path) as upload:
        months = upload.month_range()
    assert months is not None
    played = [play.played_at.date() for play in read(path).plays]
    assert months[0] <= min(played)
    assert months[1] >= max(played).replace(day=1)
