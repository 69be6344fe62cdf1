"""Which tracks are one song, which song stays when they join and part; sums by song are exact at each commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myi_pipelines.operations import correcting, verify
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import invariants, personal_data
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

A, B, C, D = (spotify_id(letter) for letter in "abcd")
ENDED = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
BAND = {"id": spotify_id("s"), "name": "Band"}
ISRC, OTHER_ISRC = "GBUM71029604", "USRC17607839"


class Listener:
    """A listener whose plays are an hour apart, and who is at rest after each step."""

    def __init__(self, warehouse: Warehouse, name: str = "ada") -> None:
        self.warehouse = warehouse
        self.conn = warehouse.conn
        self.id = warehouse.user(name, "UTC")
        self.plays = 0

    def hears(
        self, track_id: str | None, name: str, artist: str | None = "Band", album: str = "Album", times: int = 1
    ) -> None:
        plays = []
        for _ in range(times):
            self.plays += 1
            ended = ENDED + timedelta(hours=self.plays)
            context = CONTEXT if track_id else ACCOUNT
            plays.append(
                Play(Track(track_id, name, artist, album if track_id else None), context, ended, ended, 200_000)
            )
        self.warehouse.land(self.id, plays)
        self.settle()

    def learns(self, track_id: str, name: str, artist: Mapping[str, str] = BAND, isrc: str | None = None) -> None:
        """Spotify's payload of a track lands."""
        payload: dict[str, Any] = {"id": track_id, "name": name, "artists": [artist], "duration_ms": 200_000}
        payload |= {"album": {"id": spotify_id("v"), "name": "Album", "artists": [artist]}}
        land_objects(self.conn, [SpotifyObject("track", track_id, payload | {"external_ids": {"isrc": isrc}})])
        self.warehouse.sync()
        assert [str(violation) for violation in invariants.check(self.conn)] == []
        self.settle()

    def settle(self) -> None:
        self.warehouse.settle([self.id])
        assert [str(violation) for violation in invariants.check(self.conn)] == []
        assert verify.verify(self.warehouse.session()).differences == []

    @property
    def songs(self) -> list[tuple[str, int, int]]:
        """Name, recordings and plays, the most played first."""
        return self.rows(
            "SELECT name, recordings, play_count::integer FROM top_songs(%s) ORDER BY play_count DESC, name", self.id
        )

    def song_of(self, *track_ids: str) -> list[int]:
        rows = dict(self.rows("SELECT spotify_id, song_id FROM tracks"))
        return [rows[track_id] for track_id in track_ids]

    def rows(self, query: str, *parameters: object) -> list[Any]:
        return self.conn.execute(query.encode(), parameters).fetchall()


@pytest.fixture
def ada(database_url: str) -> Iterator[Listener]:
    with open_warehouse(database_url) as warehouse:
        yield Listener(warehouse)


def test_one_song_on_three_releases_is_first_with_its_recordings_below_it(ada: Listener) -> None:
    ada.hears(A, "Alder", album="Alder - Single", times=5)
    ada.hears(B, "Alder - Remastered 2011", album="Low Tide", times=4)
    ada.hears(C, "Alder (feat. Guest)", album="Low Tide (Deluxe)", times=3)
    ada.hears(D, "Birch", times=6)
    assert ada.songs == [("Alder", 3, 12), ("Birch", 1, 6)]
    [song_id] = set(ada.song_of(A, B, C))
    asked = "SELECT name, album, play_count::integer FROM recordings_of_song(%s, %s, %s)"
    below = [
        ("Alder", "Alder - Single", 5),
        ("Alder - Remastered 2011", "Low Tide", 4),
        ("Alder (feat. Guest)", "Low Tide (Deluxe)", 3),
    ]
    assert ada.rows(asked, ada.id, song_id, None) == ada.rows(asked, ada.id, song_id, 2024) == below
    of_year = "SELECT name, recordings, play_count::integer FROM top_songs_of_year(%s, 2024)"
    of_month = "SELECT name, recordings, play_count::integer FROM top_songs_of_month(%s, '2024-05-20')"
    assert ada.rows(of_year, ada.id) == ada.rows(of_month, ada.id) == ada.songs
    assert ada.rows("SELECT name FROM top_tracks(%s)", ada.id) == [("Birch",), *((name,) for name, *_ in below)]


