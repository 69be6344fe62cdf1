"""Questions whose answers a person can work out: a few songs, two shows, an audiobook, Spotify's lists, an import."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from myi_pipelines.serving.queries import (
    activity,
    discoveries,
    history,
    imports,
    items,
    listeners,
    music,
    search,
    spotify_lists,
    tops,
)
from myi_pipelines.serving.queries.scope import Days, Listener, Measure, Scope
from myi_pipelines.serving.queries.spotify_lists import Term
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.sources.exports import Kind as Content
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

ZONE = "Asia/Kathmandu"
HIT = Track("1" * 22, "Hit", "One", "Hits")
OLD = Track("2" * 22, "Old", "Two", "First")
REMASTER = Track("3" * 22, "Old - Remastered 2011", "Two", "Best Of")
NEXT = Track("4" * 22, "Next", "Two", "First")
PILOT = Track("5" * 22, "Pilot", "The Show", None, Content.EPISODE)
SECOND = Track("6" * 22, "Second", "The Show", None, Content.EPISODE)
NEWS = Track("7" * 22, "Today", "News", None, Content.EPISODE)
CHAPTER = Track("8" * 22, "Chapter 1", "An Author", "A Book", Content.CHAPTER)
ALL = Days(date(2023, 1, 1), date(2024, 12, 31))
TODAY = date(2024, 12, 1)


def times(
    track: Track, number: int, first: datetime, *, ms: int = 60_000, apart: timedelta = timedelta(days=1)
) -> list[Play]:
    return [Play(track, CONTEXT, ended, ended, ms, None) for ended in (first + apart * one for one in range(number))]


PLAYS = [
    *times(HIT, 12, datetime(2023, 3, 1, 9, tzinfo=UTC)),
    *times(OLD, 6, datetime(2023, 5, 1, 9, tzinfo=UTC)),
    *times(REMASTER, 4, datetime(2024, 11, 1, 9, tzinfo=UTC)),
    *times(NEXT, 5, datetime(2023, 5, 1, 9, 10, tzinfo=UTC), ms=30_000),
    *times(PILOT, 2, datetime(2023, 6, 1, 9, tzinfo=UTC), ms=600_000),
    # 19:00 in UTC is a quarter to one of the next day, and of July, in Kathmandu.
    *times(SECOND, 1, datetime(2023, 6, 30, 19, tzinfo=UTC), ms=300_000),
    *times(NEWS, 2, datetime(2023, 6, 2, 9, tzinfo=UTC), ms=100_000),
    *times(CHAPTER, 1, datetime(2023, 6, 3, 9, tzinfo=UTC), ms=1_000_000),
]


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        user_id = opened.user("anna", ZONE)
        opened.land(user_id, PLAYS, batch_rows=500)
        opened.settle([user_id])
        yield opened


@pytest.fixture
def conn(warehouse: Warehouse) -> Connection:
    return warehouse.conn


@pytest.fixture
def anna(conn: Connection) -> Listener:
    return listeners.find_listener(conn, "anna")


def number_of(conn: Connection, table: str, name: str) -> int:
    [[found]] = conn.execute(f"SELECT id FROM {table} WHERE name = %s".encode(), [name])
    return int(found)


def song_of(conn: Connection, track: Track) -> int:
    [[found]] = conn.execute("SELECT song_id FROM tracks WHERE spotify_id = %s", [track.spotify_id])
    return int(found)


def named(found: list[Any]) -> list[tuple[str, int]]:
    return [(one.name, one.play_count) for one in found]


def test_a_song_has_its_recordings_and_an_artist_the_albums_of_what_was_played(
    conn: Connection, anna: Listener
) -> None:
    assert named(items.recordings(conn, anna, song_of(conn, OLD))) == [("Old", 6), ("Old - Remastered 2011", 4)]
    assert items.recordings(conn, anna, song_of(conn, HIT))[0].album == "Hits"
    two = number_of(conn, "artists", "Two")
    assert named(items.albums_of_artist(conn, anna, two)) == [("First", 11), ("Best Of", 4)]
    by_time = items.albums_of_artist(conn, anna, two, measure=Measure.TIME)
    assert by_time == sorted(by_time, key=lambda one: -one.total_ms)


def test_neighbours_were_played_within_twenty_minutes(conn: Connection, anna: Listener) -> None:
    tracks = items.tracks_of(conn, anna, Kind.SONG, song_of(conn, OLD))
    found = items.neighbours(conn, Scope(anna, ALL), tracks)
    assert [(one.track.name, one.play_count) for one in found] == [("Next", 5)]
    assert items.neighbours(conn, Scope(anna, ALL), items.tracks_of(conn, anna, Kind.SONG, song_of(conn, HIT))) == []


def test_what_is_not_music_is_told_apart_by_kind_show_and_local_day(conn: Connection, anna: Listener) -> None:
    scope = Scope(anna, ALL)
    kinds = {one.kind: (one.play_count, one.total_ms) for one in activity.not_music(conn, scope)}
    assert kinds == {"EPISODE": (5, 1_700_000), "CHAPTER": (1, 1_000_000)}
    june = Scope(anna, Days(date(2023, 6, 1), date(2023, 6, 30)))
    assert sum(one.play_count for one in activity.not_music(conn, june)) == 5  # one was after midnight there
    shows = tops.top_shows(conn, scope)
    assert [(one.rank, one.kind, one.show, one.episode_count, one.play_count) for one in shows] == [
        (1, "EPISODE", "The Show", 2, 3),
        (2, "EPISODE", "News", 1, 2),
        (3, "CHAPTER", "A Book", 1, 1),
    ]
    assert [one.show for one in tops.top_shows(conn, scope, each=1, skip=1)] == ["News"]


def test_a_show_has_a_page_and_its_plays(conn: Connection, anna: Listener) -> None:
    key = tops.top_shows(conn, Scope(anna, ALL))[0].show_key
    assert key is not None
    page = items.show_page(conn, anna, key)
    assert page is not None
    assert (page.show.show, page.show.play_count, page.show.total_ms) == ("The Show", 3, 1_500_000)
    assert [(one.first, one.play_count) for one in page.life][:2] == [(date(2023, 6, 1), 2), (date(2023, 7, 1), 1)]
    plays = history.other_plays(conn, Scope(anna, ALL), show_key=key)
    assert [(one.name, one.show, one.ms_played) for one in plays] == [
        ("Second", "The Show", 300_000),
        ("Pilot", "The Show", 600_000),
        ("Pilot", "The Show", 600_000),
    ]
    further = history.other_plays(conn, Scope(anna, ALL), before=(plays[0].played_at, plays[0].id), show_key=key)
    assert further == plays[1:]
    everything = history.other_plays(conn, Scope(anna, ALL))
    assert [one.played_at for one in everything] == sorted((one.played_at for one in everything), reverse=True)
    assert len(everything) == 6
    assert [(one.show, one.author) for one in everything if one.kind == "CHAPTER"] == [("A Book", "An Author")]


def test_search_finds_shows_by_every_word(conn: Connection, anna: Listener) -> None:
    assert [(one.show, one.play_count) for one in search.search_shows(conn, anna, "SHOW the")] == [("The Show", 3)]
    assert search.search_shows(conn, anna, "show%") == []
    assert search.search_shows(conn, anna, " ") == []


def test_forgotten_is_what_was_played_often_but_not_for_a_year(conn: Connection, anna: Listener) -> None:
    assert named(discoveries.forgotten(conn, anna, TODAY)) == [("Hit", 12)]
    assert named(discoveries.forgotten(conn, anna, TODAY, at_least=5)) == [("Hit", 12), ("Next", 5)]
    assert discoveries.forgotten(conn, anna, date(2023, 12, 1)) == []


def test_a_one_hit_wonder_has_one_song(conn: Connection, anna: Listener) -> None:
    found = discoveries.one_hit_wonders(conn, anna)
    assert [(one.artist.name, one.song.name) for one in found] == [("One", "Hit")]


def test_genres_come_through_artists(conn: Connection, anna: Listener) -> None:
    conn.execute("UPDATE artists SET genres = CASE name WHEN 'One' THEN '{pop}' ELSE '{folk,pop}' END::text[]")
    page = items.genre_page(conn, Scope(anna, Days(date(2023, 5, 1), date(2023, 5, 31))), "folk")
    assert page.ever is not None
    assert page.in_range is not None
    assert (page.ever.rank, page.ever.play_count) == (2, 15)
    assert (page.in_range.rank, page.in_range.play_count) == (1, 11)
    life = {one.first: one.play_count for one in page.life if one.play_count}
    assert life == {date(2023, 5, 1): 11, date(2024, 11, 1): 4}
    assert items.genre_page(conn, Scope(anna, ALL), "jazz").ever is None


def test_the_share_heard_needs_the_length_of_the_track(conn: Connection, anna: Listener) -> None:
    conn.execute("UPDATE tracks SET duration_ms = 120000 WHERE spotify_id = %s", [HIT.spotify_id])
    days, shares = music.share_heard(conn, Scope(anna, Days(date(2023, 3, 1), date(2023, 3, 31))))
    assert days.first <= date(2023, 3, 1)
    assert days.last >= date(2023, 3, 31)
    assert {one.value: one.play_count for one in shares} == {"50% to 75%": 12}


def test_spotifys_lists_say_the_rank_of_an_earlier_day(conn: Connection, anna: Listener) -> None:
    tracks = {
        track.spotify_id: number
        for track in (HIT, OLD)
        for [number] in conn.execute("SELECT id FROM tracks WHERE spotify_id = %s", [track.spotify_id])
    }
    for rank, track in enumerate((OLD, HIT), 1):
        conn.execute(
            "INSERT INTO spotify_top_tracks (user_id, term, rank, track_id) VALUES (%s, 'SHORT_TERM', %s, %s)",
            [anna.id, rank, tracks[track.spotify_id]],
        )
    for day, listed in ((date(2024, 11, 1), (HIT,)), (date(2024, 12, 1), (OLD, HIT))):
        for rank, track in enumerate(listed, 1):
            conn.execute(
                "INSERT INTO spotify_top_track_history (user_id, term, listed_on, rank, spotify_id)"
                " VALUES (%s, 'SHORT_TERM', %s, %s, %s)",
                [anna.id, day, rank, track.spotify_id],
            )
    found = spotify_lists.spotify_list(conn, anna, Kind.TRACK, Term.SHORT, before=TODAY)
    assert [(one.rank, one.item.name, one.rank_before) for one in found] == [(1, "Old", None), (2, "Hit", 1)]
    days = spotify_lists.spotify_list_days(conn, anna, Kind.TRACK, Term.SHORT, ALL)
    assert [(one.day, one.rank, one.item and one.item.name) for one in days] == [
        (date(2024, 11, 1), 1, "Hit"),
        (date(2024, 12, 1), 1, "Old"),
        (date(2024, 12, 1), 2, "Hit"),
    ]
    assert spotify_lists.spotify_list(conn, anna, Kind.ARTIST, Term.LONG, before=TODAY) == []


def test_imports_and_gaps_are_listed(conn: Connection, anna: Listener) -> None:
    [one] = imports.imports(conn, anna)
    assert (one.file_name, one.status, one.total_rows, one.landed_rows, one.is_undone) == (
        "history.json", "COMPLETED", len(PLAYS), len(PLAYS), False,
    )  # fmt: skip
    assert imports.imports(conn, anna, before=one.id) == []
    after, before = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    conn.execute(
        "INSERT INTO possible_gaps (user_id, after, before, found_at) VALUES (%s, %s, %s, %s)",
        [anna.id, after, before, before],
    )
    assert [(gap.after, gap.before) for gap in imports.gaps(conn, anna)] == [(after, before)]


def test_a_merged_track_is_found_under_the_one_that_it_is_the_same_as(conn: Connection) -> None:
    ids = [int(number) for [number] in conn.execute("SELECT id FROM tracks ORDER BY id LIMIT 2")]
    conn.execute("UPDATE tracks SET spotify_id = NULL, merged_into = %s WHERE id = %s", ids)
    assert [items.meant(conn, Kind.TRACK, number) for number in ids] == [ids[0], ids[0]]
    assert items.meant(conn, Kind.ALBUM, ids[1]) == ids[1]
