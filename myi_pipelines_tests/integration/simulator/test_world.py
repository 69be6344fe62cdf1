"""The music: ids that look real, the tracks of the sample history, and the awkward cases of real catalogs."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import pytest

from myi_pipelines.simulator.availability import Availability
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.simulator.sample.made_up_music import BASE62
from myi_pipelines.simulator.simulated_users import MOST, make_users
from myi_pipelines.simulator.world import build_world

pytestmark = pytest.mark.slow

WORLD = build_world()


def test_ids_look_real_and_are_unique() -> None:
    ids = [*WORLD.artists, *WORLD.albums, *WORLD.tracks, *WORLD.aliases]
    assert len(set(ids)) == len(ids)
    assert all(len(id_) == 22 and set(id_) <= set(BASE62) for id_ in ids)
    users = make_users(7, MOST)
    assert len({one.spotify_id for one in users} | {one.account_id for one in users}) == 2 * MOST
    assert make_users(7, 2) == users[:2]


def test_every_reference_leads_to_an_object() -> None:
    for track in WORLD.tracks.values():
        assert track.id in WORLD.albums[track.album_id].track_ids
        assert track.artist_ids
        assert set(track.artist_ids) <= WORLD.artists.keys()
    for album in WORLD.albums.values():
        assert set(album.artist_ids) <= WORLD.artists.keys()
    assert set(WORLD.aliases.values()) <= WORLD.tracks.keys()
    assert not WORLD.aliases.keys() & WORLD.tracks.keys()


def test_the_same_seed_is_the_same_world() -> None:
    again = build_world.__wrapped__()
    assert again is not WORLD
    assert vars(again) == vars(WORLD)


def test_the_tracks_of_the_sample_history_are_all_known(tmp_path: Path) -> None:
    end = date(2025, 10, 31)
    write_sample(tmp_path, users=1, years=2, plays=3000, end=end)
    available = Availability(build_world(end=end, years=2))
    rows = [
        row
        for path in tmp_path.rglob("*.zip")
        for name in ZipFile(path).namelist()
        if name.endswith(".json") and "Audio" in name
        for row in json.loads(ZipFile(path).read(name))
    ]
    uris = {uri: row["master_metadata_track_name"] for row in rows if (uri := row["spotify_track_uri"])}
    assert len(uris) > 300
    for uri, name in uris.items():
        assert available.track(uri.removeprefix("spotify:track:")).track.name == name


def test_catalogs_are_awkward() -> None:
    names = Counter(artist.name for artist in WORLD.artists.values())
    assert sorted(name for name, count in names.items() if count > 1) == ["Hollow Meridian", "Mono Lagoon"]
    recordings = Counter(track.isrc for track in WORLD.tracks.values())
    assert sum(count > 1 for count in recordings.values()) > 30
    assert any(len(album.track_ids) > 50 for album in WORLD.albums.values())
    assert sum(len(track.artist_ids) > 1 for track in WORLD.tracks.values()) > 300
    assert {album.precision for album in WORLD.albums.values()} == {"day", "month", "year"}
    assert any(not artist.genres for artist in WORLD.artists.values())
    assert any(track.preview is None for track in WORLD.tracks.values())
    various = next(artist.id for artist in WORLD.artists.values() if artist.name == "Various Artists")
    compilations = [album for album in WORLD.albums.values() if album.artist_ids == (various,)]
    assert len(compilations) == 4
    assert all(various not in WORLD.tracks[id_].artist_ids for album in compilations for id_ in album.track_ids)