def test_account_data_joins_the_song_of_its_names_at_once(ada: Listener) -> None:
    ada.hears(None, "ALDER", times=2)
    ada.hears(A, "Alder", times=3)
    ada.hears(None, "Alder (feat. Guest)")
    assert ada.songs == [("Alder", 3, 6)]


def test_versions_and_other_artists_stay_apart(ada: Listener) -> None:
    ada.hears(A, "Alder", times=2)
    ada.hears(B, "Alder - Live at Home")
    ada.hears(C, "Alder", artist="Another Band")
    assert [(recordings, plays) for _, recordings, plays in ada.songs] == [(1, 2), (1, 1), (1, 1)]


def test_the_least_song_stays_when_songs_join_and_the_least_track_keeps_it_when_they_part(ada: Listener) -> None:
    ada.hears(A, "Yoru")
    ada.hears(B, "Into the Night", times=2)
    ada.hears(C, "夜", times=3)
    first, second, third = ada.song_of(A, B, C)
    assert first < second < third
    ada.learns(C, "夜", isrc=ISRC)
    ada.learns(B, "Into the Night", isrc="gb-um7-10-29604")
    assert ada.song_of(A, B, C) == [first, second, second]
    ada.learns(A, "Yoru", isrc=ISRC)
    assert ada.song_of(A, B, C) == [first, first, first]
    assert ada.songs == [("夜", 3, 6)]
    assert ada.rows("SELECT count(*) FROM songs") == [(1,)]
    ada.learns(A, "Yoru", isrc=OTHER_ISRC)
    [kept, new, also_new] = ada.song_of(A, B, C)
    assert kept == first
    assert new == also_new
    assert new not in (first, second, third)
    assert ada.songs == [("夜", 2, 5), ("Yoru", 1, 1)]


def test_a_track_with_names_of_two_songs_makes_them_one(ada: Listener) -> None:
    ada.hears(A, "Alder")
    ada.hears(B, "Birch")
    ada.hears(C, "Alder")
    assert len(set(ada.song_of(A, B, C))) == 2
    ada.hears(C, "Birch")
    assert ada.songs == [("Birch", 3, 4)]
    assert ada.song_of(A) == ada.song_of(B) == ada.song_of(C)


def test_various_artists_counts_only_while_a_track_has_no_other_artist(ada: Listener) -> None:
    ada.hears(A, "Intro", artist="Various Artists")
    ada.hears(B, "Intro", artist="VARIOUS  artists")
    ada.hears(None, "Intro", artist="Various Artists")
    assert ada.songs == [("Intro", 3, 3)]
    ada.hears(B, "Intro", artist="Band")
    assert sorted(ada.songs) == [("Intro", 1, 2), ("Intro", 2, 2)]
    ada.learns(A, "Intro")
    assert ada.song_of(A) == ada.song_of(B)
    assert sorted(ada.songs) == [("Intro", 1, 1), ("Intro", 2, 3)]


def test_a_polled_track_without_a_name_is_a_song_of_its_own_until_it_has_one(ada: Listener) -> None:
    ada.hears(None, "Alder", times=2)
    ada.warehouse.poll(ada.id, [Polled(A, ENDED - timedelta(days=3), 200_000)])
    ada.settle()
    assert ada.songs == [("Alder", 1, 2), (A, 1, 1)]
    ada.learns(A, "Alder - Mono")
    assert ada.songs == [("Alder", 2, 3)]


@pytest.mark.parametrize("is_polled", [True, False], ids=["polled", "imported"])
def test_a_new_track_has_the_song_of_a_payload_that_landed_before(ada: Listener, *, is_polled: bool) -> None:
    """The track list of an album names tracks that nobody has played."""
    ada.hears(A, "Alder", times=2)
    listed = {"id": B, "name": "Alder", "artists": [BAND], "duration_ms": 200_000}
    album = {"id": spotify_id("v"), "name": "Low Tide", "artists": [BAND], "tracks": {"items": [listed]}}
    land_objects(ada.conn, [SpotifyObject("album", spotify_id("v"), album)])
    ada.settle()
    if is_polled:
        ada.warehouse.poll(ada.id, [Polled(B, ENDED + timedelta(days=3), 200_000)])
        ada.settle()
    else:
        ada.hears(B, "Another Title")
    assert ada.songs == [("Alder", 2, 3)]


