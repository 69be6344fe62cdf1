"""Payloads of tracks, albums and artists: how they land, and what the catalog derives from them, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.spotify_payloads import ObjectType, SpotifyObject, land_objects, land_search
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

A, B, C = (spotify_id(letter) for letter in "abc")
QUEEN, OTHER_QUEEN, BOWIE = (
    {"id": letter * 22, "name": name} for letter, name in zip("stu", ("Queen", "QUEEN", "Bowie"), strict=True)
)
ALBUM: Mapping[str, Any] = {
    "id": spotify_id("v"),
    "name": "Album",
    "artists": [QUEEN],
    "images": [{"url": "https://i.example/large", "width": 640}, {"url": "https://i.example/small", "width": 64}],
    "release_date": "1981-10-26",
}
ENDED = datetime(2021, 5, 5, 12, 0, tzinfo=UTC)


def track(track_id: str, name: str = "Song", *artists: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": track_id,
        "name": name,
        "artists": list(artists or (QUEEN,)),
        "album": ALBUM,
        "duration_ms": 200_000,
        "external_ids": {"isrc": "GBUM71029604"},
        **fields,
    }


class Harness:
    """The warehouse of one user. ``settle`` derives everything and checks the invariants."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.conn = warehouse.conn
        self.user_id = warehouse.user("ada", "UTC")

    def land(self, object_type: ObjectType, asked_id: str, payload: Mapping[str, Any] | None) -> int:
        return land_objects(self.conn, [SpotifyObject(object_type, asked_id, payload)])

    def play(self, track_id: str | None, name: str, artist: str, album: str | None = "Album", *, days: int = 0) -> None:
        ended = ENDED + timedelta(days=days)
        context = ACCOUNT if track_id is None else CONTEXT
        play = Play(Track(track_id, name, artist, album), context, ended, ended, 60_000)
        self.warehouse.land(self.user_id, [play])

    def settle(self) -> None:
        self.warehouse.settle([self.user_id])
        self.warehouse.sync()
        assert [str(violation) for violation in invariants.check(self.conn)] == []

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.conn.execute(query.encode(), parameters).fetchall()

    def artists(self) -> list[tuple[Any, ...]]:
        """The name, id and plays of each artist."""
        return self.rows(
            "SELECT name, spotify_id, coalesce(play_count, 0)::integer FROM artists"
            ' LEFT JOIN user_artist_stats ON artist_id = id ORDER BY name COLLATE "C", spotify_id'
        )

    def albums(self) -> list[tuple[Any, ...]]:
        """The name, id and plays of each album; that of tracks without one last."""
        return self.rows(
            "SELECT name, spotify_id, play_count::integer FROM user_album_stats LEFT JOIN albums ON album_id = id"
            ' ORDER BY name COLLATE "C" NULLS LAST, spotify_id'
        )


@pytest.fixture
def harness(database_url: str) -> Iterator[Harness]:
    with open_warehouse(database_url) as warehouse:
        yield Harness(warehouse)


# ── Landing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def payload_of(harness: Harness, object_type: str, one: str) -> Any:
    [[payload]] = harness.rows(
        "SELECT payload FROM spotify_objects WHERE (object_type, spotify_id) = (%s, %s)", object_type, one
    )
    return payload


def test_what_postgres_cannot_store_is_left_out(harness: Harness) -> None:
    odd = {"name": "a\0b\ud800", "infinite": float("inf"), "a\0field": 1, "external_ids": {"\0": "x", "isrc": "i\0"}}
    land_objects(harness.conn, [SpotifyObject("track", "odd", {"id": "odd", **odd})])
    assert payload_of(harness, "track", "odd") == {"name": "ab?", "external_ids": {"isrc": "i"}}


def test_objects_that_a_payload_mentions_land_too(harness: Harness) -> None:
    assert harness.land("track", A, track(A, "Song", QUEEN, BOWIE)) == 4
    assert harness.rows("SELECT object_type, spotify_id, is_full FROM spotify_objects ORDER BY 1, 2") == [
        ("album", ALBUM["id"], False),
        ("artist", QUEEN["id"], False),
        ("artist", BOWIE["id"], False),
        ("track", A, True),
    ]
    assert payload_of(harness, "track", A)["album"] == ALBUM["id"]


