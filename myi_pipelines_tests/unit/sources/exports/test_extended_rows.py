"""Each kind of row in the extended history, with the keys of every year, and what it becomes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.sources.exports import NOTHING, Context, Kind, Play, Track
from myi_pipelines_tests.support.export_rows import ID, extended, no_track, play_of, read_rows

STOPPED = datetime(2023, 1, 30, 19, 46, 52, tzinfo=UTC)
START_SECONDS = 1_675_076_400  # 2023-01-30 11:00:00 UTC


def test_a_track_row_becomes_a_play_with_everything_worth_keeping(tmp_path: Path) -> None:
    assert play_of(tmp_path, extended()) == Play(
        Track(ID, "Song", "Band", "Record"),
        Context("ios", "DE", "trackdone", "fwdbtn", False, True, False, False),
        STOPPED,
        STOPPED,
        214_000,
    )


def test_the_oldest_rows_with_few_keys_and_nulls_are_plays(tmp_path: Path) -> None:
    old = {"ts": "2011-05-01T10:00:00Z", "ms_played": 0, "spotify_track_uri": f"spotify:track:{ID}", "username": "x"}
    nulls = dict.fromkeys(extended()) | {"reason_start": "", "skipped": None} | old

    plays = read_rows(tmp_path, old, nulls).plays

    when = datetime(2011, 5, 1, 10, tzinfo=UTC)
    assert plays == [Play(Track(ID, None, None, None), Context(*[None] * 8), when, when, 0)] * 2


def test_empty_texts_are_no_texts(tmp_path: Path) -> None:
    play = play_of(tmp_path, extended(reason_start="", platform="", master_metadata_album_album_name=""))
    assert play.context is not None
    assert (play.context.reason_start, play.context.platform, play.track.album) == (None, None, None)


def test_skipped_null_is_not_skipped_false(tmp_path: Path) -> None:
    plays = read_rows(tmp_path, extended(skipped=None), extended(skipped=False)).plays
    assert [play.context and play.context.skipped for play in plays] == [None, False]


def test_rows_of_one_track_and_context_share_equal_tuples(tmp_path: Path) -> None:
    first, second = read_rows(tmp_path, extended(), extended(ts="2023-02-01T00:00:00Z")).plays
    assert first.track == second.track
    assert first.context == second.context
    assert first != second


def test_a_track_that_was_renamed_keeps_the_names_of_each_row(tmp_path: Path) -> None:
    names = ["Old", "New", "Old"]
    read = read_rows(tmp_path, *(extended(master_metadata_track_name=name) for name in names))
    assert [play.track.name for play in read.plays] == names


def test_unsorted_rows_and_rows_of_the_same_second_keep_their_order(tmp_path: Path) -> None:
    times = ["2023-01-02T00:00:00Z", "2021-01-01T00:00:00Z", "2023-01-02T00:00:00Z", "2022-06-01T00:00:00Z"]
    read = read_rows(tmp_path, *(extended(ts=time) for time in times))
    assert [f"{play.stopped_at:%Y-%m-%dT%H:%M:%SZ}" for play in read.plays] == times


@pytest.mark.parametrize(
    ("ts", "instant"),
    [
        ("2023-01-30T19:46:52Z", STOPPED),
        ("2023-01-30T21:46:52+02:00", STOPPED),
        ("2023-01-30T19:46:52", STOPPED),
        ("2023-01-30 19:46:52 UTC", STOPPED),
        ("2023-01-30T19:46:52.250Z", STOPPED.replace(microsecond=250_000)),
        ("2023-01-30 19:46", STOPPED.replace(second=0)),
    ],
)
def test_times_are_utc_however_they_are_written(tmp_path: Path, ts: str, instant: datetime) -> None:
    play = play_of(tmp_path, extended(ts=ts))
    assert play.stopped_at == play.played_at == instant
    assert play.stopped_at.tzinfo is UTC


@pytest.mark.parametrize("offline_timestamp", [START_SECONDS, START_SECONDS * 1_000, START_SECONDS * 1_000 + 999])
def test_an_offline_play_ends_by_the_devices_clock_in_seconds_or_milliseconds(
    tmp_path: Path, offline_timestamp: int
) -> None:
    play = play_of(tmp_path, extended(offline=True, offline_timestamp=offline_timestamp, ms_played=90_500))
    assert play.stopped_at == STOPPED
    assert play.played_at == datetime(2023, 1, 30, 11, 1, 30, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        ("a play with a connection", {"offline": False, "offline_timestamp": START_SECONDS}),
        ("unknown whether offline", {"offline": None, "offline_timestamp": START_SECONDS}),
        ("null", {"offline_timestamp": None}),
        ("missing", {"offline_timestamp": ...}),
        ("zero", {"offline_timestamp": 0}),
        ("junk", {"offline_timestamp": 42}),
        ("negative", {"offline_timestamp": -START_SECONDS}),
        ("huge", {"offline_timestamp": 10**25}),
        ("a text", {"offline_timestamp": str(START_SECONDS)}),
        ("true", {"offline_timestamp": True}),
        ("after ts", {"offline_timestamp": START_SECONDS + 86_400}),
        ("ended after ts", {"offline_timestamp": START_SECONDS, "ms_played": 40_000_000}),
        ("31 days before ts", {"offline_timestamp": START_SECONDS - 31 * 86_400}),
        ("before Spotify", {"ts": "2008-10-01T00:00:10Z", "offline_timestamp": 1_222_819_000, "ms_played": 1_000}),
    ],
)
def test_ts_is_used_when_the_offline_timestamp_is_impossible(tmp_path: Path, why: str, changes: dict[str, Any]) -> None:
    play = play_of(tmp_path, extended(**{"offline": True} | changes))
    assert play.played_at == play.stopped_at, why


EPISODE = "spotify:episode:" + ID
LOCAL = "spotify:local:A+Band:The+Record:Une+%C3%89tude:214"


@pytest.mark.parametrize(
    ("row", "track"),
    [
        (
            no_track(episode_name="E", episode_show_name="S", spotify_episode_uri=EPISODE),
            Track(ID, "E", "S", None, Kind.EPISODE),
        ),
        (
            no_track(episode_name="E", spotify_episode_uri="spotify:episode:1"),
            Track(None, "E", None, None, Kind.EPISODE),
        ),
        (no_track(spotify_episode_uri=EPISODE), Track(ID, None, None, None, Kind.EPISODE)),
        (
            no_track(audiobook_title="B", audiobook_uri="spotify:show:1", audiobook_chapter_uri=EPISODE),
            Track(ID, None, None, "B", Kind.CHAPTER),
        ),
        (no_track(audiobook_chapter_title="C", audiobook_title="B"), Track(None, "C", None, "B", Kind.CHAPTER)),
        (extended(spotify_track_uri=None), Track(None, "Song", "Band", "Record")),
        (extended(spotify_track_uri="spotify:local:x:y:z:214"), Track(None, "Song", "Band", "Record")),
        (no_track(spotify_track_uri=LOCAL), Track(None, "Une Étude", "A Band", "The Record")),
        (no_track(spotify_track_uri="spotify:local:::Song:214"), Track(None, "Song", None, None, Kind.UNIDENTIFIED)),
        (no_track(master_metadata_track_name="Song"), Track(None, "Song", None, None, Kind.UNIDENTIFIED)),
        (no_track(), NOTHING),
        (no_track(spotify_episode_uri="spotify:episode:1"), NOTHING),
        ({"ts": "2023-01-30T19:46:52Z", "ms_played": 1}, NOTHING),
    ],
)
def test_rows_that_played_no_track_of_spotify_are_plays_of_what_they_name(
    tmp_path: Path, row: dict[str, Any], track: Track
) -> None:
    read = read_rows(tmp_path, extended(), row, row, extended())
    assert [play.track for play in read.plays[1:3]] == [track, track]
    assert (len(read.plays), dict(read.rejected), read.notes) == (4, {}, [])
    assert read.plays[1].context is not None


def test_in_a_video_file_a_row_without_a_track_is_a_video(tmp_path: Path) -> None:
    name = "Streaming_History_Video_2019-2024.json"
    podcast = no_track(episode_name="E")
    read = read_rows(tmp_path, extended(), no_track(), extended(spotify_track_uri=None), podcast, name=name)
    assert [play.track for play in read.plays] == [
        Track(ID, "Song", "Band", "Record"),
        Track(None, None, None, None, Kind.VIDEO),
        Track(None, "Song", "Band", "Record", Kind.VIDEO),
        Track(None, "E", None, None, Kind.EPISODE),
    ]
    assert (dict(read.rejected), read.notes) == ({}, [])


def test_what_tools_write_that_save_a_history_again_is_read(tmp_path: Path) -> None:
    row = extended(ms_played="214000", ts="2023-01-30T19:46Z")
    assert play_of(tmp_path, row) == play_of(tmp_path, extended(ts="2023-01-30T19:46:00Z"))
