"""Counting as Spotify does, beside our own counting: each difference by an example, and archived months."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.plans import executed, touched
from myi_pipelines.serving import dashboards
from myi_pipelines.serving.report import load_report
from myi_pipelines.sources.exports import Kind, Play, Track
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse

PRIVATE = CONTEXT._replace(incognito=True)
SINGLE, ALBUM = (Track(spotify_id(letter), "Blue", "Ada", name) for letter, name in (("a", "Blue"), ("b", "Colours")))
OTHER = Track(spotify_id("c"), "Red", "Bela", None)
EPISODE = Track(spotify_id("e"), "Episode", "Show", None, Kind.EPISODE)
CHAPTER = Track(spotify_id("f"), "Chapter", "Author", "Book", Kind.CHAPTER)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z").astimezone(UTC)


def play(track: Track, ended: str, ms: int, *, is_private: bool = False) -> Play:
    return Play(track, PRIVATE if is_private else CONTEXT, at(ended), at(ended), ms)


PLAYS = [
    play(SINGLE, "2023-01-01T03:00", 180_000),  # still 2022 in New York
    play(SINGLE, "2023-05-01T12:00", 29_999),
    play(SINGLE, "2023-05-01T12:01", 30_000),
    play(ALBUM, "2023-05-01T12:10", 180_000),
    play(OTHER, "2023-05-02T12:00", 200_000),
    play(OTHER, "2023-05-02T13:00", 200_000, is_private=True),
    play(OTHER, "2023-12-01T12:00", 200_000),
    play(EPISODE, "2023-05-03T12:00", 1_800_000),
    play(EPISODE, "2023-05-03T13:00", 29_999),
    play(CHAPTER, "2023-05-04T12:00", 600_000),
]


def in_new_york(warehouse: Warehouse) -> int:
    user_id = warehouse.user("anna", "America/New_York")
    warehouse.land(user_id, PLAYS)
    warehouse.settle([user_id])
    return user_id


def test_streams_of_30_seconds_in_utc_months_with_podcasts(warehouse: Warehouse) -> None:
    user_id = in_new_york(warehouse)
    january, may, december = dashboards.as_spotify_counts(warehouse.conn, user_id, year=2023)
    assert january == (date(2023, 1, 1), 1, 180_000, 1, 180_000, 0, 0)
    assert may == (date(2023, 5, 1), 6, 3_010_000, 4, 610_000, 1, 1_800_000)
    assert december[:3] == (date(2023, 12, 1), 1, 200_000)
    assert dashboards.as_spotify_counts(warehouse.conn, user_id) == [january, may, december]
    assert dashboards.as_spotify_counts(warehouse.conn, user_id, year=2022) == []
    [ours] = load_report(warehouse.conn, "anna", 2023).users
    assert ours.play_count == 6
    assert [(one.year, one.play_count, one.total_ms) for one in ours.streamed] == [(2023, 8, 3_390_000)]


def test_lists_leave_skips_and_private_sessions_out_and_end_where_wrapped_does(warehouse: Warehouse) -> None:
    user_id = in_new_york(warehouse)
    asked = warehouse.conn, user_id, 2023
    blue, red = dashboards.top_songs_as_spotify_counts(*asked)
    assert (blue.name, blue.recordings, blue.play_count, blue.total_ms) == ("Blue", 2, 3, 390_000)
    assert (red.name, red.recordings, red.play_count) == ("Red", 1, 2)
    assert [one.play_count for one in dashboards.top_songs_as_spotify_counts(*asked, until=date(2023, 11, 15))] == [
        3,
        1,
    ]
    assert [one.play_count for one in dashboards.top_tracks_as_spotify_counts(*asked)] == [2, 2, 1]
    artists = dashboards.top_artists_as_spotify_counts(*asked, each=1, until=date(2023, 4, 30))
    assert [(one.name, one.play_count) for one in artists] == [("Ada", 1)]


def test_a_play_that_only_polls_show_is_a_stream_of_estimated_length(warehouse: Warehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    warehouse.poll(user_id, [Polled(spotify_id("c"), at("2023-05-02T12:00"), 200_000)])
    warehouse.settle([user_id])
    [may] = dashboards.as_spotify_counts(warehouse.conn, user_id, year=2023)
    [event] = warehouse.conn.execute("SELECT ms_played, is_estimated FROM listening_events").fetchall()
    assert may[1:3] == (1, event[0])
    assert event[1]


def test_totals_are_right_for_archived_months(database_url: str, tmp_path: Path) -> None:
    with open_archiving_warehouse(database_url, tmp_path) as warehouse:
        user_id = in_new_york(warehouse)
        before = dashboards.as_spotify_counts(warehouse.conn, user_id)
        warehouse.archive()
        assert date(2023, 5, 1) in warehouse.archived_months()
        assert dashboards.as_spotify_counts(warehouse.conn, user_id) == before
        assert dashboards.top_songs_as_spotify_counts(warehouse.conn, user_id, 2023) == []


def test_totals_read_no_event_and_lists_no_other_year(warehouse: Warehouse) -> None:
    user_id = in_new_york(warehouse)
    warehouse.land(user_id, [play(OTHER, "2021-05-01T12:00", 200_000)])
    warehouse.settle([user_id])
    with executed(warehouse.conn) as plans:
        dashboards.as_spotify_counts(warehouse.conn, user_id, year=2023)
    assert touched(plans).partitions == set()
    for _ in range(2):
        with executed(warehouse.conn) as plans:
            dashboards.top_songs_as_spotify_counts(warehouse.conn, user_id, 2023, until=date(2023, 6, 30))
        partitions = touched(plans).partitions
        assert {name for name in partitions if name.startswith("listening_events")} <= {
            f"listening_events_y2023m{month:02}" for month in range(1, 7)
        }