def test_landing_the_same_payload_again_writes_nothing(harness: Harness) -> None:
    harness.land("track", A, track(A))
    harness.settle()
    assert harness.land("track", A, track(A, popularity=77, available_markets=["NZ"])) == 0
    assert harness.rows("SELECT count(*) FROM pending_spotify_objects") == [(0,)]


def test_a_field_missing_from_a_reply_erases_nothing(harness: Harness) -> None:
    harness.land("track", A, track(A, preview_url="https://p.example"))
    harness.land("track", A, track(A, external_ids=None, preview_url=None, duration_ms=201_000))
    kept = payload_of(harness, "track", A)
    assert (kept["external_ids"], kept["preview_url"], kept["duration_ms"]) == (
        {"isrc": "GBUM71029604"}, "https://p.example", 201_000,
    )  # fmt: skip


def test_a_mention_replaces_no_value_of_the_full_object(harness: Harness) -> None:
    harness.land("artist", QUEEN["id"], {**QUEEN, "images": [{"url": "https://i.example"}], "genres": ["rock"]})
    harness.land("track", A, track(A, "Song", {**QUEEN, "name": "Queen (mentioned)"}))
    assert payload_of(harness, "artist", QUEEN["id"])["name"] == "Queen"
    harness.settle()
    assert harness.rows("SELECT name, genres, image_url FROM artists") == [("Queen", ["rock"], "https://i.example")]


def test_a_gone_object_keeps_its_payload_until_a_full_reply(harness: Harness) -> None:
    harness.land("track", A, track(A))
    harness.land("track", A, None)
    gone = "SELECT is_gone, payload ->> 'name' FROM spotify_objects WHERE spotify_id = %s"
    assert harness.rows(gone, A) == [(True, "Song")]
    harness.land("album", ALBUM["id"], {**ALBUM, "tracks": {"items": [track(A)]}})
    assert harness.rows(gone, A) == [(True, "Song")]
    harness.land("track", A, track(A))
    assert harness.rows(gone, A) == [(False, "Song")]
    harness.land("track", B, None)
    assert harness.rows(gone, B) == [(True, None)]


@pytest.mark.parametrize(
    "strange",
    [
        {"name": None}, {"name": 7}, {"name": "nul \0 \ud800"},
        {"artists": None}, {"artists": [None, 3, {"name": "No id", "id": None}]},
        {"artists": [{"id": "x", "name": "X", "images": "no"}]},
        {"album": None}, {"album": "text"}, {"album": {"id": None, "name": ""}},
        {"album": {**ALBUM, "images": [None, {"url": 3}]}},
        {"duration_ms": 0}, {"duration_ms": "x"}, {"duration_ms": 10**12}, {"duration_ms": True},
        {"external_ids": []}, {"preview_url": 5}, {"tracks": {"items": 5}},
    ],
)  # fmt: skip
def test_fields_of_wrong_types_do_no_harm(harness: Harness, strange: dict[str, Any]) -> None:
    harness.play(A, "Song", "Queen")
    harness.land("track", A, {**track(A), **strange})
    harness.settle()
    assert harness.rows("SELECT count(*) FROM tracks") == [(1,)]


# ── Artists and albums ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_provisional_artist_gets_its_id_and_keeps_its_key(harness: Harness) -> None:
    harness.play(A, "Song", "queen")
    harness.play(B, "Other", "queen", days=1)
    harness.settle()
    before = harness.rows("SELECT id FROM artists")
    harness.land("track", A, track(A, "Song", QUEEN, BOWIE))
    harness.settle()
    assert harness.artists() == [("Bowie", BOWIE["id"], 1), ("Queen", QUEEN["id"], 2)]
    assert harness.rows("SELECT id FROM artists WHERE spotify_id = %s", QUEEN["id"]) == before
    positions = "SELECT position FROM track_artists JOIN tracks ON id = track_id WHERE spotify_id = %s ORDER BY 1"
    assert harness.rows(positions, A) == [(0,), (1,)]


