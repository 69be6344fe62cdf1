"""Genres, release dates and lengths from the simulated MusicBrainz: who is asked for, in how few calls, and what that
makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from urllib.parse import quote_plus
from uuid import UUID

import pytest

from myi_pipelines.operations import verify
from myi_pipelines.simulator import Simulator
from myi_pipelines.simulator.world import NAMESAKES, Track
from myi_pipelines.sources.musicbrainz.client import Length
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.musicbrainz import (
    REFRESH_AFTER,
    RETRY_AFTER,
    genre_coverage,
    land_artist,
    land_search,
    wanted_artists,
)
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines_tests.support.musicbrainz_fixtures import GenreHarness, open_genre_harness

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(simulator: Simulator, database_url: str, redis_url: str) -> Iterator[GenreHarness]:
    with open_genre_harness(simulator, database_url, redis_url) as opened:
        yield opened


def differences(harness: GenreHarness) -> list[tuple[str, str]]:
    """What `myi verify` says of the catalog."""
    return harness.warehouse.conn.execute(statement("verify/catalog")).fetchall()


def test_artists_get_the_genres_that_most_people_voted_for(harness: GenreHarness) -> None:
    artists = harness.known_artists(5)
    for artist in artists:
        harness.play(harness.tracks_of(artist, 3))

    done = harness.fetch()

    assert (done.found, done.not_found, done.failed, done.stopped) == (5, 0, 0, None)
    assert harness.genres() == {artist.name: harness.voted(artist) for artist in artists}
    assert done.calls == len(harness.requests())
    assert {one.source for one in genre_coverage(harness.warehouse.conn)} == {"MusicBrainz"}
    assert differences(harness) == []
    assert harness.fetch().calls == 0, "nothing is asked twice"


def test_an_isrc_finds_an_artist_in_one_call(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    track = next(one for one in harness.tracks_of(artist, 3) if harness.open_music.of_isrc(one.isrc))
    harness.play([track])
    harness.tell([track])

    assert harness.fetch().calls == 2

    assert harness.genres()[artist.name] == harness.voted(artist)
    assert [one.path.split("/")[3] for one in harness.requests()] == ["isrc", "artist"], "Spotify told the date"


def test_the_most_played_artist_comes_first_and_the_limit_counts_calls(harness: GenreHarness) -> None:
    artists = harness.known_artists(3)
    for times, artist in enumerate(artists, 1):
        harness.play(harness.tracks_of(artist, 3), times)

    done = harness.fetch(limit=1)

    assert done.found == 1
    assert done.stopped == f"{done.calls} calls were made"
    assert [name for name, genres in harness.genres().items() if genres] == [artists[-1].name]
    assert harness.fetch().found == 2


def test_a_killed_run_goes_on_where_it_was(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    harness.play(harness.tracks_of(artist, 3))
    harness.settle()
    [wanted] = wanted_artists(harness.warehouse.conn, harness.moment, 10)
    [mbid] = [one.mbid for one in harness.open_music.artists.values() if one.name == artist.name]

    land_search(harness.warehouse.conn, wanted.key, UUID(mbid), harness.moment)  # and then it was killed

    assert harness.fetch().calls == 3, "who the artist is was known"
    assert harness.genres()[artist.name] == harness.voted(artist)


def test_what_is_not_found_is_asked_for_again_after_months(harness: GenreHarness) -> None:
    known = {one.name for one in harness.open_music.artists.values()}
    unknown = next(one for one in harness.world.artists.values() if one.name not in known and one.fame > 0)
    harness.play(harness.tracks_of(unknown, 2))

    assert harness.fetch().not_found == 1
    assert harness.genres() == {unknown.name: []}

    harness.moment += timedelta(days=179)
    assert harness.fetch().calls == 0
    harness.moment += timedelta(days=2)
    assert harness.fetch().not_found == 1


def test_genres_and_albums_are_fetched_again_after_a_year(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    harness.play(harness.tracks_of(artist, 3))
    harness.fetch()
    harness.moment += timedelta(days=366)
    assert (harness.fetch().calls, harness.fetch().calls) == (3, 0)


def test_spotifys_genres_are_never_replaced(harness: GenreHarness) -> None:
    first, second = harness.known_artists(2)
    tracks = [*harness.tracks_of(first, 1), *harness.tracks_of(second, 1)]
    harness.play(tracks)
    harness.tell(tracks)
    conn = harness.warehouse.conn
    land_objects(conn, [SpotifyObject("artist", first.id, {"id": first.id, "name": first.name, "genres": ["sung"]})])
    harness.settle()

    assert harness.fetch().found == 1, "only the other one is asked for"
    assert harness.genres() == {first.name: ["sung"], second.name: harness.voted(second)}

    land_objects(conn, [SpotifyObject("artist", second.id, {"id": second.id, "name": second.name, "genres": ["told"]})])
    harness.settle()
    assert harness.genres()[second.name] == ["told"], "Spotify tells them later"
    assert differences(harness) == []


def test_a_portrait_that_spotify_tells_later_leaves_the_genres(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    tracks = harness.tracks_of(artist, 1)
    harness.play(tracks)
    harness.tell(tracks)
    harness.fetch()

    portrait = {"id": artist.id, "name": artist.name, "images": [{"url": "https://i.example/portrait"}]}
    land_objects(harness.warehouse.conn, [SpotifyObject("artist", artist.id, portrait)])
    harness.is_settled = False

    assert harness.genres()[artist.name] == harness.voted(artist)
    shown = harness.warehouse.conn.execute("SELECT image_url FROM artists WHERE genres <> '{}'").fetchall()
    assert shown == [("https://i.example/portrait",)]


def test_a_name_that_two_artists_have_means_neither_of_them(harness: GenreHarness) -> None:
    name, style = NAMESAKES[-1]
    namesakes = [one for one in harness.world.artists.values() if one.name == name]
    later = next(one for one in namesakes if one.style == style)
    harness.play(harness.tracks_of(later, 3))

    done = harness.fetch()

    assert (done.found, done.not_found) == (0, 1)
    assert harness.genres() == {name: []}


def test_an_artist_found_by_name_loses_genres_when_a_namesake_appears(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    tracks = harness.tracks_of(artist, 3)
    harness.play(tracks)
    harness.fetch()
    harness.tell(tracks)
    assert harness.genres()[artist.name] == harness.voted(artist), "it has an id now, and is the same"

    conn = harness.warehouse.conn
    land_objects(conn, [SpotifyObject("artist", "n" * 22, {"id": "n" * 22, "name": artist.name.upper()})])
    harness.settle()
    assert harness.genres()[artist.name] == [], "the name may have meant the other one"
    assert differences(harness) == []

    harness.fetch()
    assert harness.genres()[artist.name] == harness.voted(artist), "the ISRC says which one it is"


def test_the_catalog_derives_the_same_genres_from_landing_again(harness: GenreHarness) -> None:
    artists = harness.known_artists(3)
    for artist in artists:
        harness.play(harness.tracks_of(artist, 2))
    harness.fetch()
    before = harness.genres()
    assert all(before.values())

    conn = harness.warehouse.conn
    conn.execute("UPDATE artists SET genres = '{}' WHERE name = %s", [artists[0].name])
    [(table, what)] = differences(harness)
    assert (table, "genres" in what) == ("artists", True)
    conn.execute("INSERT INTO pending_musicbrainz_searches (key) SELECT key FROM musicbrainz_searches")
    harness.warehouse.sync()

    assert harness.genres() == before
    assert differences(harness) == []


def albums_of(harness: GenreHarness, tracks: list[Track]) -> dict[str, str | None]:
    """The dates of the albums of tracks, as MusicBrainz has them."""
    albums = [harness.world.albums[track.album_id] for track in tracks]
    return {one.name: one.release_date for one in albums}


def test_albums_get_the_date_of_their_first_release(harness: GenreHarness) -> None:
    artists = harness.known_artists(2)
    tracks = [track for artist in artists for track in harness.tracks_of(artist, 3)]
    harness.play(tracks)
    assert set(harness.release_dates().values()) == {None}

    harness.fetch()

    assert harness.release_dates() == albums_of(harness, tracks)
    assert differences(harness) == []

    conn = harness.warehouse.conn
    conn.execute("UPDATE albums SET release_date = '1066'")
    assert {"release date" in what for _, what in differences(harness)} == {True}
    conn.execute("INSERT INTO pending_musicbrainz_searches (key) SELECT key FROM musicbrainz_searches")
    assert harness.release_dates() == albums_of(harness, tracks), "derived from landing again"


def test_the_date_that_spotify_tells_of_an_edition_is_never_replaced(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    first, second = harness.tracks_of(artist, 1), harness.tracks_of(artist, 12)[-1:]
    assert first[0].album_id != second[0].album_id
    harness.play([*first, *second])
    harness.fetch()
    album = harness.shapes.simple_album(harness.world.albums[first[0].album_id])
    landed = {**harness.shapes.track(first[0]), "album": {**album, "release_date": "2030-01-02"}}
    land_objects(harness.warehouse.conn, [SpotifyObject("track", first[0].id, landed)])
    harness.is_settled = False

    expected = {**albums_of(harness, second), album["name"]: "2030-01-02"}
    assert harness.release_dates() == expected
    harness.moment += timedelta(days=400)
    harness.fetch()
    assert harness.release_dates() == expected
    assert differences(harness) == []


def test_an_album_that_spotify_tells_without_a_date_has_the_date_of_its_title(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    [first], [second] = harness.tracks_of(artist, 1), harness.tracks_of(artist, 12)[-1:]
    harness.play([first])
    harness.fetch()
    told = harness.shapes.simple_album(harness.world.albums[first.album_id])
    undated = {name: value for name, value in told.items() if name != "release_date"}
    renamed = harness.world.albums[second.album_id].name
    for change, expected in (
        ({}, albums_of(harness, [first])),
        ({"images": [{"url": "https://i.example/cover"}]}, albums_of(harness, [first])),
        ({"name": renamed}, albums_of(harness, [first, second])),  # the export's name is no album with an id then
    ):
        landed = {**harness.shapes.track(first), "album": {**undated, **change}}
        land_objects(harness.warehouse.conn, [SpotifyObject("track", first.id, landed)])
        harness.is_settled = False
        assert harness.release_dates() == expected
        assert differences(harness) == []


def test_an_album_that_is_imported_later_has_its_date_at_once(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    first, second = harness.tracks_of(artist, 1), harness.tracks_of(artist, 12)[-1:]
    harness.play(first)
    harness.fetch()
    harness.play(second)
    assert harness.release_dates() == albums_of(harness, [*first, *second])
    assert harness.fetch().calls == 0


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (("1975-11-21",), "1975-11-21"),
        (("1975-11-21", "1975-10"), "1975"),
        (("1975-11-21", "1974"), None),
        ((), None),
    ],
)
def test_releases_of_one_title_have_to_agree_on_the_year(
    harness: GenreHarness, dates: tuple[str, ...], expected: str | None
) -> None:
    [artist] = harness.known_artists(1)
    [track] = harness.tracks_of(artist, 1)
    harness.play([track])
    harness.settle()
    conn, mbid = harness.warehouse.conn, UUID(int=7)
    [wanted] = wanted_artists(conn, harness.moment, 10)
    title = harness.world.albums[track.album_id].name
    albums = [{"title": f"{title.upper()} (Deluxe Edition)", "date": date} for date in dates]
    land_search(conn, wanted.key, mbid, harness.moment)
    land_artist(conn, mbid, {"name": artist.name, "genres": [], "albums": albums}, harness.moment)
    assert harness.release_dates() == {title: expected}


def lengths_at_musicbrainz(harness: GenreHarness, tracks: list[Track]) -> dict[str, int | None]:
    """By the name of the track, where all of the artist's recordings of its title have one length."""
    told: dict[str, int | None] = {}
    for track in tracks:
        artist = harness.world.artists[track.artist_ids[0]].name
        lengths = {
            one.length_ms
            for one in harness.open_music.recordings
            if artist in [credited.name for credited in one.artists]
            and one.title.casefold() == track.name.replace("'", "’").casefold()
        }
        told[track.name] = lengths.pop() if len(lengths) == 1 else None
    return told


