"""The Web API's answers: the fields that are there and those that are not, pages, nulls and errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.simulator.control import CatalogInfo
from myi_pipelines_tests.support.simulator_app import Linked, link

pytestmark = pytest.mark.slow

SIMPLE_ARTIST = {"external_urls", "href", "id", "name", "type", "uri"}
ARTIST = SIMPLE_ARTIST | {"images"}
SIMPLE_ALBUM = SIMPLE_ARTIST | {
    "album_type", "total_tracks", "images", "release_date", "release_date_precision", "artists",
}  # fmt: skip
ALBUM = SIMPLE_ALBUM | {"tracks", "copyrights", "external_ids", "genres"}
SIMPLE_TRACK = SIMPLE_ARTIST | {
    "artists", "disc_number", "duration_ms", "explicit", "is_local", "is_playable", "preview_url",
    "track_number",
}  # fmt: skip
TRACK = SIMPLE_TRACK | {"album", "external_ids"}
PAGE = {"href", "items", "limit", "next", "offset", "previous", "total"}
USER = {"display_name", "external_urls", "href", "id", "account_id", "images", "type", "uri"}
UNKNOWN = "0" * 22


@pytest.fixture
def ada(simulator: Simulator) -> Linked:
    return link(simulator, "ada")


@pytest.fixture
def extended_ada(extended_simulator: Simulator) -> Linked:
    return link(
        extended_simulator, "ada", scope="user-read-recently-played user-top-read user-read-private user-read-email"
    )


@pytest.fixture
def catalog(simulator: Simulator) -> CatalogInfo:
    return simulator.control.catalog()


def error_of(linked: Linked, path: str, **params: str | int) -> tuple[int, Any]:
    reply = linked.get(path, params)
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    return reply.status_code, reply.json()


def test_fields_in_development_mode(ada: Linked, catalog: CatalogInfo) -> None:
    track = ada.json(f"/v1/tracks/{catalog.tracks[0].id}")
    assert track.keys() == TRACK
    assert track["album"].keys() == SIMPLE_ALBUM
    assert track["artists"][0].keys() == track["album"]["artists"][0].keys() == SIMPLE_ARTIST
    assert track["external_ids"].keys() == {"isrc"}
    album = ada.json(f"/v1/albums/{catalog.albums[0].id}")
    assert album.keys() == ALBUM
    assert album["tracks"].keys() == PAGE
    assert album["tracks"]["items"][0].keys() == SIMPLE_TRACK
    artist = ada.json(f"/v1/artists/{catalog.artists[0].id}")
    assert artist.keys() == ARTIST
    assert artist["images"][0].keys() == {"url", "height", "width"}
    assert ada.json("/v1/me").keys() == USER
    assert {ada.json(f"/v1/tracks/{one.id}")["preview_url"] for one in catalog.tracks[:20]} == {None}


def test_fields_in_extended_mode(extended_ada: Linked, catalog: CatalogInfo) -> None:
    track = extended_ada.json(f"/v1/tracks/{catalog.tracks[0].id}")
    assert track.keys() == TRACK | {"available_markets", "popularity"}
    album = extended_ada.json(f"/v1/albums/{catalog.albums[0].id}")
    assert album.keys() == ALBUM | {"available_markets", "popularity", "label"}
    artist = extended_ada.json(f"/v1/artists/{catalog.artists[0].id}")
    assert artist.keys() == ARTIST | {"followers", "genres", "popularity"}
    user = extended_ada.json("/v1/me")
    assert user.keys() == USER | {"country", "email", "explicit_content", "followers", "product"}


def test_account_id_can_be_missing_and_a_display_name_null(simulator: Simulator, ada: Linked) -> None:
    info = simulator.control.user("ada")
    assert (ada.json("/v1/me")["id"], ada.json("/v1/me")["account_id"]) == (info.spotify_id, info.account_id)
    simulator.control.fault("omit_account_id")
    assert ada.json("/v1/me").keys() == USER - {"account_id"}
    assert link(simulator, "chandra").json("/v1/me")["display_name"] is None


def test_recently_played_is_the_newest_first_with_full_tracks(simulator: Simulator, ada: Linked) -> None:
    page = ada.recent(limit=50)
    assert page.keys() == {"items", "next", "cursors", "limit", "href", "total"}
    assert len(page["items"]) == page["limit"] == 50
    times = [item["played_at"] for item in page["items"]]
    assert times == sorted(times, reverse=True)
    assert all(len(time) == 24 and time.endswith("Z") for time in times)
    assert all(
        item.keys() == {"track", "played_at", "context"} and item["track"].keys() == TRACK for item in page["items"]
    )
    newest, oldest = (datetime.fromisoformat(time).timestamp() * 1000 for time in (times[0], times[-1]))
    assert page["cursors"] == {"after": str(round(newest)), "before": str(round(oldest))}
    assert page["next"] == f"{simulator.url}/v1/me/player/recently-played?before={round(oldest)}&limit=50"
    assert any(item["context"] is None for item in page["items"])
    assert len(ada.recent()["items"]) == 20


def test_only_fifty_plays_exist(ada: Linked) -> None:
    items, url = [], "/v1/me/player/recently-played?limit=30"
    while url:
        page = ada.json(url)
        items += page["items"]
        url = page["next"]
    assert len(items) == 50
    past_the_end = ada.json(ada.recent(limit=50)["next"])
    assert (past_the_end["items"], past_the_end["next"], past_the_end["cursors"]) == ([], None, None)


def test_after_is_exclusive_and_an_empty_page_has_no_cursors(ada: Linked) -> None:
    page = ada.recent(limit=50)
    fifth = round(datetime.fromisoformat(page["items"][4]["played_at"]).timestamp() * 1000)
    assert ada.recent(limit=50, after=fifth)["items"] == page["items"][:4]
    nothing = ada.recent(after=page["cursors"]["after"])
    assert (nothing["items"], nothing["next"], nothing["cursors"]) == ([], None, None)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 51}, "Invalid limit"),
        ({"limit": 0}, "Invalid limit"),
        ({"limit": "many"}, "Invalid limit"),
        ({"after": "yesterday"}, "Invalid after"),
        ({"after": 1, "before": 2}, "Only one of after and before may be given"),
    ],
)
def test_wrong_parameters_are_400(ada: Linked, params: dict[str, str | int], message: str) -> None:
    assert error_of(ada, "/v1/me/player/recently-played", **params) == (
        400,
        {"error": {"status": 400, "message": message}},
    )


def test_trailing_slashes_are_the_same_path(simulator: Simulator, ada: Linked) -> None:
    assert ada.json("/v1/me/") == ada.json("/v1/me")
    assert [request.path for request in simulator.control.requests("/v1/me")] == ["/v1/me"] * 2


def test_top_lists_differ_by_term_and_have_full_objects(ada: Linked) -> None:
    lists = {term: ada.json("/v1/me/top/tracks", time_range=term, limit=50) for term in ("short_term", "long_term")}
    assert all(page.keys() == PAGE and len(page["items"]) == 50 for page in lists.values())
    assert lists["short_term"]["items"] != lists["long_term"]["items"]
    assert lists["short_term"]["items"][0].keys() == TRACK
    artists = ada.json("/v1/me/top/artists")
    assert artists["limit"] == len(artists["items"]) == 20
    assert artists["items"][0].keys() == ARTIST
    rest = ada.json(artists["next"])
    assert rest["items"][0]["id"] not in {item["id"] for item in artists["items"]}
    assert ada.json(rest["previous"])["items"] == artists["items"]
    assert error_of(ada, "/v1/me/top/tracks", time_range="all_time")[0] == 400


def test_top_lists_are_what_was_played(simulator: Simulator, ada: Linked, catalog: CatalogInfo) -> None:
    favourite = catalog.tracks[4000]
    for hours in range(60):
        simulator.control.add_play("ada", favourite.id, simulator.control.now() - timedelta(hours=13 + hours))
    top = ada.json("/v1/me/top/tracks", time_range="short_term")["items"][0]
    assert top["id"] == favourite.id


@pytest.mark.parametrize(("kind", "most"), [("tracks", 50), ("artists", 50), ("albums", 20)])
def test_batches(ada: Linked, extended_ada: Linked, catalog: CatalogInfo, kind: str, most: int) -> None:
    ids = [one.id for one in getattr(catalog, kind)[: most + 1]]
    asked = [*ids[:2], UNKNOWN, "no-id"]
    assert error_of(ada, f"/v1/{kind}", ids=",".join(asked)) == (
        403,
        {"error": {"status": 403, "message": "Forbidden"}},
    )
    found = extended_ada.json(f"/v1/{kind}/", ids=",".join(asked))[kind]
    assert [one and one["id"] for one in found] == [*ids[:2], None, None]
    assert len(extended_ada.json(f"/v1/{kind}", ids=",".join(ids[:most]))[kind]) == most
    assert error_of(extended_ada, f"/v1/{kind}", ids=",".join(ids))[1]["error"]["message"] == "Too many ids requested"
    assert error_of(extended_ada, f"/v1/{kind}")[0] == 400


def test_single_and_batch_objects_are_the_same(extended_ada: Linked, catalog: CatalogInfo) -> None:
    id_ = catalog.tracks[7].id
    assert extended_ada.json("/v1/tracks", ids=id_)["tracks"] == [extended_ada.json(f"/v1/tracks/{id_}")]


@pytest.mark.parametrize("kind", ["tracks", "artists", "albums"])
def test_unknown_and_malformed_ids(ada: Linked, kind: str) -> None:
    assert error_of(ada, f"/v1/{kind}/{UNKNOWN}") == (404, {"error": {"status": 404, "message": "Resource not found"}})
    assert error_of(ada, f"/v1/{kind}/no-id") == (400, {"error": {"status": 400, "message": "invalid id"}})


def test_objects_can_be_taken_down(
    simulator: Simulator, extended_simulator: Simulator, ada: Linked, extended_ada: Linked, catalog: CatalogInfo
) -> None:
    track, album = catalog.tracks[3].id, catalog.albums[3].id
    for control in (simulator.control, extended_simulator.control):
        control.make_gone(track)
        control.make_gone(album, status=400)
    assert ada.get(f"/v1/tracks/{track}").status_code == 404
    assert ada.get(f"/v1/albums/{album}").status_code == ada.get(f"/v1/albums/{album}/tracks").status_code == 400
    assert extended_ada.json("/v1/tracks", ids=track)["tracks"] == [None]
    simulator.control.restore(track)
    assert ada.get(f"/v1/tracks/{track}").ok


def test_a_long_album_takes_several_pages(ada: Linked, catalog: CatalogInfo) -> None:
    box_set = next(album for album in catalog.albums if len(album.track_ids) > 50)
    album = ada.json(f"/v1/albums/{box_set.id}")
    first = album["tracks"]
    assert (album["total_tracks"], first["total"], first["limit"], len(first["items"])) == (64, 64, 50, 50)
    second = ada.json(first["next"])
    assert [item["id"] for item in first["items"] + second["items"]] == box_set.track_ids
    assert (second["next"], second["items"][-1]["disc_number"]) == (None, 4)
    assert len(ada.json(f"/v1/albums/{box_set.id}/tracks")["items"]) == 20


def test_relinked_ids_come_back_as_another(
    simulator: Simulator, extended_simulator: Simulator, ada: Linked, extended_ada: Linked, catalog: CatalogInfo
) -> None:
    asked, returned = next(iter(catalog.relinked.items()))
    track = ada.json(f"/v1/tracks/{asked}")
    assert (track["id"], track["uri"]) == (returned, f"spotify:track:{returned}")
    assert "linked_from" not in track
    assert extended_ada.json(f"/v1/tracks/{asked}")["linked_from"]["id"] == asked
    known, other, unheard_of = catalog.tracks[10].id, catalog.tracks[11], "7" * 22
    simulator.control.relink(known, other.id)
    assert ada.json(f"/v1/tracks/{known}")["name"] == other.name
    simulator.control.relink(known, unheard_of)
    renamed = ada.json(f"/v1/tracks/{known}")
    assert (renamed["id"], renamed["name"]) == (unheard_of, catalog.tracks[10].name)
    assert ada.json(f"/v1/tracks/{unheard_of}")["name"] == catalog.tracks[10].name


def test_a_play_shows_the_id_that_was_played(simulator: Simulator, ada: Linked, catalog: CatalogInfo) -> None:
    old_id = next(iter(catalog.relinked))
    simulator.control.add_play("ada", old_id, simulator.control.now())
    assert ada.recent()["items"][0]["track"]["id"] == old_id


def test_a_local_file_has_no_ids(simulator: Simulator, ada: Linked) -> None:
    simulator.control.add_play("ada", None, simulator.control.now())
    track = ada.recent()["items"][0]["track"]
    assert track.keys() == TRACK - {"is_playable"}
    assert (track["id"], track["album"]["id"], track["artists"][0]["id"], track["is_local"]) == (None, None, None, True)


def test_search_finds_by_title_and_artist(ada: Linked, catalog: CatalogInfo) -> None:
    names = {artist.id: artist.name for artist in catalog.artists}
    wanted = catalog.tracks[123]
    page = ada.json("/v1/search", q=f'track:"{wanted.name}" artist:"{names[wanted.artist_ids[0]]}"', type="track")
    assert page.keys() == {"tracks"}
    assert page["tracks"].keys() == PAGE
    assert page["tracks"]["items"][0].keys() == TRACK
    assert wanted.id in [item["id"] for item in page["tracks"]["items"]]
    assert ada.json("/v1/search", q='track:"no such song of nobody"', type="track")["tracks"]["items"] == []
    assert wanted.id in [
        i["id"] for i in ada.json("/v1/search", q=f"isrc:{wanted.isrc}", type="track")["tracks"]["items"]
    ]


def test_search_without_an_exact_match_offers_similar_tracks(ada: Linked, catalog: CatalogInfo) -> None:
    names = {artist.id: artist.name for artist in catalog.artists}
    title, artist = catalog.tracks[123].name, names[catalog.tracks[4000].artist_ids[0]]
    items = ada.json("/v1/search", q=f'track:"{title}" artist:"{artist}"', type="track", limit=10)["tracks"]["items"]
    assert items[0]["name"] == title
    assert all(item["name"] == title or artist in [one["name"] for one in item["artists"]] for item in items)
    assert artist not in [one["name"] for one in items[0]["artists"]]


def test_search_gives_at_most_ten_in_development_mode(ada: Linked, extended_ada: Linked) -> None:
    assert len(ada.json("/v1/search", q="home", type="track")["tracks"]["items"]) == 5
    assert error_of(ada, "/v1/search", q="home", type="track", limit=11)[1]["error"]["message"] == "Invalid limit"
    found = extended_ada.json("/v1/search", q="home", type="track", limit=50)["tracks"]
    assert len(found["items"]) == 50
    rest = extended_ada.json(found["next"])["tracks"]
    assert rest["offset"] == 50
    assert error_of(ada, "/v1/search", type="track")[1]["error"]["message"] == "No search query"
    assert error_of(ada, "/v1/search", q="home")[0] == 400


def test_endpoints_that_do_not_exist(ada: Linked) -> None:
    assert error_of(ada, "/v1/audio-features")[0] == 404
    assert ada.get("/v2/me").status_code == 404


def test_plays_show_as_the_clock_moves(simulator: Simulator, ada: Linked) -> None:
    newest = ada.recent()["cursors"]["after"]
    simulator.control.set_time(datetime(2026, 3, 5, tzinfo=UTC))
    fresh = link(simulator, "ada").recent()["cursors"]["after"]
    assert int(fresh) > int(newest)
