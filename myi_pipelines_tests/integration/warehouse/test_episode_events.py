"""Plays that are not music: which rows of both exports are one play, and which say what was played."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.sources.exports import NOTHING, Kind, Play, Track
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import EpisodeEvent, Landing, minute
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, OFFLINE, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

NOON = datetime(2024, 3, 5, 12, 0, 20, tzinfo=UTC)
EPISODE = Track(spotify_id("x"), "Episode", "Show", None, Kind.EPISODE)
RENAMED = EPISODE._replace(name="Episode (Rerun)", artist="The Show")
CHAPTER = Track(spotify_id("y"), None, None, "Book", Kind.CHAPTER)
VIDEO = Track(None, None, None, None, Kind.VIDEO)
SONG = Track(spotify_id("a"), "Song", "Artist", "Album")


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def heard(track: Track, ended_at: datetime = NOON, ms_played: int = 600_000) -> Play:
    return Play(track, CONTEXT, ended_at, ended_at, ms_played)


def listed(track: Track, ended_at: datetime = NOON, ms_played: int = 600_000) -> Play:
    """A row of account data."""
    ended_at = minute(ended_at)
    return Play(track._replace(spotify_id=None), ACCOUNT, ended_at, ended_at, ms_played)


def found_in_any_order(warehouse: Warehouse, *files: list[Play]) -> list[EpisodeEvent]:
    """The plays that are not music, in order; the same however the files arrive, and as the reference says."""
    expected = reference.derive({"": Landing("UTC", [play for file in files for play in file])})[""]
    for number, order in enumerate((files, files[::-1], [[play for file in files for play in file]])):
        user_id = warehouse.user(f"listener {number}", "UTC")
        for file in order:
            warehouse.land(user_id, file)
            warehouse.settle([user_id])
        tables = warehouse.tables(user_id)
        assert tables.episode_events == expected.episode_events
        assert tables.events == expected.events
    return sorted(expected.episode_events, key=lambda event: (event.played_at, event.kind))


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def test_an_episode_is_known_by_its_id_whatever_its_names_become(warehouse: Warehouse) -> None:
    [event] = found_in_any_order(warehouse, [heard(EPISODE)], [heard(RENAMED)])
    assert (event.kind, event.content, event.names) == (
        Kind.EPISODE,
        EPISODE.spotify_id,
        ("Episode (Rerun)", "The Show", ""),
    )


def test_a_chapter_that_was_exported_as_an_episode_is_a_chapter(warehouse: Warehouse) -> None:
    as_episode = Track(CHAPTER.spotify_id, "Chapter 1", "Book", None, Kind.EPISODE)
    [event] = found_in_any_order(warehouse, [heard(as_episode)], [heard(CHAPTER)])
    assert event.kind is Kind.CHAPTER


def test_short_plays_do_not_count_and_the_longest_at_an_instant_stays(warehouse: Warehouse) -> None:
    rows = [heard(EPISODE), heard(EPISODE, ms_played=400_000), heard(EPISODE, NOON + minutes(9), ms_played=4_999)]
    [event] = found_in_any_order(warehouse, rows)
    assert (event.played_at, event.ms_played) == (NOON, 600_000)


def test_a_stream_that_was_exported_twice_is_one_and_a_repeat_is_not(warehouse: Warehouse) -> None:
    rows = [heard(EPISODE), heard(EPISODE, NOON + timedelta(seconds=3)), heard(EPISODE, NOON + minutes(10))]
    assert len(found_in_any_order(warehouse, rows)) == 2


def test_account_data_of_the_same_episodes_adds_nothing(warehouse: Warehouse) -> None:
    rows = [heard(EPISODE), heard(CHAPTER, NOON + minutes(20)), heard(EPISODE, NOON + minutes(40))]
    account = [listed(EPISODE), listed(CHAPTER._replace(artist="Author"), NOON + minutes(20))]
    renamed = [listed(RENAMED, NOON + minutes(40))]
    assert len(found_in_any_order(warehouse, rows, account, renamed)) == 3


def test_account_data_has_several_plays_of_one_minute(warehouse: Warehouse) -> None:
    rows = [listed(EPISODE), listed(EPISODE, ms_played=20_000), listed(EPISODE)]
    assert [event.ms_played for event in found_in_any_order(warehouse, rows)] in ([600_000, 20_000], [20_000, 600_000])


def test_what_older_account_data_lists_as_music_is_an_episode_where_it_can_be_told(warehouse: Warehouse) -> None:
    as_music = Track(None, "Episode", "Show", None)
    alone = NOON + minutes(30)
    events = found_in_any_order(warehouse, [listed(as_music), listed(as_music, alone)], [heard(EPISODE)])
    assert [event.kind for event in events] == [Kind.EPISODE]
    assert [e.played_at for e in warehouse.tables(warehouse.user("listener 0", "UTC")).events.values()] == [
        minute(alone)
    ]


def test_account_data_that_lists_an_episode_says_so_of_older_account_data(warehouse: Warehouse) -> None:
    as_music = Track(None, "Episode", "Show", None)
    events = found_in_any_order(warehouse, [listed(as_music)], [listed(EPISODE)])
    assert [event.kind for event in events] == [Kind.EPISODE]


def test_what_only_account_data_names_stays_what_it_is(warehouse: Warehouse) -> None:
    rows = [heard(NOTHING), heard(NOTHING, NOON + minutes(20)), heard(VIDEO, NOON + minutes(40))]
    account = [listed(SONG._replace(album=None)), listed(EPISODE, NOON + minutes(40))]
    events = found_in_any_order(warehouse, rows, account)
    assert [(event.kind, event.played_at) for event in events] == [
        (Kind.UNIDENTIFIED, NOON + minutes(20)),
        (Kind.EPISODE, minute(NOON + minutes(40))),
    ]


def test_an_unnamed_play_of_another_length_is_another_play(warehouse: Warehouse) -> None:
    events = found_in_any_order(warehouse, [heard(NOTHING)], [listed(SONG._replace(album=None), ms_played=599_999)])
    assert [event.kind for event in events] == [Kind.UNIDENTIFIED]


def test_a_placeholder_is_whatever_else_has_its_minute_and_length(warehouse: Warehouse) -> None:
    times = [NOON + minutes(20 * number) for number in range(6)]
    extended = [heard(SONG, times[0]), heard(EPISODE, times[1]), heard(NOTHING, times[2]), heard(SONG, times[5])]
    older = [listed(SONG._replace(album=None), times[3])]
    placeholders = [listed(NOTHING, time) for time in times]
    events = found_in_any_order(warehouse, extended, older, placeholders)
    assert [(event.kind, event.played_at) for event in events] == [
        (Kind.EPISODE, times[1]),
        (Kind.UNIDENTIFIED, times[2]),
        (Kind.UNIDENTIFIED, minute(times[4])),
    ]


def test_a_download_that_no_longer_names_a_play_does_not_double_it(warehouse: Warehouse) -> None:
    events = found_in_any_order(
        warehouse,
        [heard(SONG), heard(EPISODE, NOON + minutes(20))],
        [heard(NOTHING), heard(NOTHING, NOON + minutes(20))],
    )
    assert [event.kind for event in events] == [Kind.EPISODE]


@pytest.mark.parametrize(
    "track", [NOTHING, Track(None, "Song", "Artist", None), EPISODE._replace(spotify_id=None)], ids=["-", "file", "id"]
)
def test_account_data_and_the_extended_history_may_have_equal_rows(warehouse: Warehouse, track: Track) -> None:
    """Neither gives an id, and the play ended with the minute."""
    at = minute(NOON)
    found_in_any_order(warehouse, [heard(track, at), heard(track, at + timedelta(seconds=5))], [listed(track, at)])


def test_offline_plays_are_compared_by_their_upload(warehouse: Warehouse) -> None:
    later = NOON + timedelta(hours=5)
    offline = heard(EPISODE)._replace(context=OFFLINE, stopped_at=later, elapsed_s=600)
    nothing = heard(NOTHING, NOON + minutes(30))._replace(context=OFFLINE, stopped_at=later + minutes(1), elapsed_s=600)
    account = [listed(EPISODE, later), listed(SONG._replace(album=None), later + minutes(1))]
    events = found_in_any_order(warehouse, [offline, nothing], account)
    assert [(event.kind, event.played_at) for event in events] == [(Kind.EPISODE, NOON)]


def test_a_show_is_listed_once_under_the_name_that_was_played_last(warehouse: Warehouse) -> None:
    again = Track(spotify_id("z"), "Another", "the show", None, Kind.EPISODE)
    user_id = warehouse.user("listener", "Asia/Tokyo")
    warehouse.land(user_id, [heard(EPISODE), heard(RENAMED, NOON + minutes(20)), heard(again, NOON + minutes(40))])
    warehouse.land(user_id, [heard(CHAPTER, NOON + minutes(60)), heard(NOTHING, NOON + minutes(80))])
    warehouse.settle([user_id])
    shows = warehouse.conn.execute(
        "SELECT kind::text, show, episode_count, play_count, total_ms, first_played_at, last_played_at"
        " FROM user_show_stats WHERE user_id = %s ORDER BY play_count DESC, kind",
        [user_id],
    ).fetchall()
    ends = [NOON + minutes(20 * number) for number in range(5)]
    assert shows == [
        ("EPISODE", "the show", 2, 3, 1_800_000, ends[0], ends[2]),
        ("CHAPTER", "Book", 1, 1, 600_000, ends[3], ends[3]),
        ("UNIDENTIFIED", None, 1, 1, 600_000, ends[4], ends[4]),
    ]
    assert warehouse.conn.execute("SELECT name FROM artists").fetchall() == []
    assert warehouse.conn.execute("SELECT total_play_count FROM users WHERE id = %s", [user_id]).fetchone() == (0,)