@pytest.mark.parametrize("first", [0, 1])
def test_two_artists_of_one_name_stay_two(harness: Harness, first: int) -> None:
    for days, one in enumerate((A, B, C)):
        harness.play(one, f"Song {days}", "Queen", days=days)
    harness.settle()
    replies = [(A, QUEEN), (B, OTHER_QUEEN)]
    for one, artist in (replies[first], replies[1 - first]):
        harness.land("track", one, track(one, "Song", artist))
        harness.settle()
    # The third track, which has no payload, goes to the one with the least id, whichever came first.
    assert harness.artists() == [("QUEEN", OTHER_QUEEN["id"], 1), ("Queen", QUEEN["id"], 2)]


def test_the_old_name_of_a_renamed_artist_becomes_a_provisional_artist(harness: Harness) -> None:
    harness.play(A, "Song", "Queen")
    harness.play(B, "Other", "Queen", days=1)
    harness.land("track", A, track(A))
    harness.settle()
    harness.land("artist", QUEEN["id"], {**QUEEN, "name": "Queen + Adam Lambert", "images": []})
    harness.settle()
    assert harness.artists() == [("Queen", None, 1), ("Queen + Adam Lambert", QUEEN["id"], 1)]


def test_an_artist_who_gets_the_name_of_a_provisional_artist_replaces_it(harness: Harness) -> None:
    harness.land("artist", QUEEN["id"], {**QUEEN, "name": "Smile", "images": []})
    harness.play(A, "Song", "Queen")
    harness.settle()
    assert harness.artists() == [("Queen", None, 1), ("Smile", QUEEN["id"], 0)]
    harness.land("artist", QUEEN["id"], {**QUEEN, "images": []})
    harness.settle()
    assert harness.artists() == [("Queen", QUEEN["id"], 1)]


def test_a_play_counts_once_for_each_genre_of_its_artists(harness: Harness) -> None:
    harness.play(A, "Song", "Queen")
    harness.play(A, "Song", "Queen", days=1)
    harness.play(B, "Other", "Queen", days=2)
    harness.play(None, "Unknown to Spotify", "Nobody", None, days=3)
    harness.land("track", A, track(A, "Song", QUEEN, BOWIE))
    harness.land("track", B, track(B, "Other"))
    for artist, genres in ((QUEEN, ["rock", "glam"]), (BOWIE, ["art pop", "rock"])):
        harness.land("artist", str(artist["id"]), {**artist, "images": [], "genres": genres})
    harness.settle()
    assert harness.rows("SELECT * FROM top_genres(%s)", harness.user_id) == [
        ("glam", 3, 180_000),
        ("rock", 3, 180_000),
        ("art pop", 2, 120_000),
    ]
    assert harness.rows("SELECT genre FROM top_genres(%s, 1)", harness.user_id) == [("glam",)]
    by_month = "SELECT name, month::text, m.play_count FROM user_artist_months m JOIN artists ON id = artist_id"
    assert sorted(harness.rows(by_month)) == [
        ("Bowie", "2021-05-01", 2),
        ("Nobody", "2021-05-01", 1),
        ("Queen", "2021-05-01", 3),
    ]
    of_albums = "SELECT album_id <> 0, play_count FROM user_album_months ORDER BY 1 DESC"
    assert harness.rows(of_albums) == [(True, 3), (False, 1)]