def plain_tracks(harness: GenreHarness, count: int) -> list[Track]:
    """Tracks by artists whom MusicBrainz knows whose titles need no folding."""
    tracks = [track for artist in harness.known_artists(count) for track in harness.tracks_of(artist, 3)]
    return [track for track in tracks if "(" not in track.name and " - " not in track.name]


def test_tracks_of_which_spotify_tells_no_length_get_that_of_their_recording(harness: GenreHarness) -> None:
    tracks = plain_tracks(harness, 5)
    harness.play(tracks)
    assert set(harness.lengths().values()) == {None}

    harness.fetch()

    expected = lengths_at_musicbrainz(harness, tracks)
    assert any(expected.values())
    assert harness.lengths() == expected
    assert differences(harness) == []


def test_the_length_that_spotify_tells_is_never_replaced_and_counts_as_soon_as_it_is_told(
    harness: GenreHarness,
) -> None:
    tracks = plain_tracks(harness, 20)
    told = lengths_at_musicbrainz(harness, tracks)
    first, later = next(
        (one, other)
        for one, other in pairwise(tracks)
        if one.artist_ids == other.artist_ids and told[one.name] and told[other.name] and one.duration_ms % 1_000
    )
    harness.play([first, later])
    harness.tell([first])
    harness.fetch()
    assert harness.lengths() == {first.name: first.duration_ms, later.name: told[later.name]}

    harness.tell([later])
    assert harness.lengths() == {first.name: first.duration_ms, later.name: later.duration_ms}
    harness.moment += timedelta(days=400)
    harness.fetch()
    assert harness.lengths() == {first.name: first.duration_ms, later.name: later.duration_ms}
    assert differences(harness) == []


