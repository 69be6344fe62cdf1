"""The Web API without faults: what each method requests and returns, and how many calls it makes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify.api_errors import Forbidden, ForbiddenKind, Gone, MalformedReply
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import App
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines_tests.support.spotify_fixtures import log_in

NOBODY = "0" * 22


def paths(simulator: Simulator) -> list[str]:
    return [one.path + (f"?{one.query}" if one.query else "") for one in simulator.control.requests("/v1")]


def test_me_is_the_listener(client: SpotifyClient, token: str, simulator: Simulator, listener: str) -> None:
    true = simulator.control.user(listener)
    me = client.me(token)
    assert (me.spotify_id, me.account_id, me.display_name) == (true.spotify_id, true.account_id, true.display_name)


def test_me_without_an_account_id_has_none(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    simulator.control.fault("omit_account_id")
    assert client.me(token).account_id is None


def test_recently_played_returns_the_visible_window_in_one_call(
    client: SpotifyClient, token: str, simulator: Simulator, listener: str
) -> None:
    shown = simulator.control.shown(listener)
    plays = client.recently_played(token)
    assert [(play.track["id"], play.played_at) for play in plays] == [(one.track_id, one.played_at) for one in shown]
    assert len(plays) == 50
    assert all(play.track["duration_ms"] and play.played_at.utcoffset() == timedelta(0) for play in plays)
    assert len(paths(simulator)) == 1


def test_a_local_file_has_no_id(client: SpotifyClient, token: str, simulator: Simulator, listener: str) -> None:
    ended = simulator.control.now()
    simulator.control.add_play(listener, None, ended)
    assert any(play.track["id"] is None and play.played_at == ended for play in client.recently_played(token))


def test_items_that_are_not_plays_are_left_out(
    client: SpotifyClient, token: str, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "myi_pipelines")
    good = {"played_at": "2026-03-02T11:00:00.123Z", "track": {"id": NOBODY}, "context": None}
    bad = [None, {**good, "track": None}, {**good, "played_at": "yesterday"}, {**good, "played_at": None}, "x"]
    simulator.control.fault("json_200", body={"items": [*bad, good], "next": None, "cursors": None})
    [play] = client.recently_played(token)
    assert play.played_at.isoformat() == "2026-03-02T11:00:00.123000+00:00"
    assert [one.getMessage()[:25] for one in caplog.records] == ["3 recently played items h"]


def test_an_empty_window_has_no_plays(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    simulator.control.fault("json_200", body={"items": [], "next": None, "cursors": None})
    assert client.recently_played(token) == []


@pytest.mark.parametrize("term", ["short_term", "medium_term", "long_term"])
def test_top_lists_are_one_call_of_50_each(client: SpotifyClient, token: str, simulator: Simulator, term: str) -> None:
    tracks = client.top_tracks(token, term)  # type: ignore[arg-type]
    artists = client.top_artists(token, term)  # type: ignore[arg-type]
    assert len(tracks) == 50
    assert 0 < len(artists) <= 50
    assert len({track["id"] for track in tracks}) == 50
    assert all("images" in artist for artist in artists)
    assert [term in path and "limit=50" in path for path in paths(simulator)] == [True, True]


def test_single_objects_are_found_by_their_ids(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    catalog = simulator.control.catalog()
    track, artist, album = catalog.tracks[3], catalog.artists[3], catalog.albums[3]
    assert client.track(token, track.id)["external_ids"]["isrc"] == track.isrc
    assert client.artist(token, artist.id)["name"] == artist.name
    assert client.album(token, album.id)["name"] == album.name


@pytest.mark.parametrize("status", [400, 404])
def test_a_gone_id_costs_one_call(status: int, client: SpotifyClient, token: str, simulator: Simulator) -> None:
    gone = simulator.control.catalog().tracks[5].id
    simulator.control.make_gone(gone, status)
    with pytest.raises(Gone):
        client.track(token, gone)
    for ask in (client.artist, client.album, client.album_tracks):
        with pytest.raises(Gone):
            ask(token, NOBODY)
    assert len(paths(simulator)) == 4


@pytest.mark.parametrize("no_id", ["", "local:file", "spotify:track:" + NOBODY, "a/../me", "ä" * 22, NOBODY + "\n"])
def test_an_invalid_id_is_gone_without_a_call(
    no_id: str, client: SpotifyClient, token: str, simulator: Simulator
) -> None:
    for ask in (client.track, client.artist, client.album, client.album_tracks):
        with pytest.raises(Gone):
            ask(token, no_id)
    assert client.tracks(token, [no_id]) == [None]
    assert paths(simulator) == []


def test_a_404_page_of_a_proxy_does_not_mean_gone(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    track = simulator.control.catalog().tracks[0].id
    simulator.control.fault("server_error", path_prefix="/v1/tracks", status=404)
    with pytest.raises(MalformedReply):
        client.track(token, track)
    simulator.control.fault(
        "error_body", path_prefix="/v1/tracks", status=400, body={"error": {"message": "Bad limit"}}
    )
    with pytest.raises(MalformedReply):
        client.track(token, track)


def test_a_relinked_track_has_its_other_id(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    asked, other = (track.id for track in simulator.control.catalog().tracks[:2])
    simulator.control.relink(asked, other)
    assert client.track(token, asked)["id"] == other


def test_an_album_s_tracks_are_read_by_pages(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    album = max(simulator.control.catalog().albums, key=lambda one: len(one.track_ids))
    assert len(album.track_ids) > 50
    for offset in (0, 50, 100):
        ids = [track["id"] for track in client.album_tracks(token, album.id, offset)]
        assert ids == album.track_ids[offset : offset + 50]


def test_development_mode_has_no_batches(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    ids = [track.id for track in simulator.control.catalog().tracks[:3]]
    for ask in (client.tracks, client.artists, client.albums):
        with pytest.raises(Forbidden) as raised:
            ask(token, ids)
        assert raised.value.kind is ForbiddenKind.BATCH_NOT_ALLOWED
    assert len(paths(simulator)) == 3


@pytest.fixture
def extended(extended_simulator: Simulator, gate: Gate) -> SpotifyClient:
    return SpotifyClient(gate, extended_simulator.url)


@pytest.fixture
def extended_token(extended_simulator: Simulator, app: App) -> str:
    app = App(app.client_id, app.redirect_uri, accounts_url=extended_simulator.url)
    name = extended_simulator.control.users()[0].name
    token = log_in(extended_simulator, app, name).access_token
    extended_simulator.control.clear_requests()
    return token


def test_a_batch_returns_each_id_in_order_and_none_for_gone_ones(
    extended: SpotifyClient, extended_token: str, extended_simulator: Simulator
) -> None:
    catalog = extended_simulator.control.catalog()
    one, gone, two = (track.id for track in catalog.tracks[:3])
    extended_simulator.control.make_gone(gone)
    asked = [one, gone, "no id", two, NOBODY, one]
    found = extended.tracks(extended_token, asked)
    assert [entry and entry["id"] for entry in found] == [one, None, None, two, None, one]
    artists = [artist.id for artist in catalog.artists[:50]]
    assert [entry and entry["id"] for entry in extended.artists(extended_token, artists)] == artists
    albums = [album.id for album in catalog.albums[:20]]
    assert [entry and entry["id"] for entry in extended.albums(extended_token, albums)] == albums
    assert len(paths(extended_simulator)) == 3
    assert extended.tracks(extended_token, []) == []
    with pytest.raises(ValueError, match="51 tracks"):
        extended.tracks(extended_token, [NOBODY] * 51)
    assert len(paths(extended_simulator)) == 3


def test_a_batch_reply_with_too_few_entries_is_malformed(
    extended: SpotifyClient, extended_token: str, extended_simulator: Simulator
) -> None:
    extended_simulator.control.fault("json_200", path_prefix="/v1/tracks", body={"tracks": []})
    with pytest.raises(MalformedReply):
        extended.tracks(extended_token, [NOBODY])


def test_a_search_finds_a_track_by_name_and_artist(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    catalog = simulator.control.catalog()
    track = catalog.tracks[0]
    artist = next(one for one in catalog.artists if one.id == track.artist_ids[0])
    found = client.search_track(token, track.name, artist.name)
    assert track.id in [one["id"] for one in found]
    assert client.search_track(token, 'no "such: track', "artist:nobody") == []


def test_calls_count_in_the_groups_that_spotify_counts(
    client: SpotifyClient, token: str, simulator: Simulator, gate: Gate
) -> None:
    catalog = simulator.control.catalog()
    client.me(token)
    client.recently_played(token)
    client.top_tracks(token, "short_term")
    client.top_artists(token, "short_term")
    client.track(token, catalog.tracks[0].id)
    client.album_tracks(token, catalog.albums[0].id)
    client.search_track(token, "a", "b", priority=Priority.ENRICH)
    with pytest.raises(Forbidden):
        client.artists(token, [catalog.artists[0].id])
    counted = {one.group: one.calls_last_day for one in gate.usage()}
    assert counted == {group: 2 if group is EndpointGroup.TOP else 1 for group in EndpointGroup}
    assert len(paths(simulator)) == sum(counted.values())


def test_listeners_do_not_share_tokens_or_cookies(
    make_gate: Callable[..., Gate], simulator: Simulator, app: App
) -> None:
    client = SpotifyClient(make_gate(calls_per_minute=1_000), simulator.url)
    people = simulator.control.users()
    tokens = [log_in(simulator, app, person.name).access_token for person in people]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.me(tokens[number % len(tokens)]).spotify_id, range(60)))
    client.close()
    assert answers == [people[number % len(people)].spotify_id for number in range(60)]