def test_a_track_that_is_on_another_album_takes_its_plays_there_at_once(harness: Harness) -> None:
    harness.play(A, "Song", "Queen", "Single")
    harness.play(B, "Other", "Queen", "Single", days=1)
    harness.play(None, "No album", "Queen", None, days=2)
    harness.settle()
    assert harness.albums() == [("Single", None, 2), (None, None, 1)]
    harness.land("track", A, track(A))
    harness.warehouse.sync()
    assert harness.albums() == [("Album", ALBUM["id"], 1), ("Single", None, 1), (None, None, 1)]
    first, second = ENDED, ENDED + timedelta(days=1)
    assert harness.rows("SELECT first_played_at, last_played_at FROM user_album_stats ORDER BY last_played_at") == [
        (first, first), (second, second), (second + timedelta(days=1), second + timedelta(days=1)),
    ]  # fmt: skip


def test_plays_of_merged_tracks_are_on_the_album_of_the_track_that_is_kept_at_once(harness: Harness) -> None:
    harness.play(A, "Song", "Queen", "Single")
    harness.play(B, "Song", "Queen", "Album", days=1)
    harness.play(None, "Song", "Queen", None, days=60)
    harness.settle()
    assert harness.albums() == [("Album", None, 1), ("Single", None, 1), (None, None, 1)]
    harness.land("track", A, track(B))
    harness.warehouse.sync()
    assert harness.albums() == [("Album", ALBUM["id"], 2), (None, None, 1)]
    [keys] = harness.rows("SELECT name_key('Song'), name_key('Queen')")
    land_search(harness.conn, keys, SpotifyObject("track", B, track(B)), ENDED)
    harness.warehouse.sync()
    assert harness.albums() == [("Album", ALBUM["id"], 3)]
    harness.settle()
    assert harness.albums() == [("Album", ALBUM["id"], 3)]


def test_a_provisional_album_gets_its_id_and_albums_of_one_name_stay_separate(harness: Harness) -> None:
    for days, one in enumerate((A, B, C)):
        harness.play(one, f"Song {days}", "Queen", "ALBUM", days=days)
    harness.settle()
    before = harness.rows("SELECT id FROM albums")
    reissue = {**ALBUM, "id": spotify_id("w")}
    harness.land("track", B, track(B, album=reissue))
    harness.settle()
    assert harness.rows("SELECT id, spotify_id, image_url, release_date FROM albums") == [
        (before[0][0], reissue["id"], "https://i.example/large", "1981-10-26")
    ]
    harness.land("track", A, track(A))
    harness.settle()
    on = "SELECT t.spotify_id, a.spotify_id FROM tracks t JOIN albums a ON a.id = album_id ORDER BY t.spotify_id"
    assert harness.rows(on) == [(A, ALBUM["id"]), (B, reissue["id"]), (C, ALBUM["id"])]


# ── Tracks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_polled_track_gets_its_names_from_its_payload_and_matches_account_data(harness: Harness) -> None:
    harness.play(None, "Song", "Queen")
    harness.warehouse.poll(harness.user_id, [Polled(A, ENDED + timedelta(seconds=30), 200_000)])
    harness.settle()
    assert harness.rows("SELECT total_play_count FROM users") == [(2,)]
    harness.land("track", A, track(A))
    harness.settle()
    assert harness.rows("SELECT total_play_count, total_listening_ms FROM users") == [(1, 60_000)]
    assert harness.rows("SELECT name, duration_ms, isrc FROM tracks WHERE spotify_id = %s", A) == [
        ("Song", 200_000, "GBUM71029604")
    ]


def test_relinked_ids_become_one_track_and_its_events_keep_their_ids(harness: Harness) -> None:
    harness.play(A, "Song", "Queen")
    harness.play(B, "Song", "Queen", days=40)
    harness.warehouse.poll(harness.user_id, [Polled(C, ENDED + timedelta(days=80), 200_000)])
    harness.settle()
    events = harness.rows("SELECT id, created_at FROM listening_events ORDER BY id")
    harness.land("track", B, track(C))
    harness.settle()
    harness.land("track", B, track(A))
    harness.settle()
    assert harness.rows("SELECT spotify_id FROM tracks") == [(B,)]
    assert harness.rows("SELECT spotify_id FROM track_aliases ORDER BY 1") == [(A,), (C,)]
    assert harness.rows("SELECT play_count FROM user_track_stats") == [(3,)]
    assert harness.rows("SELECT id, created_at FROM listening_events ORDER BY id") == events