def test_a_title_without_an_artist_is_shown_where_there_is_no_other(ada: Listener) -> None:
    ada.hears(A, "Alder", artist=None)
    assert ada.songs == [("Alder", 1, 1)]
    ada.hears(A, "Elder", artist=None)
    assert ada.rows("SELECT name, artist FROM songs") == [("Elder", None)]
    ada.hears(A, "Alder, a longer title")
    assert ada.rows("SELECT name, artist FROM songs") == [("Alder, a longer title", "Band")]


def test_two_plays_become_one_when_their_tracks_prove_to_be_one_song(ada: Listener) -> None:
    ended = ENDED.replace(second=20)
    ada.warehouse.land(ada.id, [Play(Track(A, "Yoru", "Band", None), CONTEXT, ended, ended, 200_000)])
    minute = [Play(Track(None, "Night", "Band", None), ACCOUNT, ENDED, ENDED, 170_000)]
    ada.warehouse.land(ada.id, minute)
    ada.hears(B, "Night")
    assert ada.songs == [("Night", 2, 2), ("Yoru", 1, 1)]
    ada.learns(A, "Yoru", isrc=ISRC)
    ada.learns(B, "Night", isrc=ISRC)
    assert ada.songs == [("Yoru", 2, 2)], "the extended row tells what account data calls otherwise"
    ada.learns(B, "Night", isrc=OTHER_ISRC)
    assert ada.songs == [("Night", 2, 2), ("Yoru", 1, 1)]


def test_the_sums_of_all_listeners_follow_in_the_transaction_that_joins_songs(ada: Listener) -> None:
    bob = Listener(ada.warehouse, "bob")
    for one in (ada, bob):
        one.hears(A, "Yoru", times=2)
        one.hears(B, "Night")
    ada.learns(A, "Yoru", isrc=ISRC)
    with ada.conn.transaction():
        payload = {"id": B, "name": "Night", "artists": [BAND], "external_ids": {"isrc": ISRC}}
        land_objects(ada.conn, [SpotifyObject("track", B, payload)])
    ada.warehouse.sync()
    assert ada.songs == bob.songs == [("Yoru", 2, 3)]
    of_year = "SELECT name, play_count::integer FROM top_songs_of_year(%s, 2024)"
    assert ada.rows(of_year, ada.id) == ada.rows(of_year, bob.id) == [("Yoru", 3)]
    assert [str(violation) for violation in invariants.check(ada.conn)] == []


def test_corrections_join_and_split_for_everybody_until_their_user_is_forgotten(ada: Listener) -> None:
    bob = Listener(ada.warehouse, "bob")
    for one in (ada, bob):
        one.hears(A, "Yoru")
        one.hears(None, "Night")
        one.hears(B, "Night (Remastered)")
    session = ada.warehouse.session()
    correcting.join_songs(session, bob.id, [{"spotify_id": A}, {"track": "night", "artist": "BAND"}])
    ada.settle()
    assert ada.songs == bob.songs == [("Yoru", 3, 3)]
    correcting.split_song(session, bob.id, {"spotify_id": B})
    ada.settle()
    assert ada.songs == bob.songs == [("Yoru", 2, 2), ("Night (Remastered)", 1, 1)]
    ada.hears(C, "Night - 2011 Remaster")
    assert ada.song_of(C) == ada.song_of(A), "a track that comes later follows its names"
    personal_data.forget_user(ada.conn, bob.id)
    ada.settle()
    assert ada.songs == [("Night", 3, 3), ("Yoru", 1, 1)]
    assert ada.rows("SELECT count(*) FROM corrected_song_keys") == [(0,)]


def test_a_correction_waits_for_the_tracks_that_it_names(ada: Listener) -> None:
    correcting.join_songs(ada.warehouse.session(), ada.id, [{"spotify_id": A}, {"spotify_id": B}])
    ada.hears(A, "Yoru")
    ada.hears(B, "Night")
    assert ada.songs == [("Yoru", 2, 2)]
