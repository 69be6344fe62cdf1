"""MusicBrainz' client against the simulated one: how fast it asks, and what it does with every kind of answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.simulator.open_music import OpenRecording, build_open_music
from myi_pipelines.sources.musicbrainz.api_errors import MusicBrainzError, Paused, Refused, Unavailable
from myi_pipelines.sources.musicbrainz.client import RECORDING_PAGES, Album, Artist, Genre, Length, MusicBrainzClient
from myi_pipelines.sources.musicbrainz.pace import Pace

APPLICATION = "MYI-tests/1 ( tests@example.org )"


class Slept:
    """Waits that are counted and not waited for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def slept() -> Slept:
    return Slept()


@pytest.fixture
def pace(redis_url: str, slept: Slept) -> Iterator[Pace]:
    with closing(Pace(redis_url, sleep=slept)) as made:
        yield made


@pytest.fixture
def client(pace: Pace, simulator: Simulator) -> Iterator[MusicBrainzClient]:
    with closing(MusicBrainzClient(pace, APPLICATION, simulator.url, timeout_seconds=0.5)) as made:
        yield made


def a_recording(simulator: Simulator, wanted: Callable[[OpenRecording], bool] = lambda one: True) -> OpenRecording:
    return next(one for one in build_open_music(simulator.spotify.world).recordings if one.isrc and wanted(one))


def test_processes_that_share_redis_take_turns_a_second_apart(redis_url: str) -> None:
    waits = [Slept() for _ in range(4)]
    paces = [Pace(redis_url, sleep=slept) for slept in waits]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.await_turn(), paces))
    turns = sorted(seconds for slept in waits for seconds in slept.seconds)
    assert [round(turn) for turn in turns] == [0, 1, 2, 3]
    for one in paces:
        one.close()


def test_a_pause_holds_for_everybody_and_a_long_one_ends_the_run(redis_url: str, pace: Pace, slept: Slept) -> None:
    with closing(Pace(redis_url, sleep=slept)) as other:
        other.pause(timedelta(seconds=5))
        pace.await_turn()
        assert 4 < slept.seconds[-1] <= 5
        other.pause(timedelta(hours=1))
    with pytest.raises(Paused, match="asks to wait until"):
        pace.await_turn()


def test_without_redis_nothing_is_asked(simulator: Simulator) -> None:
    with (
        closing(Pace("redis://127.0.0.1:9/0")) as nowhere,
        closing(MusicBrainzClient(nowhere, APPLICATION, simulator.url)) as client,
        pytest.raises(Unavailable, match="Redis does not answer"),
    ):
        client.recordings_of_isrc("GBAAA9900303")
    assert simulator.control.requests("/ws/2") == []


def test_a_recording_is_found_by_isrc_and_by_its_names(client: MusicBrainzClient, simulator: Simulator) -> None:
    known = a_recording(simulator, lambda one: len(one.artists) == 1)
    [by_isrc] = client.recordings_of_isrc(str(known.isrc))
    assert (by_isrc.title, by_isrc.length_ms) == (known.title, known.length_ms)
    assert [one.mbid for one in by_isrc.artists] == [one.mbid for one in known.artists]

    by_names = client.search_recordings(known.title.upper(), known.artists[0].name)
    assert (known.title, list(known.releases)) in [(one.title, one.releases) for one in by_names]


def test_an_artist_has_its_genres_with_their_votes(client: MusicBrainzClient, simulator: Simulator) -> None:
    known = a_recording(simulator, lambda one: bool(one.artists[0].genres)).artists[0]
    found = client.artist(UUID(known.mbid))
    assert found is not None
    assert (found.name, {one.name: one.votes for one in found.genres}) == (known.name, known.genres)


def test_an_artists_albums_have_their_dates_page_by_page(client: MusicBrainzClient, simulator: Simulator) -> None:
    music = build_open_music(simulator.spotify.world)
    mbid, albums = next((mbid, albums) for mbid, albums in music.albums.items() if len(albums) > 1)
    assert client.albums(UUID(mbid)) == [Album(*one) for one in albums]
    assert client.albums(UUID(int=1)) == []

    dated = {"title": "x", "first-release-date": "1999"}
    groups = [dated, {"title": "no date", "first-release-date": ""}, {"title": "odd", "first-release-date": "199?"}]
    page = {"release-groups": groups * 34}  # longer than a page
    simulator.control.fault("json_200", path_prefix="/ws/2/release-group", body=page)
    assert client.albums(UUID(mbid)) == [Album("x", "1999")] * 34, "the next page is past the end"


def test_an_artists_recordings_have_their_lengths_page_by_page(client: MusicBrainzClient, simulator: Simulator) -> None:
    music = build_open_music(simulator.spotify.world)
    mbid = next(mbid for mbid in music.artists if len(music.recordings_of(mbid)) > 1)
    assert client.lengths(UUID(mbid)) == [Length(one.title, None, one.length_ms) for one in music.recordings_of(mbid)]
    assert client.lengths(UUID(int=1)) == []

    live = {"title": "x", "disambiguation": "live", "length": 2_000, "video": False}
    odd: list[Any] = [
        None,
        {"length": 1},
        *({"title": "x", "length": length} for length in (None, 0, "9", 2**31, True)),
    ]
    page = {"recordings": [{"title": "x", "length": 1_000}, live, {"title": "x", "length": 3_000, "video": True}, *odd]}
    simulator.control.fault("json_200", path_prefix="/ws/2/recording", body=page)
    assert client.lengths(UUID(mbid)) == [Length("x", None, 1_000), Length("x", "live", 2_000)]