def test_recordings_are_asked_for_only_where_spotify_leaves_lengths_unknown(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    tracks = harness.tracks_of(artist, 2)
    harness.play(tracks)
    harness.tell(tracks)
    harness.fetch()
    assert [one.path for one in harness.requests() if "artist=" in one.query and "/recording" in one.path] == []

    harness.play(harness.tracks_of(artist, 3)[2:])
    assert harness.fetch().found == 1, "though its genres are known"
    assert harness.fetch().calls == 0


def test_a_track_that_is_imported_later_has_its_length_at_once(harness: GenreHarness) -> None:
    tracks = plain_tracks(harness, 1)
    harness.play(tracks[:1])
    harness.fetch()
    harness.play(tracks)
    assert harness.lengths() == lengths_at_musicbrainz(harness, tracks)
    assert harness.fetch().calls == 0


def test_lengths_are_lost_when_a_namesake_appears(harness: GenreHarness) -> None:
    tracks = plain_tracks(harness, 1)
    harness.play(tracks)
    harness.fetch()
    assert any(harness.lengths().values())
    artist = harness.world.artists[tracks[0].artist_ids[0]]
    for number, letter in enumerate("no"):
        one = {"id": letter * 22, "name": artist.name}
        land_objects(harness.warehouse.conn, [SpotifyObject("artist", letter * 22, one)])
        harness.is_settled = False
        assert any(harness.lengths().values()) == (number == 0), "the first may be the same, the second is another"
        assert differences(harness) == []


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("recordings", "expected"),
    [
        ([("Tune", None, 200_000)], 200_000),
        ([("TUNE (2011 Remaster)", None, 200_000), ("Tune", "mono", 204_999), ("Tune", None, 205_000)], 204_999),
        ([("Tune", None, 200_000), ("Tune", None, 205_001)], None),
        ([("Tune", None, 200_000), ("Tune", "live, 1985-07-13: Wembley", 301_000)], 200_000),
        ([("Tune", "live", 301_000), ("Tune (demo)", None, 90_000), ("Another Tune", None, 1_000)], None),
        ([], None),
    ],
)
def test_recordings_of_one_title_have_to_agree_on_the_length(
    harness: GenreHarness, recordings: list[tuple[str, str | None, int]], expected: int | None
) -> None:
    [artist] = harness.known_artists(1)
    [track] = harness.tracks_of(artist, 1)
    harness.play([track._replace(name="Tune")])
    harness.settle()
    conn, mbid = harness.warehouse.conn, UUID(int=7)
    [wanted] = wanted_artists(conn, harness.moment, 10)
    assert wanted.has_unknown_lengths
    land_search(conn, wanted.key, mbid, harness.moment)
    told = [Length(*one)._asdict() for one in recordings]
    land_artist(conn, mbid, {"name": artist.name, "genres": [], "recordings": told}, harness.moment)
    assert harness.lengths() == {"Tune": expected}
    assert differences(harness) == []