def test_a_track_of_a_top_list_is_in_the_catalog_without_plays(harness: Harness) -> None:
    harness.land("track", A, track(A))
    harness.land("album", ALBUM["id"], {**ALBUM, "tracks": {"items": [track(B, album=None)]}})
    harness.warehouse.sync()
    assert harness.rows("SELECT spotify_id FROM tracks") == [(A,)]  # but not all that an album has


def test_an_albums_payload_adds_its_tracks(harness: Harness) -> None:
    harness.play(A, "Song", "Queen")
    harness.land("album", ALBUM["id"], {**ALBUM, "tracks": {"items": [track(A, "SONG!", BOWIE, album=None)]}})
    harness.settle()
    assert harness.rows("SELECT t.name, a.spotify_id FROM tracks t JOIN albums a ON a.id = album_id") == [
        ("SONG!", ALBUM["id"])
    ]
    assert harness.artists() == [("Bowie", BOWIE["id"], 1), ("Queen", QUEEN["id"], 0)]


def test_a_search_gives_account_data_its_id(harness: Harness) -> None:
    harness.play(None, "Song", "Queen")
    harness.play(None, "Song (live)", "Queen", days=1)
    harness.settle()
    before = harness.rows("SELECT id FROM tracks WHERE name = 'Song'")
    for name in ("Song", "Song (live)"):
        [keys] = harness.conn.execute("SELECT name_key(%s), name_key('Queen')", [name]).fetchall()
        assert land_search(harness.conn, keys, SpotifyObject("track", A, track(A)), ENDED)
        assert land_search(harness.conn, keys, None, ENDED)
    harness.settle()
    assert harness.rows("SELECT id, spotify_id FROM tracks") == [(before[0][0], A)]
    assert harness.rows("SELECT play_count FROM user_track_stats") == [(2,)]


def test_concurrent_payloads_plays_and_syncs_end_like_sequential_ones(harness: Harness, database_url: str) -> None:
    ids = [f"{number:022}" for number in range(40)]

    def land(share: int) -> None:
        with open_warehouse(database_url) as mine:
            for number, one in enumerate(ids):
                if number % 4 == share:
                    returned = ids[(number + 7) % 40] if number % 5 == 0 else one
                    artist = (QUEEN, OTHER_QUEEN, BOWIE)[number % 3]
                    land_objects(mine.conn, [SpotifyObject("track", one, track(returned, f"Song {number}", artist))])
                    mine.sync()

    def listen(share: int) -> None:
        with open_warehouse(database_url) as mine:
            user_id = mine.user(f"listener-{share}", "UTC")
            for batch in range(6):
                plays = []
                for number, one in enumerate(ids):
                    ended = ENDED + timedelta(days=11 * batch, minutes=5 * number)
                    plays.append(Play(Track(one, f"Song {number}", "Queen", "Album"), CONTEXT, ended, ended, 60_000))
                mine.land(user_id, plays)
                mine.settle([user_id])

    with ThreadPoolExecutor(6) as pool:
        for one in [
            *[pool.submit(land, share) for share in range(4)],
            *[pool.submit(listen, share) for share in range(2)],
        ]:
            one.result(timeout=120)
    user_ids = [user_id for (user_id,) in harness.rows("SELECT id FROM users")]
    harness.warehouse.settle(user_ids)
    harness.warehouse.sync()
    assert [str(violation) for violation in invariants.check(harness.conn)] == []
    assert harness.rows("SELECT count(*) FROM tracks") == [
        (40 - harness.rows("SELECT count(*) FROM track_aliases")[0][0],)
    ]
    assert harness.rows("SELECT total_play_count FROM users WHERE name <> 'ada'") == [(240,), (240,)]
    followed = "SELECT count(*) FROM track_artists JOIN artists ON id = artist_id WHERE spotify_id IS NULL"
    assert harness.rows(followed) == [(0,)]