def test_the_title_at_which_a_long_list_of_recordings_is_cut_is_left_out(redis_url: str, simulator: Simulator) -> None:
    full = {"recordings": [{"title": title, "length": 1_000} for title in ["A"] * 98 + ["B!", "b"]]}
    simulator.control.fault("json_200", path_prefix="/ws/2/recording", times=None, body=full)
    with (
        closing(Pace(redis_url, 100)) as pace,
        closing(MusicBrainzClient(pace, APPLICATION, simulator.url)) as client,
    ):
        assert {one.title for one in client.lengths(UUID(int=1))} == {"A"}
        assert client.calls == RECORDING_PAGES


def test_what_musicbrainz_does_not_have_is_none(client: MusicBrainzClient, simulator: Simulator) -> None:
    assert client.recordings_of_isrc("GBAAA0000000") == []
    assert client.recordings_of_isrc("not an ISRC") == []
    assert client.search_recordings('no "such" \\ song', "nobody") == []
    assert client.artist(UUID("00000000-1111-4222-8333-444444444444")) is None
    assert client.calls == 3 == len(simulator.control.requests("/ws/2"))


def test_a_busy_musicbrainz_is_asked_again_when_it_says(
    client: MusicBrainzClient, simulator: Simulator, slept: Slept
) -> None:
    known = a_recording(simulator)
    simulator.control.fault("server_error", path_prefix="/ws/2", times=2, retry_after=4)

    assert client.recordings_of_isrc(str(known.isrc)) != []

    assert client.calls == 3
    assert [round(seconds) for seconds in slept.seconds] == [0, 4, 5], "nobody really slept between the last two"


def test_a_long_pause_ends_the_call_and_all_that_follow(client: MusicBrainzClient, simulator: Simulator) -> None:
    simulator.control.fault("server_error", path_prefix="/ws/2", retry_after=3600)
    with pytest.raises(Unavailable, match="answered 503"):
        client.recordings_of_isrc("GBAAA9900303")
    with pytest.raises(Paused):
        client.recordings_of_isrc("GBAAA9900303")
    assert client.calls == 1


def test_an_application_that_is_refused_does_not_ask_again(pace: Pace, simulator: Simulator) -> None:
    with closing(MusicBrainzClient(pace, "python-requests/2", simulator.url)) as nameless:
        with pytest.raises(Refused, match="MYI_MUSICBRAINZ_CONTACT"):
            nameless.recordings_of_isrc("GBAAA9900303")
        assert nameless.calls == 1


@pytest.mark.parametrize(
    ("kind", "details", "text"),
    [
        ("html_200", {}, "not a JSON object"),
        ("garbage_json", {}, "not a JSON object"),
        ("json_200", {"body": ["a list"]}, "not a JSON object"),
        ("drop", {}, "cannot be reached"),
        ("truncated", {}, "cannot be reached"),
        ("trickle", {"seconds": 30}, "did not answer in time"),
        ("trickle_headers", {"seconds": 30}, "did not answer in time"),
    ],
)
def test_a_bad_answer_is_one_line(
    client: MusicBrainzClient, simulator: Simulator, kind: str, details: dict[str, Any], text: str
) -> None:
    simulator.control.fault(kind, path_prefix="/ws/2", times=None, **details)
    with pytest.raises(MusicBrainzError, match=text):
        client.recordings_of_isrc("GBAAA9900303")


def test_an_object_of_anything_is_read_as_far_as_it_makes_sense(
    client: MusicBrainzClient, simulator: Simulator
) -> None:
    mbid = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
    credit = {"name": "A\0", "artist": {"id": mbid, "name": "B", "aliases": [{"name": "C"}, 7]}}
    recordings = [
        None, 7, {}, {"title": "no artist"}, {"title": "x", "artist-credit": [{"artist": {"id": "x"}}, "and"]},
        {"title": "Song", "length": True, "artist-credit": [credit], "releases": [{"title": "R"}, {}, None]},
    ]  # fmt: skip
    simulator.control.fault("json_200", path_prefix="/ws/2", body={"recordings": recordings})
    [found] = client.recordings_of_isrc("GBAAA9900303")
    assert (found.title, found.length_ms, found.releases) == ("Song", None, ["R"])
    assert [(one.mbid, one.names) for one in found.artists] == [(mbid, ["A", "B", "C"])]

    genres = [{"name": "rock", "count": 3}, {"name": "spam", "count": -2}, {"name": 5, "count": 1}, "pop"]
    simulator.control.fault("json_200", path_prefix="/ws/2", body={"name": "A", "genres": genres})
    assert client.artist(UUID(mbid)) == Artist("A", [Genre("rock", 3)])