def test_a_length_that_is_not_what_was_told_is_found_and_repaired(harness: GenreHarness) -> None:
    tracks = plain_tracks(harness, 2)
    harness.play(tracks)
    harness.fetch()
    expected = harness.lengths()
    conn = harness.warehouse.conn
    conn.execute("UPDATE tracks SET duration_ms = 1066")
    conn.execute("UPDATE artists SET genres = '{}'")
    conn.execute("UPDATE albums SET release_date = '1066'")
    session = harness.warehouse.session()
    assert {"duration_ms" in one.what for one in verify.verify(session).differences if one.table == "tracks"} == {True}

    assert verify.repair(session).differences == []
    assert harness.lengths() == expected


def test_an_artists_search_does_not_trust_lengths_that_musicbrainz_told(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    harness.play(harness.tracks_of(artist, 3))
    harness.fetch()
    assert any(harness.lengths().values())
    harness.moment += REFRESH_AFTER + timedelta(seconds=1)
    [wanted] = wanted_artists(harness.warehouse.conn, harness.moment, 10)
    assert [song.duration_ms for song in wanted.songs] == [None, None, None]


def test_genres_move_the_version_that_answers_are_remembered_by(harness: GenreHarness) -> None:
    [artist] = harness.known_artists(1)
    harness.play(harness.tracks_of(artist, 3))
    version = "SELECT version FROM catalog_version"
    before = harness.warehouse.conn.execute(version).fetchone()
    harness.fetch()
    assert harness.warehouse.conn.execute(version).fetchone() != before
    after = harness.warehouse.conn.execute(version).fetchone()
    harness.fetch()
    assert harness.warehouse.conn.execute(version).fetchone() == after


def test_an_outage_ends_the_run_and_loses_nothing(harness: GenreHarness) -> None:
    for artist in harness.known_artists(5):
        harness.play(harness.tracks_of(artist, 2))
    harness.simulator.control.fault("forbidden", path_prefix="/ws/2")

    refused = harness.fetch()

    assert (refused.failed, refused.is_broken) == (1, True)
    assert "MYI_MUSICBRAINZ_CONTACT" in str(refused.stopped)
    harness.simulator.control.clear_faults()
    harness.simulator.stop()
    away = harness.fetch()
    assert (away.failed, away.found, away.is_broken) == (3, 0, True)
    assert "cannot be reached" in str(away.stopped)
    harness.simulator.start()
    harness.moment += RETRY_AFTER
    assert harness.fetch().found == 5


def test_artists_whose_calls_always_fail_hold_up_no_other(harness: GenreHarness) -> None:
    artists = harness.known_artists(5)
    for times, artist in zip((9, 8, 7, 2, 1), artists, strict=True):
        harness.play(harness.tracks_of(artist, 2), times)
    for sick in artists[:3]:
        harness.simulator.control.fault("drop", path_prefix="/ws/2/recording", times=None, query=quote_plus(sick.name))

    first, second = harness.fetch(), harness.fetch()

    assert (first.found, first.failed, first.is_broken) == (0, 3, True)
    assert (second.found, second.failed, second.stopped) == (2, 0, None)
    harness.simulator.control.clear_faults()
    assert harness.fetch().found == 0, "they wait"
    harness.moment += RETRY_AFTER
    assert harness.fetch().found == 3
    harness.moment += REFRESH_AFTER + timedelta(seconds=1)
    again = wanted_artists(harness.warehouse.conn, harness.moment, 5)
    assert [one.name for one in again] == [one.name for one in artists], "whoever was answered since is in turn again"
